"""INVITEs from phones: authentication, and carrying each call in a thread of its own.

The stages of a call: `take` (admitted or refused, 100), `_carry` (SDP negotiation, in the event loop), `_run` (in the
thread: the exchange requests the voice URL and executes its TwiML on a `PhoneLine`), and a hang-up by either side.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from aiosipua.message import SipResponse

from dialtone_nb.rehearsal.exchange.call_setup import SIP_USER_SAFE, CallRefused, CallSetup, admit_phone
from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.exchange.lines import OutgoingLeg
from dialtone_nb.rehearsal.exchange.sip_registrations import CALLS
from dialtone_nb.rehearsal.exchange.verbs import Complaint
from dialtone_nb.rehearsal.sip.admission import Admission, UnknownDomain, call_complaint, digest_secrets
from dialtone_nb.rehearsal.sip.bridge import PhoneWires
from dialtone_nb.rehearsal.sip.digest import DigestStatus, read_digest_response
from dialtone_nb.rehearsal.sip.forking import Targets
from dialtone_nb.rehearsal.sip.journal import Note, PostDialDelay, Stopwatch
from dialtone_nb.rehearsal.sip.media.sdp import Unacceptable, profile_of
from dialtone_nb.rehearsal.sip.messages import Request, custom_headers_of, refusal_of, response_to, uri_in
from dialtone_nb.rehearsal.sip.phone_line import LoopWaiter, PhoneLine
from dialtone_nb.rehearsal.sip.real_time import RealTime
from dialtone_nb.rehearsal.sip.transactions import ServerTransaction, Transactions, send_response
from dialtone_nb.rehearsal.sip.uas import UasSession
from dialtone_nb.rehearsal.state.domain_access import auth_type, is_let_in
from dialtone_nb.rehearsal.state.store import Store, Thing
from dialtone_nb.values.sip import parse_sip_uri

MOST_CALLS = 200
RETRY_AFTER_S = 5
CLOSE_S = 5.0  # seconds that calls may take to end when the endpoint closes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthenticatedCaller:
    """An authenticated caller: a user of a SIP domain."""

    domain: Thing
    username: str


@dataclass(frozen=True, slots=True)
class InboundCall:
    """An incoming call: its session, its setup for the exchange, its phone's journal, and the time of its INVITE."""

    session: UasSession
    setup: CallSetup
    note: Note
    began: float


