"""Simulated telephones: lines and wires with simulated parties, in simulated time."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence

from dialtone_nb.rehearsal.exchange.lines import (
    HUNG_UP,
    Answers,
    BridgeEnd,
    DigitTerms,
    Fails,
    HungUp,
    LegEvent,
    Line,
    OutgoingLeg,
    Recorded,
    RecordTerms,
    Rings,
    play_prompts,
)
from dialtone_nb.rehearsal.exchange.simulated_behaviour import SimulatedParty
from dialtone_nb.rehearsal.exchange.simulated_time import Task
from dialtone_nb.rehearsal.exchange.target_checks import endpoint_error
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Prompt
from dialtone_nb.rehearsal.exchange.webhooks import PHONE_ADDRESS
from dialtone_nb.rehearsal.state.store import Tables
from dialtone_nb.values.sip import parse_sip_uri

WORDS_PER_SECOND = 2.5
PLAYED_S = 5.0  # the duration of any audio
BUSY_AFTER_S = 1.0
KEY_S = 0.5  # from one key to the next
PAUSE_KEYS = {"w": 0.5, "W": 1.0}


class SimulatedLine:
    """A line with a simulated party; `heard` is what the party has heard, in order."""

    def __init__(self, task: Task, party: SimulatedParty) -> None:
        self._task = task
        leaves_after = party.leaves_after
        self._leaves_at = math.inf if leaves_after is None else task.now() + leaves_after
        self._ends_at = self._patience_ends_at = math.inf
        self._presses = list(party.presses)
        self.party = party
        self.heard: list[str] = []

    def ring(self) -> None:
        """No-op: a simulated caller hears no tone."""

    def answer(self) -> None:
        """No-op: a simulated line answers at once."""

    def refuse(self, sip_response: int) -> None:
        """No-op: the call's record has the status."""

    def hang_up(self) -> None:
        """No-op: the party's task ends by itself."""

    def say(self, text: str) -> None:
        """Hear text for as long as it takes to speak."""
        self.heard.append(text)
        self.wait(max(1, math.ceil(len(text.split()) / WORDS_PER_SECOND)))

    def play(self, url: str) -> None:
        """Hear audio."""
        self.heard.append(f"(plays {url})")
        self.wait(PLAYED_S)

    def play_digits(self, digits: str) -> None:
        """Hear tones."""
        self.heard.append(f"(tones {digits})")
        self.wait(PLAYED_S)

    def pause(self, seconds: float) -> None:
        """Hear silence."""
        self.wait(seconds)

    def collect(self, prompts: Sequence[Prompt], terms: DigitTerms) -> str:
        """Collect the digits that the party presses; it listens to all prompts before the first key."""
        play_prompts(self, prompts)
        digits, since_key = "", 0.0
        keys = self._presses.pop(0) if self._presses else ""
        for place, key in enumerate(keys, start=1):
            pause = PAUSE_KEYS.get(key, KEY_S)
            if since_key + pause > terms.timeout_s:
                self.wait(terms.timeout_s - since_key)
                return digits
            self.wait(pause)
            since_key += pause
            if key in PAUSE_KEYS:
                continue
            if key == terms.finish_on:
                return digits
            digits, since_key = digits + key, 0.0
            if len(digits) == terms.most:
                if terms.keeps_rest and keys[place:]:
                    self._presses.insert(0, keys[place:])
                return digits
        self.wait(terms.timeout_s - since_key)
        return digits

    def record(self, terms: RecordTerms) -> Recorded:
        """Record the party; a key that ends the recording is pressed after it has spoken."""
        longest = min(terms.longest_s, self.stays_for)
        if self.party.speaks >= longest:
            self._task.wait(longest)
            return Recorded(longest, HUNG_UP if longest < terms.longest_s else "")
        self._task.wait(self.party.speaks)
        pressed = self._presses.pop(0) if self._presses else ""
        if key := next((key for key in pressed if key in terms.finish_on), ""):
            return Recorded(self.party.speaks, key)
        try:
            self.wait(terms.timeout_s)
        except HungUp:
            return Recorded(self.party.speaks, HUNG_UP)
        return Recorded(self.party.speaks)

    @property
    def stays_for(self) -> float:
        """The seconds until the party hangs up."""
        until = min(self._leaves_at, self._ends_at, self._patience_ends_at)
        return math.inf if until == math.inf else max(until - self._task.now(), 0.0)

    def leave_in(self, seconds: float) -> None:
        """Limit the call to this many seconds from now."""
        self._ends_at = self._task.now() + seconds

    def be_patient(self, seconds: float | None) -> None:
        """Have the party give up waiting after so many seconds; None is never."""
        self._patience_ends_at = math.inf if seconds is None else self._task.now() + seconds

    @property
    def is_out_of_time(self) -> bool:
        """Whether the call's time limit is reached."""
        return self._task.now() >= self._ends_at

    def wait(self, seconds: float) -> None:
        """Let time pass; raises `HungUp` if the party hangs up meanwhile."""
        stays_for = self.stays_for
        if stays_for < seconds:
            self._task.wait(stays_for)
            raise HungUp
        self._task.wait(seconds)


