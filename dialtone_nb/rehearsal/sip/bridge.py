"""Wires between real phones: what rings them, joins them, and parts them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Generator, Iterator, Sequence
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


class PhoneWires:
    """The wires of one call, of which a real phone is a part."""

    def __init__(
        self, targets: Targets, waiting: LoopWaiter, real_time: RealTime, stopwatch: Stopwatch | None = None
    ) -> None:
        self._targets = targets
        self._waiting = waiting
        self._real_time = real_time
        self._stopwatch = stopwatch

    def catch_up(self, tables: Tables) -> None:
        """The store's clock moves as real time does."""
        self._real_time.catch_up(tables)

    def lasted(self, seconds: float) -> float:
        """As long as it lasted."""
        return seconds

    def interrupt(self, error: BaseException) -> None:
        """Have whoever waits raise this error."""
        self._waiting.interrupt(error)

    def ring(
        self, legs: Sequence[OutgoingLeg], timeout_s: float, caller: Line | None
    ) -> Generator[LegEvent, None, None]:
        """What happens at the legs, as it happens; a caller who was answered hears the ringback tone."""
        ringing = Fork(self._targets, self._waiting, legs)
        try:
            until = self._waiting.wait(_begin(ringing, timeout_s))
            patience = until - timeout_s + _patience_of(caller)
            while event := self._waiting.wait(_next_event(ringing, until, patience, caller)):
                if self._stopwatch and isinstance(event, Rings):
                    self._stopwatch.rings(next(leg.address for leg in legs if leg.call_sid == event.call_sid))
                yield event
        finally:
            self._waiting.soon(ringing.end)

    def bridge(self, caller: Line, callee: Line, time_limit_s: float, *, hangup_on_star: bool) -> BridgeEnd:
        """What ended the talk of two: one hung up, a star was pressed, or the time was over."""
        return self._waiting.wait(_bridge(caller, callee, time_limit_s, hangup_on_star=hangup_on_star))


async def _begin(ringing: Fork, timeout_s: float) -> float:
    await ringing.start()
    return asyncio.get_running_loop().time() + timeout_s


def _patience_of(caller: Line | None) -> float:
    """How many seconds a caller listens to the ringing; a real one hangs up when it does."""
    cancel_after = caller.far_side.cancel_after if isinstance(caller, SimulatedLine) else None
    return math.inf if cancel_after is None else cancel_after


async def _next_event(ringing: Fork, until: float, patience: float, caller: Line | None) -> LegEvent | None:
    if isinstance(caller, PhoneLine):
        return await unless_over(caller.session, _with_ringback(ringing, until, caller))
    if patience > until:
        return await ringing.next(until)
    try:
        async with asyncio.timeout_at(patience):
            return await ringing.next(until)
    except TimeoutError:
        raise HungUp from None


async def _with_ringback(ringing: Fork, until: float, caller: PhoneLine) -> LegEvent | None:
    if not caller.session.is_answered:
        return await ringing.next(until)
    tone = asyncio.ensure_future(caller.session.media.play(ringback(), repeat=True))
    try:
        return await ringing.next(until)
    finally:
        tone.cancel()


async def _bridge(caller: Line, callee: Line, time_limit_s: float, *, hangup_on_star: bool) -> BridgeEnd:
    """Wait for the first of what ends a talk; whatever else was waited for is let go."""
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
    """Let the two hear each other; where one is not real, who that is, and what they say until they hang up."""
    if isinstance(caller, PhoneLine) and isinstance(callee, PhoneLine):
        join(caller.session.media, callee.session.media)
    elif isinstance(caller, PhoneLine) and isinstance(callee, FarSideLine):
        yield "callee", perform(callee.far_side, caller.session.media, callee.words)
    elif isinstance(callee, PhoneLine):
        talks_s = caller.far_side.talk if isinstance(caller, SimulatedLine) else math.inf
        yield "caller", perform(BuiltInFarSide(talks_s=talks_s), callee.session.media, OUTSIDE)
    elif isinstance(callee, FarSideLine):
        yield "callee", _after(callee.far_side.talks_s)


async def _after(seconds: float) -> None:
    await asyncio.sleep(min(seconds, LONGEST_S))
