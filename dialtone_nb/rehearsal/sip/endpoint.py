"""The SIP door as a whole: it listens, in a thread of its own, and hands each message to the part that answers."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosipua.message import SipResponse
from aiosipua.utils import generate_tag

from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.sip.address import SIP_PORT, TrunkAddress
from dialtone_nb.rehearsal.sip.admission import Alerts
from dialtone_nb.rehearsal.sip.certificates import certified
from dialtone_nb.rehearsal.sip.dialogs import Session, UserAgent, refuse_stranger
from dialtone_nb.rehearsal.sip.digest import Digest
from dialtone_nb.rehearsal.sip.forking import Targets
from dialtone_nb.rehearsal.sip.invite import InboundCalls
from dialtone_nb.rehearsal.sip.journal import Journal
from dialtone_nb.rehearsal.sip.messages import MalformedMessage, Request, read_message
from dialtone_nb.rehearsal.sip.progress_page import PhoneProgress
from dialtone_nb.rehearsal.sip.real_time import RealTime
from dialtone_nb.rehearsal.sip.register import SipRegistrar
from dialtone_nb.rehearsal.sip.registrar import LocationService
from dialtone_nb.rehearsal.sip.responses import ABOUT_DIALOGS, ALLOWED, misfit, response_to
from dialtone_nb.rehearsal.sip.transactions import Transactions, send_response
from dialtone_nb.rehearsal.sip.transport import Flow, TlsPort, TransportLayer
from dialtone_nb.rehearsal.state.store import Store

# What strangers send makes these libraries warn; it is counted here, and no page or terminal fills with it.
for library in ("aiosipua", "aiortp"):
    logging.getLogger(library).addHandler(logging.NullHandler())

LOOPBACK = "127.0.0.1"
BEGINNING = frozenset({"REGISTER", "INVITE", "OPTIONS"})  # the methods of requests that belong to nothing yet
SWEEP_S = 1.0  # how often it is looked whether registrations have expired


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the event loop's thread has made."""

    user_agent: UserAgent
    registering: SipRegistrar
    calling: InboundCalls


