"""One line of the benchmark's table: our figure, a peer's figure for the same, and the aim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter
from typing import Protocol


class Size(StrEnum):
    """How much is measured: `FULL` is the size that the aims are for, `QUICK` only shows that everything works."""

    FULL = "full"
    QUICK = "quick"


class Aim(Protocol):
    """What a line's figure should be."""

    def is_met(self, line: Comparison) -> bool: ...


@dataclass(frozen=True, slots=True)
class Better:
    """At least this many times as good as the peer."""

    times: float

    def is_met(self, line: Comparison) -> bool:
        """Whether it is."""
        return (line.ratio or 0) >= self.times

    def __str__(self) -> str:
        return f"≥ {self.times:g}x"


@dataclass(frozen=True, slots=True)
class Within:
    """At most this many times the peer's figure."""

    times: float

    def is_met(self, line: Comparison) -> bool:
        """Whether it is."""
        return line.ours <= (line.theirs or 0) * self.times

    def __str__(self) -> str:
        return f"≤ {self.times:g} of peer"


@dataclass(frozen=True, slots=True)
class Beyond:
    """At most this much more than the peer's figure."""

    limit: float

    def is_met(self, line: Comparison) -> bool:
        """Whether it is."""
        return line.ours <= (line.theirs or 0) + self.limit

    def __str__(self) -> str:
        return f"≤ peer + {self.limit:g}"


@dataclass(frozen=True, slots=True)
class AtMost:
    """At most this, without regard to a peer."""

    limit: float

    def is_met(self, line: Comparison) -> bool:
        """Whether it is."""
        return line.ours <= self.limit

    def __str__(self) -> str:
        return f"≤ {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Exactly:
    """Equal to the peer's figure."""

    def is_met(self, line: Comparison) -> bool:
        """Whether it is."""
        return line.ours == line.theirs

    def __str__(self) -> str:
        return "equal"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measured figure. `theirs` is None if the peer could not do it, or if there is no peer."""

    what: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    aim: Aim | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times as good as the peer we are; None without a peer's figure."""
        if self.theirs is None:
            return None
        if self.ours == self.theirs:
            return 1.0
        good, bad = (self.ours, self.theirs) if self.more_is_better else (self.theirs, self.ours)
        return good / bad if bad else float("inf")


def best_of(runs: int, run: Callable[[], object]) -> float:
    """The seconds of the fastest of several runs, the one least disturbed by other processes."""
    return min(seconds_of(run) for _ in range(runs))


def seconds_of(run: Callable[[], object]) -> float:
    """The seconds that one run takes."""
    start = perf_counter()
    run()
    return perf_counter() - start
