"""The SIP endpoint: listens in a thread of its own, and passes each message to the part that handles it.

A message is a response to a request of ours, or a request, which is matched in this order (RFC 3261, 8.2 and 17.2.3):

    to a transaction   a retransmission, the ACK of a refusal, a CANCEL            `transactions`
    to a dialog        it has our tag in To                                        `dialogs`
    to neither         REGISTER                                                    `registrar`
                       INVITE                                                      `invite`, beginning a dialog
                       OPTIONS                                                     answered here

Our own requests begin in `forking`, which rings phones with the sessions of `uac`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from aiosipua.message import SipResponse
from aiosipua.utils import generate_tag

from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.http.tls import server_context
from dialtone_nb.rehearsal.sip.address import SIP_PORT, TrunkAddress
from dialtone_nb.rehearsal.sip.admission import Admission
from dialtone_nb.rehearsal.sip.dialogs import Session, UserAgent, refuse_unknown_dialog
from dialtone_nb.rehearsal.sip.forking import Targets
from dialtone_nb.rehearsal.sip.invite import InboundCalls
from dialtone_nb.rehearsal.sip.journal import Journal
from dialtone_nb.rehearsal.sip.location_service import LocationService
from dialtone_nb.rehearsal.sip.messages import ALLOWED, MalformedMessage, Request, inspect, read_message, response_to
from dialtone_nb.rehearsal.sip.progress_page import PhoneProgress
from dialtone_nb.rehearsal.sip.real_time import RealTime
from dialtone_nb.rehearsal.sip.registrar import SipRegistrar
from dialtone_nb.rehearsal.sip.transactions import Transactions, send_response
from dialtone_nb.rehearsal.sip.transport import Flow, TlsPort, TransportLayer
from dialtone_nb.rehearsal.state.store import Store

# These libraries warn about malformed messages, which anybody can send. They are counted instead of logged.
for library in ("aiosipua", "aiortp"):
    logging.getLogger(library).addHandler(logging.NullHandler())

LOOPBACK = "127.0.0.1"
# Methods that are only valid in a dialog (RFC 3261, 15.1.2; RFC 3311, 5.2; RFC 6086, 4.2.2), and those outside of one.
ONLY_IN_DIALOGS, OUTSIDE_DIALOGS = frozenset({"BYE", "INFO", "UPDATE"}), frozenset({"REGISTER", "INVITE", "OPTIONS"})
EXPIRY_S = 1.0  # the interval of checks for expired registrations
CERTIFIED_NAMES = ("*.sip.twilio.com", "localhost")


class SipEndpoint:
    """A running endpoint; `host` and `port` are its address for phones, `now` is its clock, in seconds.

    With `authority`, a file to write a certificate authority to, which phones have to trust, it also takes TLS at
    `tls_port` (0: any free one).
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
        self.host, self.port, self.tls_port = host, port, 0
        self.trunk = trunk
        self._wanted_tls_port = tls_port
        self.authority = authority
        self._now = now
        self.journal = Journal(time.time)
        self.malformed = 0  # messages
        self._store = store
        self._exchange = exchange
        self._locations = LocationService()
        self._sessions: dict[tuple[str, str], Session] = {}
        self._transactions = Transactions()
        self._transport = TransportLayer(self._receive)
        # Set in the event loop's thread, before the constructor returns.
        self._registrar: SipRegistrar
        self._calls: InboundCalls
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="SIP endpoint", daemon=True)
        self._thread.start()
        started.result()
        self.progress = PhoneProgress(
            store, self._locations, self.journal, now, self.host, self.port, trunk, self.tls_port
        )
        exchange.open_door(self._calls)

    def close(self) -> None:
        """Hang up all calls, and stop listening."""
        self._exchange.open_door(None)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

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
            self._registrar.expire()
            try:
                await asyncio.wait_for(self._stop.wait(), EXPIRY_S)
            except TimeoutError:
                continue
        await self._shut()

    async def _open(self) -> None:
        names = (self.host, *CERTIFIED_NAMES)
        tls = TlsPort(self._wanted_tls_port, server_context(self.authority, names)) if self.authority else None
        await self._transport.open(self.host, self.port, tls)
        self.port, self.tls_port = self._transport.local[1], self._transport.secured[1]
        store, journal, real_time = self._store, self.journal, RealTime()
        admission = Admission(store, journal, real_time, self._now, self.host)
        self._registrar = SipRegistrar(store, self._locations, admission, journal, self._now)
        self._registrar.forget_all()
        user_agent = UserAgent(self._transactions, self.host, self._opened, self._closed)
        targets = Targets(user_agent, self._transport, self._locations, journal, store, self._now, self.trunk)
        self._calls = InboundCalls(store, self._exchange, admission, real_time, self._transactions, targets)

    async def _shut(self) -> None:
        for session in list(self._sessions.values()):
            session.hang_up()
        await self._calls.close()
        # Phones that do not respond to the BYE must not keep sessions open.
        for session in list(self._sessions.values()):
            session.terminate()
        self._registrar.forget_all()
        self._transactions.close()
        await self._transport.close()

    # --- messages ---

    def _receive(self, data: bytes, flow: Flow) -> None:
        try:
            message = read_message(data, flow)
        except MalformedMessage as malformed:
            self.malformed += 1
            if malformed.request and malformed.request.method != "ACK":
                send_response(response_to(malformed.request, 400, reason="Bad Request"), flow)
            return
        if isinstance(message, SipResponse):
            self._transactions.receive(message)
        elif message:
            self._receive_request(message)

    def _receive_request(self, request: Request) -> None:
        if request.method == "ACK":
            if transaction := self._transactions.find(request, "INVITE"):
                transaction.acknowledge()
            if session := self._session_of(request):
                session.receive(request)
        elif transaction := self._transactions.find(request):
            transaction.send_again()
        elif request.method == "CANCEL":
            self._cancel(request)
        elif not request.to_tag:
            self._receive_outside_dialogs(request)
        elif (session := self._session_of(request)) is None:
            refuse_unknown_dialog(request)
        elif refusal := inspect(request.message):
            self._answer(request, refusal)
        else:
            session.receive(request)

    def _receive_outside_dialogs(self, request: Request) -> None:
        method, tag = request.method, generate_tag()
        hops = request.header("Max-Forwards") or "70"
        if not hops.isdecimal() or int(hops[:4]) == 0:
            self._answer(request, response_to(request.message, 483, tag))
        elif method in ONLY_IN_DIALOGS:
            self._answer(request, response_to(request.message, 481, tag))
        elif method not in OUTSIDE_DIALOGS:
            self._answer(request, response_to(request.message, 405, tag, Allow=ALLOWED))
        elif refusal := inspect(request.message, tag):
            self._answer(request, refusal)
        elif method == "REGISTER":
            self._answer(request, self._registrar.answer(request, tag))
        elif method == "INVITE":
            self._calls.take(request, tag)
        else:
            self._answer(request, response_to(request.message, 200, tag, Allow=ALLOWED, Accept="application/sdp"))

    def _answer(self, request: Request, response: SipResponse) -> None:
        """Send a response. Only a success gets a transaction, so that requests of strangers take no memory."""
        if response.status_code == 200 and request.method != "OPTIONS":
            self._transactions.begin(request).respond(response)
        else:
            send_response(response, request.flow)

    def _cancel(self, request: Request) -> None:
        transaction = self._transactions.find(request, "INVITE")
        if transaction is None:
            refuse_unknown_dialog(request)
            return
        self._transactions.begin(request).respond(response_to(request.message, 200))
        self._calls.cancel(transaction)

    # --- dialogs ---

    def _opened(self, session: Session) -> None:
        self._sessions[session.call_id, session.dialog.local_tag] = session

    def _closed(self, session: Session) -> None:
        self._sessions.pop((session.call_id, session.dialog.local_tag), None)

    def _session_of(self, request: Request) -> Session | None:
        """The session with this request's dialog; None if the tags are wrong or it is from another machine."""
        session = self._sessions.get((request.call_id, request.to_tag))
        if session is None or session.dialog.remote_tag != request.from_tag:
            return None
        return session if session.flow.peer[0] == request.flow.peer[0] else None


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop
