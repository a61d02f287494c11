"""A request's query and body -> its parameters; what Twilio would not send is refused with the status that it gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

# Twilio's requests have some forty parameters in two kilobytes, and a phone's SIP headers at most some more.
LARGEST_BODY: Final = 64 * 1024
MOST_PARAMETERS: Final = 500
FORM: Final = "application/x-www-form-urlencoded"


class RefusedRequest(Exception):  # noqa: N818 - nothing is wrong here, somebody is turned away
    """A request that gets no answer but this status; its text says why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class RequestParameters(dict[str, list[str]]):
    """Parameters as they were sent: a list for each name, since Twilio's signature covers repeated ones too."""

    # How Twilio's validator asks for the values of a name.
    getall = dict.__getitem__

    def single(self) -> dict[str, str]:
        """A value for each name; one that was sent more than once is no call's, and is empty."""
        return {name: values[0] if len(values) == 1 else "" for name, values in self.items()}


def parse_values(encoded: bytes) -> RequestParameters:
    """The parameters of a query or a form, blank ones too; refused where they are too many, or no UTF-8."""
    if not encoded:
        return RequestParameters()
    try:
        text = encoded.decode("ascii")
        values = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST, "the parameters can't be read") from None
    return RequestParameters(values)


async def read_form(content_type: str, content_length: str, body: AsyncIterator[bytes]) -> RequestParameters:
    """The parameters of a form, never more of it in memory than the largest that is read."""
    if content_length.isdecimal() and int(content_length) > LARGEST_BODY:
        raise RefusedRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST_BODY} bytes")
    content = bytearray()
    async for chunk in body:
        content += chunk
        if len(content) > LARGEST_BODY:
            raise RefusedRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST_BODY} bytes")
    if content and content_type.partition(";")[0].strip().lower() != FORM:
        raise RefusedRequest(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {FORM}")
    return parse_values(bytes(content))
