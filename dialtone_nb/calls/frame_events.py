"""Event files -> attempts in parts of whole days, however many there are: piece by piece, in the order of time."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from dialtone_nb.calls.attempts import Attempts, FilePart, FramePart, Part
from dialtone_nb.calls.event_columns import EventLog, join_tables, note_others
from dialtone_nb.calls.events import BESIDE_US, LONGEST_CALL_US
from dialtone_nb.calls.frame import make_frame
from dialtone_nb.calls.pair_events import pair_events
from dialtone_nb.calls.quality import Quality
from dialtone_nb.calls.read_events import EventFile

# So many events are paired at once; a log of fewer may have its files in any order.
PIECE: Final = 500_000
# So many attempts stay in memory; those after them wait in a temporary folder until they are counted.
IN_MEMORY: Final = 1_000_000
DAY_US: Final = 24 * 3600 * 1_000_000

ReadFiles = Callable[[Quality], Iterable[EventFile]]


class _OutOfOrderError(Exception):
    """A file told of events before some that had been paired already."""


@dataclass(frozen=True, slots=True)
class Framed:
    """The attempts of a log of events, what was read for them, and what was odd about it."""

    attempts: Attempts
    log: EventLog
    quality: Quality


def frame_events(read_files: ReadFiles) -> Framed:
    """The attempts that event files tell of, by the rules of `events`.

    The files are read once where they come in the order of time, as days do. Where a long log's do not, they are read
    again and paired all at once, which takes memory for all of their events.
    """
    try:
        return _frame(read_files, PIECE)
    except _OutOfOrderError:
        return _frame(read_files, 0)


def _frame(read_files: ReadFiles, piece: int) -> Framed:
    log, quality, parts = EventLog(), Quality(), _Parts()
    for attempts, settled_until in _pieces(read_files(quality), log, quality, piece):
        parts.add(attempts, settled_until)
    note_others(log, quality)
    return Framed(parts.attempts(), log, quality)


def _pieces(
    files: Iterable[EventFile], log: EventLog, quality: Quality, piece: int
) -> Iterator[tuple[pd.DataFrame, int | None]]:
    """The attempts, piece by piece, each with the moment up to which all that started are there; None at the end."""
    waiting: list[pa.Table] = []
    count = 0
    latest = until = np.iinfo(np.int64).min
    for file in files:
        table = log.take_in(file, quality)
        if not table.num_rows:
            continue
        moments = table["at"].to_numpy().astype("datetime64[us]").astype("int64")
        if moments.min() <= until:
            raise _OutOfOrderError
        latest = max(latest, int(moments.max()))
        waiting.append(table)
        count += table.num_rows
        if piece and count >= piece:
            until = latest - BESIDE_US - 1
            paired = pair_events(join_tables(waiting), log, quality, until)
            waiting, count = [paired.rest], paired.rest.num_rows
            yield paired.attempts, until - LONGEST_CALL_US
    yield pair_events(join_tables(waiting), log, quality).attempts, None


class _Folder:
    """A temporary folder that nobody else can read, and that goes away with the last who holds this."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="attempts-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(slots=True)
class _Parts:
    """Attempts on their way into parts of whole days."""

    parts: list[Part] = field(default_factory=list)
    waiting: list[pd.DataFrame] = field(default_factory=list)
    in_memory: int = 0
    folder: _Folder | None = None

    def add(self, attempts: pd.DataFrame, settled_until: int | None) -> None:
        """Take in some attempts; what started before the last whole day up to then is complete, all of it for None."""
        self.waiting.append(attempts)
        together = make_frame(pd.concat(self.waiting, ignore_index=True).to_dict("series"))  # type: ignore[arg-type]
        if settled_until is None:
            complete = together
            self.waiting = []
        else:
            midnight = pd.Timestamp(settled_until // DAY_US * DAY_US, unit="us", tz="UTC")
            is_complete = together["started_at"] < midnight
            complete = together[is_complete].reset_index(drop=True)
            self.waiting = [together[~is_complete]]
        if len(complete):
            self.parts.append(self._keep(complete))

    def attempts(self) -> Attempts:
        """All of them."""
        return Attempts(tuple(self.parts))

    def _keep(self, frame: pd.DataFrame) -> Part:
        self.in_memory += len(frame)
        if self.in_memory <= IN_MEMORY:
            return FramePart(frame)
        self.folder = self.folder or _Folder()
        return FilePart.of(frame, self.folder.path / f"{len(self.parts)}.parquet", self.folder)
