"""Twilio's answers that are errors, in Twilio's shape."""

from __future__ import annotations

from typing import Any

# Ours; Twilio has no such code. Everything that the rehearsal does not carry out answers or alerts with it.
NOT_MODELLED = 20501


class Refusal(Exception):  # noqa: N818 - it is no error of ours: it is an answer
    """A request that is refused, with Twilio's code and HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> dict[str, Any]:
        """The JSON that goes out."""
        return {"code": self.code, "message": self.message, "more_info": more_info(self.code), "status": self.status}


def more_info(code: int | str) -> str:
    """The page of Twilio's documentation about an error code."""
    return f"https://www.twilio.com/docs/errors/{code}"


def absent(path: str) -> Refusal:
    """A 404: nothing is there."""
    return Refusal(20404, f"The requested resource {path} was not found", 404)


def conflict(message: str) -> Refusal:
    """A 409: it is so already, or the name is taken."""
    return Refusal(20409, message, 409)


def unauthenticated(message: str = "Authenticate") -> Refusal:
    """A 401, with the one word that Twilio says to wrong credentials."""
    return Refusal(20003, message, 401)


def not_modelled(what: str) -> Refusal:
    """A 501 that names what the rehearsal does not have; Twilio may well have it."""
    return Refusal(NOT_MODELLED, f"The rehearsal does not model {what}", 501)