class SimulatedWires:
    """Rings simulated parties and joins their lines."""

    def __init__(self, task: Task, party_at: Callable[[OutgoingLeg], SimulatedParty]) -> None:
        self._task = task
        self._party_at = party_at

    def catch_up(self, tables: Tables) -> None:
        """No-op: the call's time is the store's clock."""

    def lasted(self, seconds: float) -> float:
        """Zero: simulated time stands still during webhook requests."""
        return 0.0

    def interrupt(self, error: BaseException) -> None:
        """Raise an error in the call's task, instead of its wait."""
        self._task.interrupt(error)

    def ring(
        self, legs: Sequence[OutgoingLeg], timeout_s: float, caller: Line | None
    ) -> Generator[LegEvent, None, None]:
        """Yield the legs' events in the order of time, until one answers, all fail, or the time is over."""
        self._task.check()
        patience = _patience(caller)
        passed, left = 0.0, [leg.call_sid for leg in legs]
        # Events of the same moment are ordered by rank, then by leg.
        happenings = [one for leg in legs for one in self._happenings(leg)]
        for at, _, event in sorted(happenings, key=lambda one: one[:2]):
            if at > min(patience, timeout_s):
                break
            if at > passed:
                self._task.wait(at - passed)
                passed = at
            if isinstance(event, Fails):
                left.remove(event.call_sid)
            yield event
        if left:
            self._task.wait(min(patience, timeout_s) - passed)
            if patience <= timeout_s:
                raise HungUp
            for call_sid in left:
                yield Fails(call_sid, "no-answer", 487)

    def _happenings(self, leg: OutgoingLeg) -> Iterator[tuple[float, int, LegEvent]]:
        """The events of a leg, each with its time in seconds and its rank among events of the same time."""
        party = self._party_at(leg)
        if party.unreachable and leg.kind == "sip":
            contact = f"sip:{parse_sip_uri(leg.address)[0]}@{PHONE_ADDRESS}:5060"
            yield 0.0, 0, Fails(leg.call_sid, "failed", 408, endpoint_error(leg, contact))
            return
        if party.unreachable:
            complaint = Complaint(32016, f"PSTN post-dial timeout for {leg.address}")
            yield 0.0, 0, Fails(leg.call_sid, "failed", None, complaint)
            return
        yield 0.0, 1, Rings(leg.call_sid)
        if party.busy:
            yield BUSY_AFTER_S, 2, Fails(leg.call_sid, "busy", 486)
        elif not party.no_answer:
            yield party.answer_after, 3, Answers(leg.call_sid, SimulatedLine(self._task, party))

    def bridge(self, caller: Line, callee: Line, time_limit_s: float, *, hangup_on_star: bool) -> BridgeEnd:
        """Let the talk pass; gives back what ends it first: the called party, the time limit, or the caller's star."""
        ends: list[tuple[float, BridgeEnd]] = [(time_limit_s, "time limit")]
        if isinstance(callee, SimulatedLine):
            ends.insert(0, (callee.party.talk, "callee"))
        wait = self._task.wait
        if isinstance(caller, SimulatedLine):
            wait = caller.wait
            if hangup_on_star and caller.party.star_after is not None:
                ends.append((caller.party.star_after, "star"))
        seconds, end = min(ends, key=lambda one: one[0])
        wait(seconds)
        return end


def _patience(caller: Line | None) -> float:
    """The seconds that a caller waits for an answer."""
    if not isinstance(caller, SimulatedLine):
        return math.inf
    cancel_after = caller.party.cancel_after
    return min(caller.stays_for, math.inf if cancel_after is None else cancel_after)
