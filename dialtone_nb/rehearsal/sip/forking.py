"""Forking (RFC 3261, 16): a Dial rings all its targets at once, on a branch each, until one answers.

A leg's targets are the phones registered at its address, the trunk, or the built-in network. What becomes of a leg:

    the first 180 or 183 of its branches    Rings
    the first 200 of all legs               Answers; all else is cancelled, and a later 200 is hung up
    a refusal on its every branch           Fails, with the most telling refusal (16.7, step 6)
    the Dial's time is over                 Fails: no answer where it rang, unreachable where nothing ever came back
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from aiosipua.headers import parse_uri

from dialtone_nb.rehearsal.assumptions import INSECURE_RESPONSE
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

# What a refusal is called in DialCallStatus. That a declined call (603) counts as busy is an assumption.
Failure = Literal["busy", "no-answer", "failed", "canceled"]
STATUS_OF: dict[int, Failure] = {
    486: "busy",
    600: "busy",
    603: "busy",
    408: "no-answer",
    480: "no-answer",
    487: "no-answer",
}
UNREACHABLE, NO_ANSWER = 408, 487
SERVER_ERROR, GLOBAL_FAILURE = 500, 600


@dataclass(frozen=True, slots=True)
class Targets:
    """Where a leg leads (RFC 3261, 16.5: the target set), and what an INVITE to it needs."""

    user_agent: UserAgent
    transport_layer: TransportLayer
    locations: LocationService
    journal: Journal
    store: Store
    now: Callable[[], float]
    trunk: TrunkAddress | None = None

    def far_side(self, address: str) -> BuiltInFarSide:
        """How an address of the built-in network behaves."""
        with self.store.transaction() as tables:
            return built_in_far_side_of(tables, address)

    def bindings(self, leg: OutgoingLeg) -> list[Binding]:
        """The phones that are registered now at the SIP address that a leg leads to."""
        return self.locations.bindings(aor_of(leg.address), self.now()) if is_phone(leg) else []

    def insecurity(self, leg: OutgoingLeg, bindings: Sequence[Binding]) -> Complaint | None:
        """Why a domain's Secure keeps these phones from being rung; None where nothing does."""
        with self.store.transaction() as tables:
            domain = tables.find("sip_domain", "", aor_of(leg.address)[1])
        return ringing_complaint(domain, {one.flow.transport for one in bindings}) if domain else None

    def trunk_of(self, leg: OutgoingLeg) -> TrunkAddress | None:
        """The trunk, where a leg leads to it: to a SIP address that is none of our own domains'."""
        return self.trunk if leg.kind == "sip" and not is_own(leg.address) else None

    def reach(self, leg: OutgoingLeg) -> bool:
        """Whether a leg leads to something real: a registered phone, or the trunk."""
        return bool(self.bindings(leg) or self.trunk_of(leg))

    def headers(self, leg: OutgoingLeg) -> dict[str, str]:
        """The headers of an INVITE, beside SIP's own."""
        return twilio_headers(self.store.identity.account_sid, leg.call_sid) | sendable(leg.sip_headers)


@dataclass(frozen=True, slots=True)
class Route:
    """Where an INVITE of one branch goes, and as whose; `note` writes down what a phone does, not of a trunk."""

    flow: Flow
    target: str
    to_uri: str
    domain: str
    branches: int
    note: Note
    credentials: DigestCredentials = NO_CREDENTIALS


