"""The HTTP surface: finds out by a request's Host header who is asked, and has it answered."""

from __future__ import annotations

import asyncio
from collections import Counter

from dialtone_nb.rehearsal.api.all_operations import HOSTS
from dialtone_nb.rehearsal.api.serverless import builds
from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.functions.front import Front
from dialtone_nb.rehearsal.functions.packages import Packages
from dialtone_nb.rehearsal.http.control import CONTROL_HOSTS, Control
from dialtone_nb.rehearsal.http.errors import NOT_MODELLED, Refusal, not_modelled, unauthenticated
from dialtone_nb.rehearsal.http.eventual_consistency import Lag
from dialtone_nb.rehearsal.http.faults import GATEWAY_PAGES, REFUSALS, FaultName, Faults
from dialtone_nb.rehearsal.http.operations import Ask, Directory, Reply
from dialtone_nb.rehearsal.http.own_servers import address_of, hand_on
from dialtone_nb.rehearsal.http.requests import CutShort, Incoming, Receive, Scope, read_request, with_body
from dialtone_nb.rehearsal.http.responses import (
    Outgoing,
    Send,
    gateway_answer,
    hang_up,
    json_answer,
    let_down,
    write_answer,
)
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Store, Tables

FUNCTIONS_SUFFIX = ".twil.io"


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
        try:
            incoming = await read_request(scope, receive)
        except CutShort:
            return  # nobody is there to be answered
        fault = None
        if incoming.host in HOSTS:
            self._requests[f"{incoming.method} {incoming.host}"] += 1
            fault = self._faults.strike(incoming.method, incoming.host, incoming.path)
        if fault in {"timeout-before", "reset"}:
            await let_down(fault, receive, send)
            return
        outgoing = await self._answer(incoming, fault, scope)
        if fault in {"timeout-after", "reset-after"}:
            await let_down(fault, receive, send)
            return
        if fault == "truncated":
            await write_answer(outgoing, send, cut_short=True)
            hang_up(send)
            await receive()
            return
        if fault in GATEWAY_PAGES:
            outgoing = gateway_answer(fault)
        await write_answer(outgoing, send)

    async def _answer(self, incoming: Incoming, fault: FaultName | None, scope: Scope) -> Outgoing:
        try:
            if fault in REFUSALS:
                raise REFUSALS[fault]
            if fault in GATEWAY_PAGES and not fault.endswith("-after"):
                return gateway_answer(fault)
            if incoming.host in HOSTS:
                return json_answer(await self._twilio(incoming, fault), incoming, self._store.identity)
            if incoming.host.endswith(FUNCTIONS_SUFFIX):
                answer = await self._front.answer(incoming)
                return Outgoing(answer.status, answer.headers, answer.body)
            if incoming.host in CONTROL_HOSTS:
                return json_answer(await self._control.answer(incoming), incoming, self._store.identity)
            if address := self._own_server(incoming.host):
                return await _of_own_server(address, incoming)
            raise not_modelled(f"the host {incoming.host}")
        except Refusal as refusal:
            return json_answer(Reply(refusal.status, refusal.body()), incoming, self._store.identity)

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
            ask = await with_body(ask, incoming)

        def answer() -> Reply:
            with self._store.transaction() as tables:
                reply = self._lag.answer(tables, operation, ask)
                if operation.handler is builds.create:
                    self._decide_fate(tables, reply.body["sid"], fault)
            return reply

        return await operation.at_exchange(self._exchange, ask, answer) if operation.at_exchange else answer()

    def _decide_fate(self, tables: Tables, build_sid: str, fault: FaultName | None) -> None:
        build = tables.get("build", build_sid)
        if build is None:
            return
        wanted = builds.wanted_versions(build)
        if missing := self._packages.missing(build.body["given"]):
            reason = f"Dependency installation failed: {missing[0]} is not on this machine (rehearsal --node-modules)"
            builds.doom(tables, build_sid, {"fate": "failed", "reason": reason})
        for name, given in self._packages.serving(wanted).others(wanted).items():
            # Twilio would install it; which versions npm has is not known here, so that none is refused.
            message = (
                f"The build names {name} {wanted[name]}, and its functions get {given}: "
                "no folder of this machine has the other (rehearsal --node-modules)"
            )
            raise_alert(tables, NOT_MODELLED, build_sid, message, service_sid=build.parent)
        if fault in {"slow-build", "failed-build"}:
            builds.doom(tables, build_sid, {"slow": True} if fault == "slow-build" else {"fate": "failed"})

    def _authenticate(self, authorization: str) -> bool:
        """Whether an API key asks, and not the account's auth token; a 401 where it is neither."""
        if not authorization:
            raise unauthenticated("Authentication Error - No credentials provided")
        user = self._store.identity.user_of(authorization)
        if not user:
            raise unauthenticated()
        return user == self._store.identity.api_key_sid


async def _of_own_server(address: str, incoming: Incoming) -> Outgoing:
    target = f"{incoming.raw_path}?{incoming.query_string}" if incoming.query_string else incoming.raw_path
    status, headers, body = await asyncio.to_thread(
        hand_on, address, incoming.method, incoming.host, target, incoming.headers, incoming.body
    )
    return Outgoing(status, tuple(headers.items()), body)
