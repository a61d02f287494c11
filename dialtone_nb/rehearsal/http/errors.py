"""Error responses in Twilio's format."""

from __future__ import annotations

from typing import Any

# A code of ours, which Twilio does not have: the response or alert for everything that the rehearsal does not model.
NOT_MODELLED = 20501


class Refusal(Exception):  # noqa: N818 - it becomes a response, and is no error of the rehearsal's
    """The refusal of a request, with Twilio's error code and the HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> dict[str, Any]:
        """The JSON body of the response."""
        return {"code": self.code, "message": self.message, "more_info": more_info(self.code), "status": self.status}


def more_info(code: int | str) -> str:
    """The page of Twilio's documentation about an error code."""
    return f"https://www.twilio.com/docs/errors/{code}"


def absent(path: str) -> Refusal:
    """A 404: there is no such resource."""
    return Refusal(20404, f"The requested resource {path} was not found", 404)


def conflict(message: str) -> Refusal:
    """A 409: the name is taken, or the state is as requested already."""
    return Refusal(20409, message, 409)


def unauthenticated(message: str = "Authenticate") -> Refusal:
    """A 401, with Twilio's message for wrong credentials."""
    return Refusal(20003, message, 401)


def not_modelled(what: str) -> Refusal:
    """A 501 that names what the rehearsal does not model; Twilio may well have it."""
    return Refusal(NOT_MODELLED, f"The rehearsal does not model {what}", 501)