class Fork:
    """The legs of one Dial while they ring; `next` gives the next event."""

    def __init__(self, targets: Targets, waiting: LoopWaiter, legs: Sequence[OutgoingLeg]) -> None:
        self._targets = targets
        self._waiting = waiting
        self._legs = {leg.call_sid: leg for leg in legs}
        self._left = set(self._legs)
        self._rang: set[str] = set()
        self._silent = set(self._legs)  # from where nothing has come back yet, not even a 100
        self._branches: dict[str, list[UacSession]] = {sid: [] for sid in self._legs}
        self._refusals: dict[str, list[InviteResponse]] = {sid: [] for sid in self._legs}
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_answered = False  # by any branch: whoever answers later is too late
        self._is_delivered = False  # the answer, to whose call it is

    async def start(self) -> None:
        """Send the INVITEs of all legs."""
        self._tasks = [asyncio.ensure_future(self._ring(leg)) for leg in self._legs.values()]

    async def _ring(self, leg: OutgoingLeg) -> None:
        bindings = self._targets.bindings(leg)
        if bindings and (complaint := self._targets.insecurity(leg, bindings)):
            self._fail(Fails(leg.call_sid, "failed", INSECURE_RESPONSE, complaint))
        elif bindings:
            await asyncio.gather(*(self._ring_phone(leg, binding, len(bindings)) for binding in bindings))
        elif trunk := self._targets.trunk_of(leg):
            await self._ring_trunk(leg, trunk)
        else:
            await self._ring_built_in(leg)

    async def next(self, until: float) -> LegEvent | None:
        """Wait for the next event, until the loop's time is this; None once there is nothing more to come."""
        if self._is_delivered or (not self._left and self._events.empty()):
            return None
        try:
            async with asyncio.timeout_at(until):
                event = await self._events.get()
        except TimeoutError:
            self.stop()
            for call_sid in sorted(self._left):
                self._time_out(self._legs[call_sid])
            if self._events.empty():
                return None
            event = self._events.get_nowait()
        self._is_delivered = isinstance(event, Answers)
        return event

    def end(self) -> None:
        """End the Dial: cancel what still rings, unless somebody answered and talks."""
        if not self._is_delivered:
            self.stop()

    def stop(self, *, but: UacSession | None = None) -> None:
        """Cancel every branch but this one."""
        for task in self._tasks:
            task.cancel()
        for session in (one for branches in self._branches.values() for one in branches if one is not but):
            session.cancel()

    # --- phones, and the trunk ---

    async def _ring_phone(self, leg: OutgoingLeg, binding: Binding, branches: int) -> None:
        user, domain = aor_of(leg.address)
        note = partial(self._targets.journal.note, user, domain)
        flow = await self._flow_to(binding)
        if flow is None:
            self._refused(leg, InviteResponse(0), branches, note)
            return
        await self._invite(leg, Route(flow, binding.contact, f"sip:{user}@{domain}", domain, branches, note))

    async def _ring_trunk(self, leg: OutgoingLeg, trunk: TrunkAddress) -> None:
        transport_layer = self._targets.transport_layer
        try:
            flow = (
                await transport_layer.connect(trunk.peer)
                if trunk.transport == "TCP"
                else transport_layer.udp(trunk.peer)
            )
        except (OSError, TimeoutError):
            self._refused(leg, InviteResponse(0), 1, note_nothing)
            return
        uri, domain = leg.address.partition("?")[0], parse_sip_uri(leg.address)[1]
        credentials = DigestCredentials(leg.username, leg.password)
        await self._invite(leg, Route(flow, uri, uri, domain, 1, note_nothing, credentials))

    async def _invite(self, leg: OutgoingLeg, route: Route) -> None:
        def receive(response: InviteResponse) -> None:
            self._receive(leg, route, session, response)

        session = UacSession(
            self._targets.user_agent,
            route.flow,
            contact=route.target,
            from_uri=from_uri(leg.caller_id, route.domain),
            to_uri=route.to_uri,
            on_response=receive,
            credentials=route.credentials,
        )
        self._branches[leg.call_sid].append(session)
        await session.invite(self._targets.headers(leg))

    async def _flow_to(self, binding: Binding) -> Flow | None:
        """The flow that the phone registered over; where its connection is gone, a new one to its contact."""
        if self._targets.transport_layer.is_open(binding.flow):
            return binding.flow
        uri = parse_uri(binding.contact)
        if uri.host != binding.flow.peer[0] or binding.flow.transport == "TLS":
            return None
        try:
            return await self._targets.transport_layer.connect((uri.host, uri.port or SIP_PORT))
        except (OSError, TimeoutError):
            return None

    def _receive(self, leg: OutgoingLeg, route: Route, session: UacSession, response: InviteResponse) -> None:
        if response.status:
            self._silent.discard(leg.call_sid)
        if response.status == 180:
            if leg.call_sid not in self._rang and not self._is_answered:
                self._rang.add(leg.call_sid)
                route.note("rang", f"called by {leg.caller_id}")
                self._events.put_nowait(Rings(leg.call_sid))
        elif response.status == 200:
            self._answered(leg, route, session, response)
        elif response.status != 100:
            self._refused(leg, response, route.branches, route.note, session.call_id)

    def _answered(self, leg: OutgoingLeg, route: Route, session: UacSession, response: InviteResponse) -> None:
        if not self._is_first(leg):
            session.hang_up()
            return
        route.note("answered", f"called by {leg.caller_id}")
        session.media.on_first_sound = lambda: route.note("spoke", "its sound arrives")
        session.on_over = lambda: route.note("ended", session.summary())
        line = PhoneLine(session, self._waiting, lambda what: route.note("heard", what))
        self.stop(but=session)
        self._events.put_nowait(Answers(leg.call_sid, line, session.call_id, response.headers))

    def _refused(
        self, leg: OutgoingLeg, response: InviteResponse, branches: int, note: Note, call_id: str = ""
    ) -> None:
        """Count the refusal of one branch; once all have refused, the most telling one is the leg's."""
        refusals = self._refusals[leg.call_sid]
        refusals.append(response)
        if len(refusals) < branches or leg.call_sid not in self._left:
            return
        best = min(refusals, key=lambda one: (one.status in {0, UNREACHABLE, 480, NO_ANSWER}, -(one.status // 100)))
        note("ended", f"it did not take the call: {best.status or UNREACHABLE}")
        if best.status:
            status = STATUS_OF.get(best.status, "failed")
            error = self._error(leg, best.status) if SERVER_ERROR <= best.status < GLOBAL_FAILURE else None
            self._fail(Fails(leg.call_sid, status, best.status, error, call_id, best.headers))
        else:
            self._fail(self._unreachable(leg))

    def _time_out(self, leg: OutgoingLeg) -> None:
        """Fail a leg whose time is over: not answered where something came back, unreachable where nothing did."""
        is_silent = leg.call_sid in self._silent
        self._fail(self._unreachable(leg) if is_silent else Fails(leg.call_sid, "no-answer", NO_ANSWER))

    def _unreachable(self, leg: OutgoingLeg) -> Fails:
        """The failure of a leg from which nothing ever came back."""
        if leg.kind == "sip":
            return Fails(leg.call_sid, "failed", UNREACHABLE, self._error(leg))
        return Fails(leg.call_sid, "failed", None, Complaint(32016, f"PSTN post-dial timeout for {leg.address}"))

    def _error(self, leg: OutgoingLeg, status: int | None = None) -> Complaint:
        """The alert about a SIP endpoint that never answers, or answers with a server's error, a 5xx."""
        bindings = self._targets.bindings(leg)
        return endpoint_error(leg, bindings[0].contact if bindings else leg.address, status)

    # --- the built-in network ---

    async def _ring_built_in(self, leg: OutgoingLeg) -> None:
        far_side = self._targets.far_side(leg.address)
        if far_side.does == "can't be reached":
            self._fail(self._unreachable(leg))
            return
        self._silent.discard(leg.call_sid)
        self._events.put_nowait(Rings(leg.call_sid))
        if far_side.does == "is busy":
            await asyncio.sleep(BUSY_AFTER_S)
            self._fail(Fails(leg.call_sid, "busy", 486))
        elif far_side.does == "answers":
            await asyncio.sleep(far_side.rings_s)
            if self._is_first(leg):
                self._events.put_nowait(
                    Answers(leg.call_sid, FarSideLine(far_side, announcement(leg.address, leg.emergency)))
                )
                self.stop()

    def _is_first(self, leg: OutgoingLeg) -> bool:
        is_first = not self._is_answered and leg.call_sid in self._left
        self._is_answered = True
        self._left.discard(leg.call_sid)
        return is_first

    def _fail(self, event: Fails) -> None:
        if event.call_sid in self._left:
            self._left.discard(event.call_sid)
            self._events.put_nowait(event)


def note_nothing(step: Step, detail: str) -> None:
    """No-op: what happens at a trunk is in no phone's journal."""


def aor_of(address: str) -> Aor:
    """The address-of-record that a SIP address leads to: at the domain's global name, whichever name was dialled."""
    user, host = parse_sip_uri(address)
    return user, global_domain(host)


def is_phone(leg: OutgoingLeg) -> bool:
    """Whether a leg leads to one of our own SIP domains."""
    return leg.kind == "sip" and is_own(leg.address)


def from_uri(caller_id: str, domain: str) -> str:
    """The From of an INVITE: what a phone's display shows."""
    user, host = parse_sip_uri(caller_id)
    return f"sip:{user}@{host}" if host else f"sip:{caller_id}@{domain}"
