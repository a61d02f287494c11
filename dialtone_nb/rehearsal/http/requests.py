"""HTTP requests as received over ASGI, and the parsing of their bodies."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, Upload
from dialtone_nb.rehearsal.http.parameters import Pairs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as received."""

    method: str
    host: str
    path: str
    raw_path: str
    query_string: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> Pairs:
        """The query's pairs, including blank values."""
        return tuple(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def media_type(self) -> str:
        """The body's media type without parameters, in lower case: its case means nothing (RFC 9110, 8.3.1)."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether the body is form-encoded."""
        return self.media_type == "application/x-www-form-urlencoded"

    @property
    def form(self) -> Pairs:
        """The pairs of a form-encoded body, including blank values."""
        return tuple(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


class ClientDisconnected(Exception):  # noqa: N818 - it is an event of the connection
    """The client closed the connection before the whole request had been received."""


async def read_request(scope: Scope, receive: Receive) -> HttpRequest:
    """The request with its whole body; raises `ClientDisconnected` if that never arrives."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return HttpRequest(
        scope["method"],
        headers.get("host", "").partition(":")[0].lower(),
        scope["path"],
        scope["raw_path"].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        headers,
        b"".join(chunks),
    )


async def with_body(request: ApiRequest, http_request: HttpRequest) -> ApiRequest:
    """The request with the form and the file of its body; raises Refusal if the body can't be read."""
    content_type = http_request.headers.get("content-type", "")
    if http_request.media_type != "multipart/form-data":
        return replace(request, form=http_request.form)
    from starlette.datastructures import Headers, UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if boundary is None or f"--{boundary[1]}--".encode() not in http_request.body:
        raise Refusal(20001, "The multipart body can't be read: it ends early")

    async def stream() -> Any:
        yield http_request.body

    try:
        parsed = await MultiPartParser(Headers({"content-type": content_type}), stream()).parse()
    except MultiPartException as error:
        raise Refusal(20001, f"The multipart body can't be read: {error.message}") from None
    form, upload = [], None
    for name, value in parsed.multi_items():
        if isinstance(value, UploadFile):
            if name == "Content":
                upload = Upload(value.filename or "", value.content_type or "", await value.read())
        else:
            form.append((name, value))
    await parsed.close()
    return replace(request, form=tuple(form), upload=upload)
