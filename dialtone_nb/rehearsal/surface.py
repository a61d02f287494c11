"""The HTTP surface: reads a request, finds out by its Host header who is asked, and writes the answer."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import orjson

from dialtone_nb.rehearsal.api import builds
from dialtone_nb.rehearsal.api.everything import HOSTS
from dialtone_nb.rehearsal.control import CONTROL_HOSTS, Control
from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.faults import GATEWAY_PAGES, REFUSALS, FaultName, Faults, gateway_page
from dialtone_nb.rehearsal.fields import Pairs
from dialtone_nb.rehearsal.lag import Lag
from dialtone_nb.rehearsal.operations import Ask, Directory, Reply, Upload
from dialtone_nb.rehearsal.own_servers import address_of, hand_on
from dialtone_nb.rehearsal.refusal import Refusal, not_modelled, unauthenticated
from dialtone_nb.rehearsal.runtime.front import Front
from dialtone_nb.rehearsal.runtime.packages import Packages
from dialtone_nb.rehearsal.store import Store, Tables

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LONGEST_HOLD = 60.0  # seconds; a faulty request is held until its client gives up, but no longer
FUNCTIONS_SUFFIX = ".twil.io"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came."""

    method: str
    host: str
    path: str
    raw_path: str
    query_string: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> Pairs:
        """The query, blank values kept."""
        return tuple(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def is_form(self) -> bool:
        """Whether the body is form-encoded."""
        return self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")

    @property
    def form(self) -> Pairs:
        """A form-encoded body, blank values kept."""
        return tuple(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer as it goes out."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Surface:
    """The rehearsal as one ASGI application."""

    def __init__(
        self,
        store: Store,
        front: Front,
        packages: Packages,
        directory: Directory,
        lag: Lag,
        exchange: Exchange,
        control: Control,
        faults: Faults,
        requests: Counter[str],
    ) -> None:
        self._store = store
        self._front = front
        self._packages = packages
        self._exchange = exchange
        self._control = control
        self._faults = faults
        self._requests = requests
        self._directory = directory
        self._lag = lag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        incoming = await _read(scope, receive)
        fault = None
        if incoming.host in HOSTS:
            self._requests[f"{incoming.method} {incoming.host}"] += 1
            fault = self._faults.strike(incoming.method, incoming.host, incoming.path)
        if fault in {"timeout-before", "reset"}:
            await _let_down(fault, receive, send)
            return
        outgoing = await self._answer(incoming, fault, scope)
        if fault in {"timeout-after", "reset-after"}:
            await _let_down(fault, receive, send)
            return
        if fault == "truncated":
            await _write(outgoing, send, cut_short=True)
            _hang_up(send)
            await receive()
            return
        if fault in GATEWAY_PAGES:
            outgoing = _gateway(fault)
        await _write(outgoing, send)

    async def _answer(self, incoming: Incoming, fault: FaultName | None, scope: Scope) -> Outgoing:
        try:
            if fault in REFUSALS:
                raise REFUSALS[fault]
            if fault in GATEWAY_PAGES and not fault.endswith("-after"):
                return _gateway(fault)
            if incoming.host in HOSTS:
                return _json(await self._twilio(incoming, fault), incoming)
            if incoming.host.endswith(FUNCTIONS_SUFFIX):
                answer = await self._front.answer(incoming)
                return Outgoing(answer.status, answer.headers, answer.body)
            if incoming.host in CONTROL_HOSTS:
                return _json(await self._control.answer(incoming.method, incoming.path, incoming.body), incoming)
            if address := self._own_server(incoming.host):
                return await _of_own_server(address, incoming)
            raise not_modelled(f"the host {incoming.host}")
        except Refusal as refusal:
            return _json(Reply(refusal.status, refusal.body()), incoming)

    def _own_server(self, host: str) -> str:
        with self._store.transaction() as tables:
            return address_of(tables, host)

    async def _twilio(self, incoming: Incoming, fault: FaultName | None) -> Reply:
        by_api_key = self._authenticate(incoming.headers.get("authorization", ""))
        found = self._directory.find(incoming.host, incoming.method, incoming.path)
        if found is None:
            raise not_modelled(f"{incoming.method} {incoming.host}{incoming.path}")
        operation, names = found
        ask = Ask(incoming.method, incoming.host, incoming.path, names, incoming.query, by_api_key=by_api_key)
        if incoming.method == "POST":
            ask = await _with_body(ask, incoming)

        def answer() -> Reply:
            with self._store.transaction() as tables:
                reply = self._lag.answer(tables, operation, ask)
                if operation.handler is builds.create:
                    self._decide_fate(tables, reply.body["sid"], fault)
            return reply

        return await operation.at_exchange(self._exchange, ask, answer) if operation.at_exchange else answer()

    def _decide_fate(self, tables: Tables, build_sid: str, fault: FaultName | None) -> None:
        if missing := self._packages.missing(builds.given_dependencies(tables, build_sid)):
            reason = f"Dependency installation failed: {missing[0]} is not on this machine (rehearsal --node-modules)"
            builds.doom(tables, build_sid, {"fate": "failed", "reason": reason})
        if fault in {"slow-build", "failed-build"}:
            builds.doom(tables, build_sid, {"slow": True} if fault == "slow-build" else {"fate": "failed"})

    def _authenticate(self, authorization: str) -> bool:
        """Whether an API key asks, and not the account's auth token; a 401 where it is neither."""
        identity = self._store.identity
        scheme, _, encoded = authorization.partition(" ")
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            user, _, password = base64.b64decode(encoded).decode().partition(":")
            if scheme.lower() == "basic" and (user, password) == (identity.account_sid, identity.auth_token):
                return False
            if scheme.lower() == "basic" and (user, password) == (identity.api_key_sid, identity.api_key_secret):
                return True
        raise unauthenticated()


async def _of_own_server(address: str, incoming: Incoming) -> Outgoing:
    target = f"{incoming.raw_path}?{incoming.query_string}" if incoming.query_string else incoming.raw_path
    status, headers, body = await asyncio.to_thread(
        hand_on, address, incoming.method, incoming.host, target, incoming.headers, incoming.body
    )
    return Outgoing(status, tuple(headers.items()), body)


async def _read(scope: Scope, receive: Receive) -> Incoming:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return Incoming(
        scope["method"],
        headers.get("host", "").partition(":")[0].lower(),
        scope["path"],
        scope["raw_path"].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        headers,
        b"".join(chunks),
    )


async def _with_body(ask: Ask, incoming: Incoming) -> Ask:
    content_type = incoming.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return replace(ask, form=incoming.form)
    from starlette.datastructures import Headers, UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    async def stream() -> Any:
        yield incoming.body

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
    return replace(ask, form=tuple(form), upload=upload)


def _json(reply: Reply, incoming: Incoming) -> Outgoing:
    if isinstance(reply.body, str):
        # The one answer that is for people: the page about real phones.
        headers = [("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store")]
        return Outgoing(reply.status, tuple(headers), reply.body.encode())
    # A request's id is a fingerprint of what was asked: it repeats, and tells nothing of the order of requests.
    asked = f"{incoming.method} {incoming.host}{incoming.path}?{incoming.query_string}".encode() + incoming.body
    headers = [
        ("content-type", "application/json"),
        ("twilio-request-id", f"RQ{hashlib.sha256(asked).hexdigest()[:32]}"),
        ("twilio-concurrent-requests", "1"),
        ("twilio-request-duration", "0.001"),
    ]
    if reply.status == 401:
        headers.append(("www-authenticate", 'Basic realm="Rehearsal of the Twilio API"'))
    return Outgoing(reply.status, tuple(headers), b"" if reply.body is None else orjson.dumps(reply.body))


def _gateway(fault: str) -> Outgoing:
    status, page = gateway_page(fault)
    return Outgoing(status, (("content-type", "text/html"),), page)


async def _write(outgoing: Outgoing, send: Send, *, cut_short: bool = False) -> None:
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


async def _let_down(fault: str, receive: Receive, send: Send) -> None:
    """End a request without an answer: hang up at once, or when the client does."""
    if fault.startswith("timeout"):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), LONGEST_HOLD)
    _hang_up(send, at_once=True)
    await receive()  # until the server knows of it


def _hang_up(send: Send, *, at_once: bool = False) -> None:
    """Close the connection, which ASGI has no way to do: in uvicorn, `send` belongs to the request, which has it."""
    transport = send.__self__.transport  # type: ignore[attr-defined]
    if at_once:
        transport.abort()
    else:
        transport.close()
