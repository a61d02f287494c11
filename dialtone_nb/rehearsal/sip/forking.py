"""Forking (RFC 3261, 16): a Dial rings all its targets at once, on one branch each, until one answers.

A leg's targets are the phones registered at its address, the trunk, or the built-in network. The states of a leg:

    state     response from its branches               next state, and the event for the exchange
    silent    100                                      trying
              180, 183                                 ringing: Rings
    trying    180, 183                                 ringing: Rings
    any       200, the first of all legs               over: Answers; all else is cancelled, a later 200 is hung up
              a refusal, by the last of its branches   over: Fails, with the best refusal (16.7, step 6)
              the Dial's time is over                  over: Fails; from silent it was unreachable, else not answered
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, cast

from aiosipua.headers import parse_uri

from dialtone_nb.rehearsal.exchange.lines import Answers, Fails, LegEvent, OutgoingLeg, Rings
from dialtone_nb.rehearsal.exchange.target_checks import endpoint_error
from dialtone_nb.rehearsal.exchange.verbs import Complaint
from dialtone_nb.rehearsal.sip.address import SIP_PORT, TrunkAddress
from dialtone_nb.rehearsal.sip.admission import ringing_complaint
from dialtone_nb.rehearsal.sip.built_in_network import (
    BUSY_AFTER_S,
    BuiltInFarSide,
    FarSideLine,
    announcement,
    built_in_far_side_of,
    is_own,
)
from dialtone_nb.rehearsal.sip.dialogs import UserAgent
from dialtone_nb.rehearsal.sip.digest import NO_CREDENTIALS, DigestCredentials
from dialtone_nb.rehearsal.sip.journal import Journal, Note, Step
from dialtone_nb.rehearsal.sip.location_service import Aor, Binding, LocationService
from dialtone_nb.rehearsal.sip.messages import sendable, twilio_headers
from dialtone_nb.rehearsal.sip.phone_line import LoopWaiter, PhoneLine
from dialtone_nb.rehearsal.sip.transport import Flow, TransportLayer
from dialtone_nb.rehearsal.sip.uac import InviteResponse, UacSession
from dialtone_nb.rehearsal.state.store import Store
from dialtone_nb.values.sip import global_domain, parse_sip_uri

# DialCallStatus by the SIP status of a refusal; for a declined call (603) it is assumed.
Failure = Literal["busy", "no-answer", "failed", "canceled"]
DECLINED = 603
STATUS_OF: dict[int, Failure] = {
    486: "busy",
    600: "busy",
    408: "no-answer",
    480: "no-answer",
    487: "no-answer",
}
UNREACHABLE, NO_ANSWER = 408, 487
SERVER_ERROR, GLOBAL_FAILURE = 500, 600


@dataclass(frozen=True, slots=True)
class Targets:
    """Finds the targets of a leg (RFC 3261, 16.5: the target set), and has what an INVITE to them needs."""

    user_agent: UserAgent
    transport_layer: TransportLayer
    locations: LocationService
    journal: Journal
    store: Store
    now: Callable[[], float]
    trunk: TrunkAddress | None = None

    def far_side(self, address: str) -> BuiltInFarSide:
        """The behaviour of an address in the built-in network."""
        with self.store.transaction() as tables:
            return built_in_far_side_of(tables, address)

    def bindings(self, leg: OutgoingLeg) -> list[Binding]:
        """The phones that are registered now at a leg's SIP address."""
        return self.locations.bindings(aor_of(leg.address), self.now()) if is_phone(leg) else []

    def insecurity(self, leg: OutgoingLeg, bindings: Sequence[Binding]) -> Complaint | None:
        """The complaint if a domain's Secure does not let these phones be rung, or None."""
        with self.store.transaction() as tables:
            domain = tables.find("sip_domain", "", aor_of(leg.address)[1])
        return ringing_complaint(domain, {one.flow.transport for one in bindings}) if domain else None

    def trunk_of(self, leg: OutgoingLeg) -> TrunkAddress | None:
        """The trunk, if a leg goes there, that is to a SIP address outside of our own domains."""
        return self.trunk if leg.kind == "sip" and not is_own(leg.address) else None

    def reach(self, leg: OutgoingLeg) -> bool:
        """Whether a leg goes to a real phone or to the trunk."""
        return bool(self.bindings(leg) or self.trunk_of(leg))

    def headers(self, leg: OutgoingLeg) -> dict[str, str]:
        """The custom headers of an INVITE to a leg."""
        return twilio_headers(self.store.identity.account_sid, leg.call_sid) | sendable(leg.sip_headers)


def note_nothing(step: Step, detail: str) -> None:
    """No-op: a trunk has no journal."""


