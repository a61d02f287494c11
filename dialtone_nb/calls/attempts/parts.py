"""Attempts in parts of whole UTC days, counted part by part so that they need never be in memory all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import pandas as pd
import polars as pl

from dialtone_nb.calls.archive.days import bundle_days, load_days
from dialtone_nb.calls.attempts.schema import SCHEMA, mask_parties, pandas_of, sort_attempts
from dialtone_nb.errors import Fault, InputError

Result = TypeVar("Result")

HERE = ""
CONNECT_TIMEOUT_S = 10
Tally = TypeVar("Tally")
EVERYTHING: Final = tuple(SCHEMA)


class Part(Protocol):
    """Some whole days of attempts, oldest first; a part in an archive can be sent to another machine."""

    def read(self, columns: Sequence[str]) -> pl.DataFrame: ...


@dataclass(frozen=True, eq=False)
class FramePart:
    """Attempts in memory."""

    attempts: pl.DataFrame

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """These columns."""
        return self.attempts.select(columns)


@dataclass(frozen=True)
class DaysPart:
    """Some days of an archive."""

    archive: str
    days: tuple[str, ...]

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """These columns, read from the archive."""
        return load_days(self.archive, self.days, columns)


@dataclass(frozen=True)
class FilePart:
    """Attempts in a temporary file, whose folder is kept as long as this object."""

    path: str
    folder: object = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, attempts: pl.DataFrame, path: Path, folder: object) -> FilePart:
        """Write the attempts to a file at this path."""
        attempts.write_ipc(path, compression="lz4")
        return cls(str(path), folder)

    def __reduce__(self) -> tuple[type[FilePart], tuple[str]]:
        # Only the path is pickled: the sending process keeps the folder.
        return FilePart, (self.path,)

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """These columns, read from the file."""
        return pl.read_ipc(self.path, columns=list(columns))


@dataclass(frozen=True)
class Selection:
    """A filter of attempts ("" and None are no limit, times are UTC), and whether other parties' numbers are shown.

    `where` has columns, each with the texts one of which an attempt must have there.
    """

    environment: str = ""
    since: pd.Timestamp | None = None  # included
    until: pd.Timestamp | None = None  # not included
    show_numbers: bool = True
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def read(self, part: Part, columns: Sequence[str]) -> pl.DataFrame:
        """The selected attempts of a part, in these columns."""
        needed = [name for name in EVERYTHING if name in columns or name in self._told_by()]
        return self.of(part.read(needed)).select(columns)

    def of(self, attempts: pl.DataFrame) -> pl.DataFrame:
        """The selected ones of these attempts."""
        meant = []
        if self.environment:
            meant.append(pl.col("environment") == self.environment)
        if self.since is not None:
            meant.append(pl.col("started_at") >= self.since)
        if self.until is not None:
            meant.append(pl.col("started_at") < self.until)
        meant += [pl.col(name).cast(pl.String).is_in(texts) for name, texts in self.where]
        return attempts.filter(meant) if meant else attempts

    def _told_by(self) -> set[str]:
        by_time = {"started_at"} if self.since is not None or self.until is not None else set()
        return by_time | ({"environment"} if self.environment else set()) | {name for name, _ in self.where}


def run_parts(engine: str, work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
    """Do the work for each part, here for "" or on the Dask cluster at tcp://…; gives back the results in order.

    On a cluster, work and parts are pickled, and its machines need this package and access to the archive. Raises
    InputError if no scheduler answers.
    """
    if engine != HERE:
        return _run_on_cluster(engine, work, parts)
    if len(parts) == 1:
        return iter([work(parts[0])])
    return _run_here(work, parts)


def _run_here(work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
    # Threads are enough: reading, unpacking and counting happen in libraries that release the GIL.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, parts)


def _run_on_cluster(engine: str, work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
    from distributed import Client

    connect: Any = Client  # distributed has no types
    try:
        client = connect(engine, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fault = Fault(
            "parameter engine",
            f"no Dask scheduler answers at {engine!r}: {reason}",
            "write it as tcp://host:8786, or leave it empty to count on this machine",
        )
        raise InputError(fault) from None
    with client:
        # pure=False, because an archive's day can have changed since the same work was done before.
        yield from client.gather(client.map(work, parts, pure=False))


@dataclass(frozen=True)
class Attempts:
    """Parts, oldest first, the selection of their attempts, and where they are counted: here, or on a cluster."""

    parts: tuple[Part, ...]
    selection: Selection = Selection()
    engine: str = HERE

    @classmethod
    def of(cls, attempts: pl.DataFrame) -> Attempts:
        """Attempts in memory, oldest first."""
        return cls((FramePart(attempts),))

    @classmethod
    def of_archive(cls, archive: str, since: str = "", until: str = "") -> Attempts:
        """An archive's attempts of the UTC days from `since` to `until`, both included; "" is no limit."""
        return cls(tuple(DaysPart(archive, days) for days in bundle_days(archive, since, until)))

    def gather(
        self,
        tally: Callable[[pl.DataFrame], Tally],
        merge: Callable[[Sequence[Tally]], Tally],
        columns: Sequence[str] = EVERYTHING,
    ) -> Tally:
        """The merged tallies of all parts; `tally` takes attempts with these columns, and must be picklable."""
        work = partial(_tally_part, self.selection, tally, tuple(columns))
        # Without parts, tally an empty frame: the result then has the usual columns and types.
        parts: tuple[Part, ...] = self.parts or (FramePart(SCHEMA.to_frame()),)
        return merge(list(run_parts(self.engine, work, parts)))

    def load(self) -> pd.DataFrame:
        """All selected attempts in one pandas frame, oldest first; suitable for up to a few million."""
        return self._frame([self.selection.read(part, EVERYTHING) for part in self.parts])

    def latest(self, most: int) -> pd.DataFrame:
        """The newest selected attempts, at most `most`, oldest first; only the last parts are read."""
        newest: list[pl.DataFrame] = []
        for part in reversed(self.parts):
            missing = most - sum(map(len, newest))
            if missing <= 0:
                break
            newest.insert(0, self.selection.read(part, EVERYTHING).tail(missing))
        return self._frame(newest)

    def _frame(self, attempts: Sequence[pl.DataFrame]) -> pd.DataFrame:
        frame = pandas_of(sort_attempts(pl.concat([SCHEMA.to_frame(), *attempts]), "call_sid"))
        return frame if self.selection.show_numbers else mask_parties(frame)

    def select(self, **changes: Any) -> Attempts:
        """The attempts with a narrower selection, by the fields of `Selection`; other fields stay as they are."""
        return replace(self, selection=replace(self.selection, **changes))


def _tally_part(
    selection: Selection, tally: Callable[[pl.DataFrame], Tally], columns: tuple[str, ...], part: Part
) -> Tally:
    return tally(selection.read(part, columns))


class Counted(NamedTuple):
    """Numbers of attempts: all, those with an environment (`told`), in the selected one, on the selected days, both."""

    attempts: int
    told: int
    in_environment: int
    in_days: int
    in_both: int


def count_selected(attempts: pl.DataFrame, selection: Selection) -> Counted:
    """Count the attempts by the two halves of a selection, environment and days."""
    of_days = replace(selection, environment="")
    here = replace(selection, since=None, until=None).of(attempts)
    told = attempts["environment"].count()
    return Counted(len(attempts), told, len(here), len(of_days.of(attempts)), len(of_days.of(here)))


def merge_counted(counts: Sequence[Counted]) -> Counted:
    """The sums of the parts' counts."""
    return Counted(*map(sum, zip(*counts, strict=True)))
