"""HTTP responses over ASGI: sent whole, cut short, or dropped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

from dialtone_nb.rehearsal.http.faults import GATEWAY_PAGES
from dialtone_nb.rehearsal.http.operations import ApiResponse
from dialtone_nb.rehearsal.http.requests import HttpRequest, Receive
from dialtone_nb.rehearsal.state.identity import Identity

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Headers that api.twilio.com sends with every response (recorded 2020 to 2026).
API_2010_HEADERS = (
    ("x-powered-by", "AT-5000"),
    ("x-shenanigans", "none"),
    ("x-home-region", "us1"),
    ("x-api-domain", "api.twilio.com"),
    ("strict-transport-security", "max-age=31536000"),
)
LONGEST_HOLD = 60.0  # seconds that a timeout fault holds a request, unless its client gives up before


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response to send."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def json_response(response: ApiResponse, request: HttpRequest, identity: Identity) -> HttpResponse:
    """The HTTP response for an API response, in JSON, with Twilio's headers."""
    if isinstance(response.body, str):
        # Only the page about real phones is HTML.
        headers = [("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store")]
        return HttpResponse(response.status, tuple(headers), response.body.encode())
    # The request id is derived from the request, so that it repeats and does not depend on the order of requests.
    asked = f"{request.method} {request.host}{request.path}?{request.query_string}".encode() + request.body
    is_api_2010, is_good = request.host == "api.twilio.com", response.status < 400
    headers = [
        ("content-type", "application/json;charset=utf-8" if is_api_2010 and is_good else "application/json"),
        ("twilio-request-id", identity.request_id(asked)),
        ("twilio-concurrent-requests", "1"),
        ("twilio-request-duration", "0.001"),
        *(API_2010_HEADERS if is_api_2010 else ()),
    ]
    if not is_good and isinstance(response.body, dict) and "code" in response.body:
        headers.append(("x-twilio-error-code", str(response.body["code"])))
    if response.status == 401:
        headers.append(("www-authenticate", 'Basic realm="Twilio API"'))
    return HttpResponse(response.status, tuple(headers), b"" if response.body is None else orjson.dumps(response.body))


def gateway_response(fault: str) -> HttpResponse:
    """The error page of a gateway in front of Twilio's API."""
    status, reason = GATEWAY_PAGES[fault]
    page = f"<html><head><title>{status} {reason}</title></head><body>{reason}</body></html>\n"
    return HttpResponse(status, (("content-type", "text/html"),), page.encode())


async def send_response(response: HttpResponse, send: Send, *, cut_short: bool = False) -> None:
    """Send a response, or with `cut_short` only the first half of its body."""
    headers = [
        *response.headers,
        ("server", "dialtone_nb rehearsal, not Twilio"),
        ("content-length", str(len(response.body))),
    ]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if response.status == 204:
        raw.pop()
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    body = response.body[: len(response.body) // 2] if cut_short else response.body
    await send({"type": "http.response.body", "body": body, "more_body": cut_short})


async def drop_request(fault: str, receive: Receive, send: Send) -> None:
    """End a request without a response: reset its connection at once, or, for a timeout, when the client gives up."""
    if fault.startswith("timeout"):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), LONGEST_HOLD)
    close_connection(send, at_once=True)
    await receive()  # returns once uvicorn has noticed that the connection is closed


def close_connection(send: Send, *, at_once: bool = False) -> None:
    """Close the connection. ASGI has no message for that; uvicorn's `send` is a method of the object that has it."""
    transport = send.__self__.transport  # type: ignore[attr-defined]
    if at_once:
        transport.abort()
    else:
        transport.close()