class SipEndpoint:
    """A running door; `host` and `port` are where phones find it, `now` is its clock, in seconds.

    With an `authority`, a file that is written for phones to trust, it speaks TLS too, at `tls_port` (0: any free one).
    """

    def __init__(
        self,
        store: Store,
        exchange: Exchange,
        *,
        host: str = LOOPBACK,
        port: int = SIP_PORT,
        trunk: TrunkAddress | None = None,
        tls_port: int = 0,
        authority: Path | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host, self.port = host, port
        self.trunk = trunk
        self._tls_port, self.tls_port = tls_port, 0
        self.authority = authority
        self._now = now
        self.registrar = LocationService()
        self.journal = Journal(time.time)
        self.counts: Counter[str] = Counter()
        self._store = store
        self._exchange = exchange
        self._sessions: dict[tuple[str, str], Session] = {}
        self._transactions = Transactions()
        self._listening = TransportLayer(self._came)
        self._parts: _Parts
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="SIP door", daemon=True)
        self._thread.start()
        started.result()
        self._book = PhoneProgress(store, self.registrar, self.journal, self.host, self.port, trunk, self.tls_port)
        exchange.open_door(self._parts.calling)

    def close(self) -> None:
        """Hang up, and listen no more."""
        self._exchange.open_door(None)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def registrations(self) -> list[dict[str, Any]]:
        """Where every phone is registered now, as JSON."""
        return self._book.registrations(self._now())

    def lives(self) -> list[dict[str, Any]]:
        """What each phone has done so far, and what it has yet to do, as JSON."""
        return self._book.lives(self._now())

    def delays(self) -> list[dict[str, float]]:
        """How long the last calls' callers waited until it rang, as JSON."""
        return [delay.as_json for delay in self.journal.delays]

    def page(self) -> str:
        """The page that shows what each phone has done so far."""
        return self._book.page(self._now())

    # --- the thread ---

    def _run(self, started: Future[None]) -> None:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._open()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(None)
        while not self._stop.is_set():
            self._parts.registering.expire()
            try:
                await asyncio.wait_for(self._stop.wait(), SWEEP_S)
            except TimeoutError:
                continue
        await self._shut()

    async def _open(self) -> None:
        tls = TlsPort(self._tls_port, certified(self.host, self.authority)) if self.authority else None
        await self._listening.open(self.host, self.port, tls)
        self.port, self.tls_port = self._listening.local[1], self._listening.secured[1]
        real_time = RealTime()
        digest, alerts = Digest(self._now), Alerts(self._store, real_time, self._now)
        user_agent = UserAgent(self._transactions, self.host, self._opened, self._closed)
        registering = SipRegistrar(self._store, self.registrar, digest, alerts, self.journal, self._now, self.host)
        registering.forget_all()
        targets = Targets(user_agent, self._listening, self.registrar, self.journal, self._store, self._now, self.trunk)
        calling = InboundCalls(self._store, self._exchange, digest, alerts, real_time, self._transactions, targets)
        self._parts = _Parts(user_agent, registering, calling)

    async def _shut(self) -> None:
        for session in list(self._sessions.values()):
            session.hang_up()
        await self._parts.calling.close()
        # A phone that does not say that it heard the BYE keeps nothing open here.
        for session in list(self._sessions.values()):
            session.end("lost")
        self._parts.registering.forget_all()
        self._transactions.close()
        await self._listening.close()

    # --- messages ---

    def _came(self, data: bytes, flow: Flow) -> None:
        try:
            message = read_message(data, flow)
        except MalformedMessage as unreadable:
            self.counts["unreadable"] += 1
            if unreadable.request and unreadable.request.method != "ACK":
                send_response(response_to(unreadable.request, 400, reason="Bad Request"), flow)
            return
        if message is None:
            return
        if isinstance(message, SipResponse):
            self.counts["responses"] += 1
            self._transactions.take(message)
            return
        self.counts[message.method if message.method in ALLOWED else "other methods"] += 1
        self._dispatch(message)

    def _dispatch(self, request: Request) -> None:
        if request.method == "ACK":
            if transaction := self._transactions.find(request, "INVITE"):
                transaction.acknowledge()
            if session := self._session_of(request):
                session.take(request)
        elif transaction := self._transactions.find(request):
            transaction.come_again()
        elif request.method == "CANCEL":
            self._cancel(request)
        elif request.to_tag:
            session = self._session_of(request)
            if session is None:
                refuse_stranger(request)
            elif refusal := misfit(request.message):
                self._answer(request, refusal)
            else:
                session.take(request)
        else:
            self._begin(request)

    def _begin(self, request: Request) -> None:
        """A request that belongs to nothing yet."""
        tag = generate_tag()
        hops = request.header("Max-Forwards") or "70"
        if not hops.isdecimal() or int(hops[:4]) == 0:
            self._answer(request, response_to(request.message, 483, tag))
            return
        if request.method in ABOUT_DIALOGS:
            # What belongs to a dialog by its nature, and names none (RFC 3261, 15.1.2; RFC 3311, 5.2; RFC 6086, 4.2.2).
            self._answer(request, response_to(request.message, 481, tag))
            return
        if request.method in BEGINNING and (refusal := misfit(request.message, tag)):
            self._answer(request, refusal)
            return
        match request.method:
            case "REGISTER":
                self._answer(request, self._parts.registering.answer(request, tag))
            case "INVITE":
                self._parts.calling.take(request, tag)
            case "OPTIONS":
                self._answer(request, response_to(request.message, 200, tag, Allow=ALLOWED, Accept="application/sdp"))
            case _:
                self._answer(request, response_to(request.message, 405, tag, Allow=ALLOWED))

    def _answer(self, request: Request, response: SipResponse) -> None:
        """Send a response. Only a success is remembered: what a stranger sends takes no room."""
        self.counts[f"{request.method} {response.status_code}"] += 1
        if response.status_code == 200 and request.method != "OPTIONS":
            self._transactions.begin(request).respond(response)
        else:
            send_response(response, request.flow)

    def _cancel(self, request: Request) -> None:
        transaction = self._transactions.find(request, "INVITE")
        if transaction is None:
            refuse_stranger(request)
            return
        self._transactions.begin(request).respond(response_to(request.message, 200))
        self._parts.calling.cancel(transaction)

    # --- dialogs ---

    def _opened(self, session: Session) -> None:
        self._sessions[session.call_id, session.dialog.local_tag] = session

    def _closed(self, session: Session) -> None:
        self._sessions.pop((session.call_id, session.dialog.local_tag), None)

    def _session_of(self, request: Request) -> Session | None:
        """The session whose dialog this is; a request with the wrong tags, or from another machine, is a stranger's."""
        session = self._sessions.get((request.call_id, request.to_tag))
        if session is None or session.dialog.remote_tag != request.from_tag:
            return None
        return session if session.flow.peer[0] == request.flow.peer[0] else None


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop
