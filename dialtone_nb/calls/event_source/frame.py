"""Event files -> attempts in parts of whole days, piece by piece in the order of time, for logs of any size."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from dialtone_nb.calls.attempts.parts import Attempts, FilePart, FramePart, Part
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import SCHEMA, sort_attempts
from dialtone_nb.calls.event_source.log import EVENTS, EventTally, Piece, note_others
from dialtone_nb.calls.event_source.pairing import END_OF_LOG, pair_events
from dialtone_nb.calls.event_source.rules import BESIDE_US, LONGEST_CALL_US

# The number of events paired at once; the files of a log with fewer events may be in any order.
PIECE: Final = 250_000
# The number of attempts held in memory; further ones are kept in a temporary folder.
IN_MEMORY: Final = 100_000
DAY_US: Final = 24 * 3600 * 1_000_000

ReadFiles = Callable[[Quality], Iterable[Piece]]


class _OutOfOrderError(Exception):
    """A file has events from before some that have been paired already."""


@dataclass(frozen=True, slots=True)
class Framed:
    """The attempts of an event log, the tally of its events, and the findings about its quality."""

    attempts: Attempts
    log: EventTally
    quality: Quality


def frame_events(read_files: ReadFiles) -> Framed:
    """The attempts in event files, by the rules in `rules`.

    Files in the order of time, as daily files are, are read once. A long log's files in another order are read again
    and paired all at once, which takes memory for all of their events.
    """
    try:
        return _frame(read_files, PIECE)
    except _OutOfOrderError:
        return _frame(read_files, 0)


def _frame(read_files: ReadFiles, size: int) -> Framed:
    log, quality, parts = EventTally(), Quality(), _GrowingParts()
    for attempts, settled_until in _pair(read_files(quality), log, quality, size):
        parts.add(attempts, settled_until)
    note_others(log, quality)
    return Framed(parts.attempts(), log, quality)


def _pair(
    pieces: Iterable[Piece], log: EventTally, quality: Quality, size: int
) -> Iterator[tuple[pl.DataFrame, int | None]]:
    """Yield attempts, each time with the moment up to which all that started have been yielded; None at the end."""
    waiting = [EVENTS.to_frame()]
    count = 0
    latest = until = -END_OF_LOG
    for piece in pieces:
        events = log.add(piece, quality)
        if not len(events):
            continue
        moments = events["at"].to_physical().to_numpy()
        if moments.min() <= until:
            raise _OutOfOrderError
        latest = max(latest, int(moments.max()))
        waiting.append(events)
        count += len(events)
        if size and count >= size:
            until = latest - BESIDE_US - 1
            paired = pair_events(pl.concat(waiting), quality, until)
            waiting, count = [paired.rest], len(paired.rest)
            yield paired.attempts, until - LONGEST_CALL_US
    yield pair_events(pl.concat(waiting), quality).attempts, None


class _Folder:
    """A temporary folder, readable by its owner only, that is deleted with the last reference to this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="attempts-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(slots=True)
class _GrowingParts:
    """Collects attempts into parts of whole days."""

    parts: list[Part] = field(default_factory=list)
    waiting: pl.DataFrame = field(default_factory=SCHEMA.to_frame)
    in_memory: int = 0
    folder: _Folder | None = None

    def add(self, attempts: pl.DataFrame, settled_until: int | None) -> None:
        """Add attempts, and make a part of the whole days that are complete at `settled_until` (None: of all)."""
        together = sort_attempts(pl.concat([self.waiting, attempts]), "call_sid")
        complete = len(together)
        if settled_until is not None:
            complete = int(together["started_at"].to_physical().search_sorted(settled_until // DAY_US * DAY_US))
        self.waiting = together[complete:]
        if complete:
            self.parts.append(self._keep(together[:complete]))

    def attempts(self) -> Attempts:
        """All parts."""
        return Attempts(tuple(self.parts))

    def _keep(self, attempts: pl.DataFrame) -> Part:
        self.in_memory += len(attempts)
        if self.in_memory <= IN_MEMORY:
            return FramePart(attempts)
        self.folder = self.folder or _Folder()
        return FilePart.of(attempts, self.folder.path / f"{len(self.parts)}.arrow", self.folder)
