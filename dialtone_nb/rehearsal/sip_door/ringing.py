"""Ringing: every phone that is registered as a user, the built-in network's numbers, until somebody answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from aiosipua.headers import parse_uri

from dialtone_nb.rehearsal.exchange.lines import Answers, Fails, LegEvent, OutgoingLeg, Rings
from dialtone_nb.rehearsal.exchange.verbs import Complaint
from dialtone_nb.rehearsal.sip_door.far_end import BUSY_AFTER_S, FarEnd, announcement, far_end_of, is_own
from dialtone_nb.rehearsal.sip_door.far_lines import FarLine
from dialtone_nb.rehearsal.sip_door.flows import Flow, Listening
from dialtone_nb.rehearsal.sip_door.journal import Journal
from dialtone_nb.rehearsal.sip_door.lines import PhoneLine, Waiting
from dialtone_nb.rehearsal.sip_door.outgoing import Outcome, OutgoingSession
from dialtone_nb.rehearsal.sip_door.registrar import Binding, Registrar
from dialtone_nb.rehearsal.sip_door.sessions import Switchboard
from dialtone_nb.rehearsal.store import Store
from dialtone_nb.sip import parse_sip_uri

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
CUSTOM_HEADER = re.compile(r"(?:X-[A-Za-z0-9-]+|User-to-User)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Telephones:
    """What ringing needs of the door."""

    switchboard: Switchboard
    listening: Listening
    registrar: Registrar
    journal: Journal
    store: Store
    now: Callable[[], float]

    def far_end(self, address: str) -> FarEnd:
        """Who is at an address of the built-in network."""
        with self.store.transaction() as tables:
            return far_end_of(tables, address)

    def bindings(self, address: str) -> list[Binding]:
        """The phones that are registered at a SIP address now."""
        return self.registrar.bindings(parse_sip_uri(address), self.now())


class Ringing:
    """The legs of one Dial while they ring; `next` tells what happens."""

    def __init__(self, telephones: Telephones, waiting: Waiting, legs: Sequence[OutgoingLeg]) -> None:
        self._telephones = telephones
        self._waiting = waiting
        self._legs = {leg.call_sid: leg for leg in legs}
        self._left = set(self._legs)
        self._rang: set[str] = set()
        self._forks: dict[str, list[OutgoingSession]] = {sid: [] for sid in self._legs}
        self._refusals: dict[str, list[int]] = {sid: [] for sid in self._legs}
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_answered = False  # somebody has: whoever answers later is too late
        self._is_delivered = False  # and whose call it is has them on the line

    async def start(self) -> None:
        """Let all of them ring."""
        for leg in self._legs.values():
            bindings = self._telephones.bindings(leg.address) if is_phone(leg) else []
            work = self._ring_phones(leg, bindings) if bindings else self._ring_far_end(leg)
            self._tasks.append(asyncio.ensure_future(work))

    async def next(self, until: float) -> LegEvent | None:
        """What happens next, until the loop's time is this; None once there is nothing more to come."""
        if self._is_delivered or (not self._left and self._events.empty()):
            return None
        try:
            async with asyncio.timeout_at(until):
                event = await self._events.get()
        except TimeoutError:
            self.stop()
            for call_sid in sorted(self._left):
                self._events.put_nowait(Fails(call_sid, "no-answer", NO_ANSWER))
            self._left.clear()
            if self._events.empty():
                return None
            event = self._events.get_nowait()
        self._is_delivered = isinstance(event, Answers)
        return event

    def end(self) -> None:
        """Whose call it is listens no more: let nothing ring, unless they talk."""
        if not self._is_delivered:
            self.stop()

    def stop(self, *, but: OutgoingSession | None = None) -> None:
        """Let nothing ring any more."""
        for task in self._tasks:
            task.cancel()
        for session in (one for forks in self._forks.values() for one in forks if one is not but):
            session.cancel()

    # --- phones ---

    async def _ring_phones(self, leg: OutgoingLeg, bindings: Sequence[Binding]) -> None:
        await asyncio.gather(*(self._ring_phone(leg, binding, len(bindings)) for binding in bindings))

    async def _ring_phone(self, leg: OutgoingLeg, binding: Binding, forks: int) -> None:
        user, domain = parse_sip_uri(leg.address)
        flow = await self._way_to(binding)
        if flow is None:
            self._refused(leg, UNREACHABLE, forks)
            return

        def came(outcome: Outcome) -> None:
            self._came(leg, session, outcome, forks)

        session = OutgoingSession(
            self._telephones.switchboard,
            flow,
            contact=binding.contact,
            from_uri=from_uri(leg.caller_id, domain),
            to_uri=f"sip:{user}@{domain}",
            on_outcome=came,
        )
        self._forks[leg.call_sid].append(session)
        await session.invite(custom_headers(leg.sip_headers))

    async def _way_to(self, binding: Binding) -> Flow | None:
        """The way that the phone came; where its connection is gone, a new one to the address that it gave."""
        if self._telephones.listening.is_open(binding.flow):
            return binding.flow
        uri = parse_uri(binding.contact)
        if uri.host != binding.flow.peer[0]:
            return None
        try:
            return await self._telephones.listening.connect((uri.host, uri.port or 5060))
        except (OSError, TimeoutError):
            return None

    def _came(self, leg: OutgoingLeg, session: OutgoingSession, outcome: Outcome, forks: int) -> None:
        user, domain = parse_sip_uri(leg.address)
        if outcome.status == 180:
            if leg.call_sid not in self._rang and not self._is_answered:
                self._rang.add(leg.call_sid)
                self._telephones.journal.note(user, domain, "rang", f"called by {leg.caller_id}")
                self._events.put_nowait(Rings(leg.call_sid))
        elif outcome.status == 200:
            if not self._is_first(leg):
                session.hang_up()
                return
            self._telephones.journal.note(user, domain, "answered", f"called by {leg.caller_id}")
            session.media.on_first_sound = lambda: self._telephones.journal.note(
                user, domain, "spoke", "its sound arrives"
            )
            line = PhoneLine(
                session, self._waiting, lambda what: self._telephones.journal.note(user, domain, "heard", what)
            )
            self.stop(but=session)
            self._events.put_nowait(Answers(leg.call_sid, line, session.call_id))
        else:
            self._refused(leg, outcome.status or UNREACHABLE, forks, was_silent=not outcome.status)

    def _refused(self, leg: OutgoingLeg, status: int, forks: int, *, was_silent: bool = True) -> None:
        """One phone of a user's will not answer; once none will, the most telling refusal counts."""
        refusals = self._refusals[leg.call_sid]
        refusals.append(status)
        if len(refusals) < forks or leg.call_sid not in self._left:
            return
        best = min(refusals, key=lambda one: (one in {UNREACHABLE, 480, NO_ANSWER}, -(one // 100), one))
        user, domain = parse_sip_uri(leg.address)
        self._telephones.journal.note(user, domain, "ended", f"it did not take the call: {best}")
        if best == UNREACHABLE and was_silent:
            complaint = Complaint(32011, f"Error communicating with the SIP endpoint {leg.address}")
            self._fail(leg, "failed", best, complaint)
        else:
            self._fail(leg, STATUS_OF.get(best, "failed"), best)

    # --- the built-in network ---

    async def _ring_far_end(self, leg: OutgoingLeg) -> None:
        far_end = self._telephones.far_end(leg.address)
        if far_end.does == "can't be reached":
            if leg.kind == "sip":
                complaint = Complaint(32011, f"Error communicating with the SIP endpoint {leg.address}")
                self._fail(leg, "failed", UNREACHABLE, complaint)
            else:
                self._fail(leg, "failed", None, Complaint(32016, f"PSTN post-dial timeout for {leg.address}"))
            return
        self._events.put_nowait(Rings(leg.call_sid))
        if far_end.does == "is busy":
            await asyncio.sleep(BUSY_AFTER_S)
            self._fail(leg, "busy", 486)
        elif far_end.does == "answers":
            await asyncio.sleep(far_end.rings_s)
            if self._is_first(leg):
                self._events.put_nowait(
                    Answers(leg.call_sid, FarLine(far_end, announcement(leg.address, leg.emergency)))
                )
                self.stop()

    def _is_first(self, leg: OutgoingLeg) -> bool:
        is_first = not self._is_answered and leg.call_sid in self._left
        self._is_answered = True
        self._left.discard(leg.call_sid)
        return is_first

    def _fail(
        self, leg: OutgoingLeg, status: Failure, sip_response: int | None, complaint: Complaint | None = None
    ) -> None:
        if leg.call_sid in self._left:
            self._left.discard(leg.call_sid)
            self._events.put_nowait(Fails(leg.call_sid, status, sip_response, complaint))


def is_phone(leg: OutgoingLeg) -> bool:
    """Whether a leg leads to one of our own SIP domains."""
    return leg.kind == "sip" and is_own(leg.address)


def from_uri(caller_id: str, domain: str) -> str:
    """The From of an INVITE to a phone: what its display shows."""
    user, host = parse_sip_uri(caller_id)
    return f"sip:{user}@{host}" if host else f"sip:{caller_id}@{domain}"


def custom_headers(headers: dict[str, str]) -> dict[str, str]:
    """The headers that a <Sip> may add: X-… and User-to-User, of one line each."""
    return {name: value for name, value in headers.items() if CUSTOM_HEADER.fullmatch(name) and value.isprintable()}