@dataclass(slots=True)
class RingingLeg:
    """A ringing leg; `note` adds to its phone's journal, and does nothing for a trunk."""

    leg: OutgoingLeg
    state: Literal["silent", "trying", "ringing", "over"] = "silent"
    branches: int = 1
    note: Note = note_nothing
    sessions: list[UacSession] = field(default_factory=list)
    refusals: list[InviteResponse] = field(default_factory=list)


class Fork:
    """The legs of one Dial while they ring; `next` gives the next event."""

    def __init__(self, targets: Targets, waiter: LoopWaiter, legs: Sequence[OutgoingLeg]) -> None:
        self._targets = targets
        self._waiter = waiter
        self._legs = [RingingLeg(leg) for leg in legs]
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_answered = False  # a branch has answered; later answers are hung up
        self._is_delivered = False  # the answer has been given to the exchange

    async def start(self) -> None:
        """Send the INVITEs of all legs."""
        self._tasks = [asyncio.ensure_future(self._ring(ringing)) for ringing in self._legs]

    async def next(self, until: float) -> LegEvent | None:
        """Wait for the next event, until the loop's time is `until`; None if there will be no more."""
        is_over = all(ringing.state == "over" for ringing in self._legs)
        if self._is_delivered or (is_over and self._events.empty()):
            return None
        try:
            async with asyncio.timeout_at(until):
                event = await self._events.get()
        except TimeoutError:
            self.stop()
            for ringing in sorted(self._legs, key=lambda one: one.leg.call_sid):
                self._time_out(ringing)
            if self._events.empty():
                return None
            event = self._events.get_nowait()
        self._is_delivered = isinstance(event, Answers)
        return event

    def end(self) -> None:
        """End the Dial: cancel the ringing branches, unless one has answered and is talking."""
        if not self._is_delivered:
            self.stop()

    def stop(self, *, but: UacSession | None = None) -> None:
        """Cancel all branches except one."""
        for task in self._tasks:
            task.cancel()
        for session in (one for ringing in self._legs for one in ringing.sessions if one is not but):
            session.cancel()

    async def _ring(self, ringing: RingingLeg) -> None:
        leg, targets = ringing.leg, self._targets
        bindings = targets.bindings(leg)
        if bindings and (complaint := targets.insecurity(leg, bindings)):
            status = targets.store.behaviour.insecure_response
            self._fail(ringing, Fails(leg.call_sid, "failed", status, complaint))
        elif bindings:
            user, domain = aor_of(leg.address)
            ringing.branches, ringing.note = len(bindings), partial(targets.journal.note, user, domain)
            await asyncio.gather(*(self._ring_phone(ringing, one, f"sip:{user}@{domain}") for one in bindings))
        elif trunk := targets.trunk_of(leg):
            await self._ring_trunk(ringing, trunk)
        else:
            await self._ring_built_in(ringing)

    # --- phones, and the trunk ---

    async def _ring_phone(self, ringing: RingingLeg, binding: Binding, to_uri: str) -> None:
        await self._invite(ringing, await self._flow_to(binding), binding.contact, to_uri)

    async def _flow_to(self, binding: Binding) -> Flow | None:
        """The flow that the phone registered over, or, if its connection is gone, a new one to its contact; or None."""
        if self._targets.transport_layer.is_open(binding.flow):
            return binding.flow
        contact = parse_uri(binding.contact)
        if contact.host != binding.flow.peer[0] or binding.flow.transport == "TLS":
            return None
        return await self._targets.transport_layer.connect((contact.host, contact.port or SIP_PORT))

    async def _ring_trunk(self, ringing: RingingLeg, trunk: TrunkAddress) -> None:
        leg, transport_layer = ringing.leg, self._targets.transport_layer
        flow = (
            transport_layer.udp(trunk.peer) if trunk.transport == "UDP" else await transport_layer.connect(trunk.peer)
        )
        uri = leg.address.partition("?")[0]
        await self._invite(ringing, flow, uri, uri, DigestCredentials(leg.username, leg.password))

    async def _invite(
        self,
        ringing: RingingLeg,
        flow: Flow | None,
        contact: str,
        to_uri: str,
        credentials: DigestCredentials = NO_CREDENTIALS,
    ) -> None:
        if flow is None:
            self._refuse(ringing, InviteResponse(0))
            return
        session = UacSession(
            self._targets.user_agent,
            flow,
            contact=contact,
            from_uri=from_uri(ringing.leg.caller_id, parse_sip_uri(to_uri)[1]),
            to_uri=to_uri,
            on_response=lambda response: self._receive(ringing, session, response),
            credentials=credentials,
        )
        ringing.sessions.append(session)
        await session.invite(self._targets.headers(ringing.leg))

    def _receive(self, ringing: RingingLeg, session: UacSession, response: InviteResponse) -> None:
        if response.status and ringing.state == "silent":
            ringing.state = "trying"
        if response.status == 180:
            if ringing.state == "trying" and not self._is_answered:
                ringing.note("rang", f"called by {ringing.leg.caller_id}")
                self._let_ring(ringing)
        elif response.status == 200:
            self._answer(ringing, session, response)
        elif response.status != 100:
            self._refuse(ringing, response, session.call_id)

    def _answer(self, ringing: RingingLeg, session: UacSession, response: InviteResponse) -> None:
        if not self._is_first(ringing):
            session.hang_up()
            return
        note = ringing.note
        note("answered", f"called by {ringing.leg.caller_id}")
        session.media.on_first_sound = lambda: note("spoke", "its audio arrives")
        session.on_over = lambda: note("ended", session.summary())
        line = PhoneLine(session, self._waiter, partial(note, "heard"))
        self.stop(but=session)
        self._events.put_nowait(Answers(ringing.leg.call_sid, line, session.call_id, response.headers))

    def _refuse(self, ringing: RingingLeg, response: InviteResponse, call_id: str = "") -> None:
        """Add the refusal of one branch; once all branches have refused, fail the leg with the best refusal."""
        refusals, leg = ringing.refusals, ringing.leg
        refusals.append(response)
        if len(refusals) < ringing.branches or ringing.state == "over":
            return
        best = min(refusals, key=lambda one: (one.status in {0, UNREACHABLE, 480, NO_ANSWER}, -(one.status // 100)))
        ringing.note("ended", f"it did not take the call: {best.status or UNREACHABLE}")
        if best.status:
            status = STATUS_OF.get(best.status, "failed")
            if best.status == DECLINED:
                status = cast(Failure, self._targets.store.behaviour.declined_status)
            error = self._error(leg, best.status) if SERVER_ERROR <= best.status < GLOBAL_FAILURE else None
            self._fail(ringing, Fails(leg.call_sid, status, best.status, error, call_id, best.headers))
        else:
            self._fail(ringing, self._unreachable(leg))

    def _time_out(self, ringing: RingingLeg) -> None:
        """Fail a leg whose time is over: unreachable if there was no response at all, otherwise not answered."""
        leg, is_silent = ringing.leg, ringing.state == "silent"
        self._fail(ringing, self._unreachable(leg) if is_silent else Fails(leg.call_sid, "no-answer", NO_ANSWER))

    def _unreachable(self, leg: OutgoingLeg) -> Fails:
        """The failure of a leg without any response."""
        if leg.kind == "sip":
            return Fails(leg.call_sid, "failed", UNREACHABLE, self._error(leg))
        return Fails(leg.call_sid, "failed", None, Complaint(32016, f"PSTN post-dial timeout for {leg.address}"))

    def _error(self, leg: OutgoingLeg, status: int | None = None) -> Complaint:
        """The alert about a SIP endpoint that does not respond, or responds with a 5xx."""
        bindings = self._targets.bindings(leg)
        return endpoint_error(leg, bindings[0].contact if bindings else leg.address, status)

    # --- the built-in network ---

    async def _ring_built_in(self, ringing: RingingLeg) -> None:
        leg = ringing.leg
        far_side = self._targets.far_side(leg.address)
        if far_side.does == "can't be reached":
            self._fail(ringing, self._unreachable(leg))
            return
        self._let_ring(ringing)
        if far_side.does == "is busy":
            await asyncio.sleep(BUSY_AFTER_S)
            self._fail(ringing, Fails(leg.call_sid, "busy", 486))
        elif far_side.does == "answers":
            await asyncio.sleep(far_side.rings_s)
            if self._is_first(ringing):
                line = FarSideLine(far_side, announcement(leg.address, leg.emergency))
                self._events.put_nowait(Answers(leg.call_sid, line))
                self.stop()

    # --- changes of state ---

    def _let_ring(self, ringing: RingingLeg) -> None:
        ringing.state = "ringing"
        self._events.put_nowait(Rings(ringing.leg.call_sid))

    def _is_first(self, ringing: RingingLeg) -> bool:
        is_first = not self._is_answered and ringing.state != "over"
        self._is_answered, ringing.state = True, "over"
        return is_first

    def _fail(self, ringing: RingingLeg, event: Fails) -> None:
        if ringing.state != "over":
            ringing.state = "over"
            self._events.put_nowait(event)


def aor_of(address: str) -> Aor:
    """The address-of-record of a SIP address, at the domain's global name, whichever of its names was dialled."""
    user, host = parse_sip_uri(address)
    return user, global_domain(host)


def is_phone(leg: OutgoingLeg) -> bool:
    """Whether a leg goes to one of our own SIP domains."""
    return leg.kind == "sip" and is_own(leg.address)


def from_uri(caller_id: str, domain: str) -> str:
    """The From URI of an INVITE, which a phone's display shows."""
    user, host = parse_sip_uri(caller_id)
    return f"sip:{user}@{host}" if host else f"sip:{caller_id}@{domain}"
