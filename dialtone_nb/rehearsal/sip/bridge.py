"""The wires of a call with real phones: ringing them, the ringback tone, and the talk until it ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dialtone_nb.rehearsal.exchange.lines import BridgeEnd, HungUp, LegEvent, Line, OutgoingLeg, Rings
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedLine
from dialtone_nb.rehearsal.sip.built_in_network import BuiltInFarSide, FarSideLine, perform
from dialtone_nb.rehearsal.sip.forking import Fork, Targets
from dialtone_nb.rehearsal.sip.journal import Stopwatch
from dialtone_nb.rehearsal.sip.media.rtp import join, part
from dialtone_nb.rehearsal.sip.media.tones import ringback
from dialtone_nb.rehearsal.sip.phone_line import LoopWaiter, PhoneLine, unless_over
from dialtone_nb.rehearsal.sip.real_time import RealTime
from dialtone_nb.rehearsal.state.store import Tables

OUTSIDE = "This is a call from outside, on the rehearsal. Nobody real is calling."
LONGEST_S = 86_400.0


@dataclass(frozen=True, slots=True)
class PhoneWires:
    """The wires of one call that has a real phone in it."""

    targets: Targets
    waiter: LoopWaiter
    real_time: RealTime
    stopwatch: Stopwatch | None = None

    def catch_up(self, tables: Tables) -> None:
        """Advance the store's clock by the real time that has passed."""
        self.real_time.catch_up(tables)

    def lasted(self, seconds: float) -> float:
        """The same seconds: a call with a real phone takes real time."""
        return seconds

    def interrupt(self, error: BaseException) -> None:
        """Raise this error in the call's thread."""
        self.waiter.interrupt(error)

    def ring(
        self, legs: Sequence[OutgoingLeg], timeout_s: float, caller: Line | None
    ) -> Generator[LegEvent, None, None]:
        """Yield the legs' events as they happen; an answered caller hears the ringback tone meanwhile."""
        fork = Fork(self.targets, self.waiter, legs)
        try:
            until = self.waiter.wait(_start(fork, timeout_s))
            patience = until - timeout_s + _patience_of(caller)
            while event := self.waiter.wait(_next_event(fork, until, patience, caller)):
                if self.stopwatch and isinstance(event, Rings):
                    self.stopwatch.rings(next(leg.address for leg in legs if leg.call_sid == event.call_sid))
                yield event
        finally:
            self.waiter.soon(fork.end)

    def bridge(self, caller: Line, callee: Line, time_limit_s: float, *, hangup_on_star: bool) -> BridgeEnd:
        """Join two lines, and wait until one party hangs up, a star is pressed, or the time is over."""
        return self.waiter.wait(_bridge(caller, callee, time_limit_s, hangup_on_star=hangup_on_star))


async def _start(fork: Fork, timeout_s: float) -> float:
    await fork.start()
    return asyncio.get_running_loop().time() + timeout_s


def _patience_of(caller: Line | None) -> float:
    """The seconds that a simulated caller listens to the ringing; a real one hangs up by itself."""
    cancel_after = caller.party.cancel_after if isinstance(caller, SimulatedLine) else None
    return math.inf if cancel_after is None else cancel_after


async def _next_event(fork: Fork, until: float, patience: float, caller: Line | None) -> LegEvent | None:
    if isinstance(caller, PhoneLine):
        return await unless_over(caller.session, lambda: _with_ringback(fork, until, caller))
    if patience > until:
        return await fork.next(until)
    try:
        async with asyncio.timeout_at(patience):
            return await fork.next(until)
    except TimeoutError:
        raise HungUp from None


async def _with_ringback(fork: Fork, until: float, caller: PhoneLine) -> LegEvent | None:
    if not caller.session.is_answered:
        return await fork.next(until)
    tone = asyncio.ensure_future(caller.session.media.play(ringback(), repeat=True))
    try:
        return await fork.next(until)
    finally:
        tone.cancel()


async def _bridge(caller: Line, callee: Line, time_limit_s: float, *, hangup_on_star: bool) -> BridgeEnd:
    """Wait for the first event that ends a talk, and cancel the waits for the others."""
    star = asyncio.Event()
    ends: dict[str, asyncio.Future[Any]] = {"star": asyncio.ensure_future(star.wait())}
    for who, line in (("caller", caller), ("callee", callee)):
        if isinstance(line, PhoneLine):
            ends[who] = asyncio.ensure_future(line.session.over.wait())
    if isinstance(caller, PhoneLine):
        caller.on_key = lambda key: star.set() if key == "*" and hangup_on_star else None
    for who, talk in _talk(caller, callee):
        ends[who] = asyncio.ensure_future(talk)
    try:
        await asyncio.wait(ends.values(), timeout=time_limit_s, return_when=asyncio.FIRST_COMPLETED)
        done = next((name for name, future in ends.items() if future.done()), "time limit")
    finally:
        for future in ends.values():
            future.cancel()
        await asyncio.gather(*ends.values(), return_exceptions=True)
        if isinstance(caller, PhoneLine):
            caller.on_key = lambda _: None
            if isinstance(callee, PhoneLine):
                part(caller.session.media, callee.session.media)
    match done:
        case "caller":
            raise HungUp
        case "star" | "time limit":
            return done
        case _:
            return "callee"


def _talk(caller: Line, callee: Line) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
    """Join the audio of the two; for a simulated one, yield which that is, and the coroutine of what it says."""
    if isinstance(caller, PhoneLine) and isinstance(callee, PhoneLine):
        join(caller.session.media, callee.session.media)
    elif isinstance(caller, PhoneLine) and isinstance(callee, FarSideLine):
        yield "callee", perform(callee.far_side, caller.session.media, callee.words)
    elif isinstance(callee, PhoneLine):
        talks_s = caller.party.talk if isinstance(caller, SimulatedLine) else math.inf
        yield "caller", perform(BuiltInFarSide(talks_s=talks_s), callee.session.media, OUTSIDE)
    elif isinstance(callee, FarSideLine):
        yield "callee", asyncio.sleep(min(callee.far_side.talks_s, LONGEST_S))