@dataclass(slots=True)
class InboundCalls:
    """Takes calls from real phones, and lets the exchange ring them."""

    store: Store
    exchange: Exchange
    admission: Admission
    real_time: RealTime
    transactions: Transactions
    targets: Targets
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _sessions: dict[str, UasSession] = field(default_factory=dict)  # by the branch of their INVITE
    _threads: set[threading.Thread] = field(default_factory=set)

    # --- for the exchange ---

    def reaches(self, leg: OutgoingLeg) -> bool:
        """Whether a leg goes to a phone that is registered here, or to a real trunk."""
        return self.targets.reach(leg)

    def wires(self) -> PhoneWires:
        """The wires for a simulated call that rings a real phone."""
        return PhoneWires(self.targets, LoopWaiter(self._loop), self.real_time)

    # --- requests of phones ---

    def take(self, request: Request, tag: str) -> None:
        """Handle an INVITE outside of a dialog: carry its call, or refuse it."""
        began = time.perf_counter()
        if len(self._threads) >= MOST_CALLS:
            busy = response_to(request.message, 503, tag, Retry_After=str(RETRY_AFTER_S))
            send_response(busy, request.flow)
            return
        caller = self._authenticate(request, tag)
        if isinstance(caller, SipResponse):
            # Without a transaction, so that requests of strangers take no memory.
            send_response(caller, request.flow)
            return
        transaction = self.transactions.begin(request)
        transaction.respond(response_to(request.message, 100))
        if complaint := call_complaint(caller.domain, request.flow.transport, profile_of(request.message)):
            domain, user = caller.domain, caller.username
            status = self.targets.store.behaviour.insecure_response
            refusal = self.admission.refuse(request, tag, domain, user, complaint, status=status)
            transaction.respond(refusal)
            return
        setup = self._admit(request, caller)
        if isinstance(setup, CallRefused):
            in_words = self.targets.store.behaviour.twilio_error_header == "words"
            transaction.respond(refusal_of(request.message, setup.sip_response, tag, setup.code, in_words=in_words))
            return
        session = UasSession(self.targets.user_agent, request, transaction)
        self._sessions[request.branch] = session
        note = partial(self.targets.journal.note, caller.username, caller.domain.name)
        self._loop.create_task(self._carry(InboundCall(session, setup, note, began), request))

    def cancel(self, transaction: ServerTransaction) -> None:
        """End a call that its phone has cancelled."""
        if session := self._sessions.get(transaction.request.branch):
            session.cancel()

    async def close(self) -> None:
        """Wait until all calls have ended; their sessions have been hung up before."""
        until = self._loop.time() + CLOSE_S
        while self._threads and self._loop.time() < until:
            await asyncio.sleep(0.01)

    def _authenticate(self, request: Request, tag: str) -> AuthenticatedCaller | SipResponse:
        """The authenticated caller, or the challenge or refusal to send."""
        digest = read_digest_response(request.message)
        from_user, from_host = parse_sip_uri(uri_in(request.header("From")))
        user = digest.username if digest else from_user
        with self.store.transaction() as tables:
            domain = self.admission.find_domain(tables, (request.host, from_host), user, CALLS)
            if isinstance(domain, UnknownDomain):
                return response_to(request.message, 404, tag, reason=f"Not Found: {domain.reason}")
            is_elsewhere = not is_let_in(tables, domain, request.flow.peer[0])
            wants_digest = "CREDENTIAL_LIST" in auth_type(tables, domain)
            secrets = digest_secrets(tables, domain, user, CALLS)

        def refuse(code: int, message: str) -> SipResponse:
            return self.admission.refuse(request, tag, domain, user, Complaint(code, f"SIP: {message}"))

        if is_elsewhere:
            # This comes before any challenge (recorded 2026).
            address = f"{request.flow.peer[0]}, which {user} calls from"
            return refuse(32201, f"{address}, is in no access control list of {domain.name}")
        if not wants_digest:
            return refuse(32202, f"bad user credentials: no credential list is mapped for calls at {domain.name}")
        status = self.admission.check(request, tag, digest, secrets)
        if isinstance(status, SipResponse):
            return status
        if status is DigestStatus.GOOD:
            return AuthenticatedCaller(domain, user)
        if status is DigestStatus.WRONG:
            known = "its password is wrong" if secrets else f"no list mapped for calls holds {user}"
            return refuse(32202, f"bad user credentials of {user} at {domain.name}: {known}")
        return self.admission.challenge(request, tag, status)

    def _admit(self, request: Request, caller: AuthenticatedCaller) -> CallSetup | CallRefused:
        """The call's setup, or its refusal."""
        domain, username = caller.domain, caller.username
        if not request.user:
            message = f"{username} called {domain.name} itself: there is no user in {request.uri}"
            self.admission.alerts.raise_(32223, domain.sid, username, message)
            return CallRefused(404, 32223, message)
        with self.store.transaction() as tables:
            self.real_time.catch_up(tables)
            return admit_phone(
                tables,
                domain,
                username,
                request.user,
                from_uri=self._from_uri(request, domain),
                to_uri=request.uri,
                source_ip=request.flow.peer[0],
                sip_call_id=request.call_id,
                sip_headers=custom_headers_of(request.message),
            )

    def _from_uri(self, request: Request, domain: Thing) -> str:
        """The From as Twilio would see it: phones that only know this machine's address use that as their domain.

        Another host, such as the phone's own address, stays: at Twilio it would be there as well.
        """
        uri = uri_in(request.header("From"))
        user, host = parse_sip_uri(uri)
        if host in {self.targets.user_agent.host, "localhost"}:
            return f"sip:{quote(user, safe=SIP_USER_SAFE)}@{domain.name}"
        return uri

    # --- carrying a call ---

    async def _carry(self, call: InboundCall, request: Request) -> None:
        session, note = call.session, call.note
        note("called", request.user)
        try:
            await session.prepare()
        except Unacceptable as unacceptable:
            session.refuse(488)
            note("refused", f"no codec in common: {unacceptable}")
            self._sessions.pop(request.branch, None)
            return
        session.media.on_first_sound = lambda: note("spoke", "its audio arrives")
        thread = threading.Thread(target=self._run, args=(call, request.branch), name="a phone's call", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self, call: InboundCall, branch: str) -> None:
        """Carry a call to its end; runs in the call's thread."""
        waiter, stopwatch = LoopWaiter(self._loop), Stopwatch(partial(self._reached, call), call.began)
        line = PhoneLine(call.session, waiter, partial(call.note, "heard"))
        wires = PhoneWires(self.targets, waiter, self.real_time, stopwatch)
        try:
            self.exchange.carry(call.setup, line, wires, stopwatch.asked)
        except Exception:
            log.exception("A call of %s could not be carried", call.setup.from_)
            line.refuse(500)
        finally:
            line.hang_up()
            call.note("ended", line.session.summary())
            self._sessions.pop(branch, None)
            self._threads.discard(threading.current_thread())

    def _reached(self, call: InboundCall, address: str, delay: PostDialDelay) -> None:
        call.note("reached", f"{address.partition('?')[0]} rings, {delay}")
        self.targets.journal.delays.append(delay)
