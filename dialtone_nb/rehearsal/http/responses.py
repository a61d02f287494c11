"""Answers as they go out, over ASGI: whole, in half, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

from dialtone_nb.rehearsal.http.faults import gateway_page
from dialtone_nb.rehearsal.http.operations import ApiResponse
from dialtone_nb.rehearsal.http.requests import HttpRequest, Receive
from dialtone_nb.rehearsal.state.identity import Identity

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# What api.twilio.com sends with every answer (recorded 2020 to 2026).
CLASSIC_HEADERS = (
    ("x-powered-by", "AT-5000"),
    ("x-shenanigans", "none"),
    ("x-home-region", "us1"),
    ("x-api-domain", "api.twilio.com"),
    ("strict-transport-security", "max-age=31536000"),
)
LONGEST_HOLD = 60.0  # seconds; a faulty request is held until its client gives up, but no longer


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer as it goes out."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def json_answer(response: ApiResponse, incoming: HttpRequest, identity: Identity) -> HttpResponse:
    """A reply in JSON, with the headers that Twilio's have."""
    if isinstance(response.body, str):
        # The one answer that is for people: the page about real phones.
        headers = [("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store")]
        return HttpResponse(response.status, tuple(headers), response.body.encode())
    # A request's id follows from what was asked: it repeats, and tells nothing of the order of requests.
    asked = f"{incoming.method} {incoming.host}{incoming.path}?{incoming.query_string}".encode() + incoming.body
    is_classic, is_good = incoming.host == "api.twilio.com", response.status < 400
    headers = [
        ("content-type", "application/json;charset=utf-8" if is_classic and is_good else "application/json"),
        ("twilio-request-id", identity.request_id(asked)),
        ("twilio-concurrent-requests", "1"),
        ("twilio-request-duration", "0.001"),
        *(CLASSIC_HEADERS if is_classic else ()),
    ]
    if not is_good and isinstance(response.body, dict) and "code" in response.body:
        headers.append(("x-twilio-error-code", str(response.body["code"])))
    if response.status == 401:
        headers.append(("www-authenticate", 'Basic realm="Twilio API"'))
    return HttpResponse(response.status, tuple(headers), b"" if response.body is None else orjson.dumps(response.body))


def gateway_answer(fault: str) -> HttpResponse:
    """What a gateway says in Twilio's place."""
    status, page = gateway_page(fault)
    return HttpResponse(status, (("content-type", "text/html"),), page)


async def write_answer(outgoing: HttpResponse, send: Send, *, cut_short: bool = False) -> None:
    """Send an answer, or the half of it."""
    headers = [
        *outgoing.headers,
        ("server", "dialtone_nb rehearsal, not Twilio"),
        ("content-length", str(len(outgoing.body))),
    ]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if outgoing.status == 204:
        raw.pop()
    await send({"type": "http.response.start", "status": outgoing.status, "headers": raw})
    body = outgoing.body[: len(outgoing.body) // 2] if cut_short else outgoing.body
    await send({"type": "http.response.body", "body": body, "more_body": cut_short})


async def let_down(fault: str, receive: Receive, send: Send) -> None:
    """End a request without an answer: hang up at once, or when the client does."""
    if fault.startswith("timeout"):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), LONGEST_HOLD)
    hang_up(send, at_once=True)
    await receive()  # until the server knows of it


def hang_up(send: Send, *, at_once: bool = False) -> None:
    """Close the connection, which ASGI has no way to do: in uvicorn, `send` belongs to the request, which has it."""
    transport = send.__self__.transport  # type: ignore[attr-defined]
    if at_once:
        transport.abort()
    else:
        transport.close()
