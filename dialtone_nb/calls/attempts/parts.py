"""Attempts in parts, each of some whole UTC days: counted part by part, so that all of them need never be in memory."""

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
    """Some whole days of attempts, oldest first; one that is kept in an archive can be sent to another machine."""

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
    """Attempts in a file of their own; its folder lives as long as this does."""

    path: str
    folder: object = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, attempts: pl.DataFrame, path: Path, folder: object) -> FilePart:
        """The attempts, from now on in a file at this path."""
        attempts.write_ipc(path, compression="lz4")
        return cls(str(path), folder)

    def __reduce__(self) -> tuple[type[FilePart], tuple[str]]:
        # The process that sent it keeps the folder.
        return FilePart, (self.path,)

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """These columns, read from the file."""
        return pl.read_ipc(self.path, columns=list(columns))


@dataclass(frozen=True)
class Selection:
    """Which attempts are meant, "" and None being any, by times in UTC; whether others' numbers are shown whole.

    `where` has columns and the texts one of which an attempt must have there.
    """

    environment: str = ""
    since: pd.Timestamp | None = None  # included
    until: pd.Timestamp | None = None  # not included
    show_numbers: bool = True
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def read(self, part: Part, columns: Sequence[str]) -> pl.DataFrame:
        """The attempts of a part that are meant, these columns of them."""
        needed = [name for name in EVERYTHING if name in columns or name in self._told_by()]
        return self.of(part.read(needed)).select(columns)

    def of(self, attempts: pl.DataFrame) -> pl.DataFrame:
        """The attempts that are meant of these."""
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
    """Do the work for each part and give the results in order: on this machine for "", else on the cluster at tcp://….

    On a cluster work and parts are pickled, and its machines need this package and the archive. An `InputError` where
    no scheduler answers.
    """
    if engine != HERE:
        return _run_on_cluster(engine, work, parts)
    if len(parts) == 1:
        return iter([work(parts[0])])
    return _run_here(work, parts)


def _run_here(work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
    # Threads are enough: reading, unpacking and counting happen in libraries that leave Python's lock alone.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, parts)


def _run_on_cluster(engine: str, work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
    from distributed import Client

    connect: Any = Client  # it comes without types
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
        # Not pure: an archive's day can have changed since the same question was asked before.
        yield from client.gather(client.map(work, parts, pure=False))


@dataclass(frozen=True)
class Attempts:
    """The parts, oldest first, which of their attempts are meant, and who counts them: this machine, or a cluster."""

    parts: tuple[Part, ...]
    selection: Selection = Selection()
    engine: str = HERE

    @classmethod
    def of(cls, attempts: pl.DataFrame) -> Attempts:
        """Attempts in memory, oldest first."""
        return cls((FramePart(attempts),))

    @classmethod
    def of_archive(cls, archive: str, since: str = "", until: str = "") -> Attempts:
        """All attempts of an archive, or those of the UTC days from `since` to `until`, both included."""
        return cls(tuple(DaysPart(archive, days) for days in bundle_days(archive, since, until)))

    def gather(
        self,
        tally: Callable[[pl.DataFrame], Tally],
        merge: Callable[[Sequence[Tally]], Tally],
        columns: Sequence[str] = EVERYTHING,
    ) -> Tally:
        """The merged tallies of all parts; a tally is given attempts with these columns, and can be pickled."""
        work = partial(_tally_part, self.selection, tally, tuple(columns))
        # Without any part the tally of no attempts is made, which has the columns and types of all others.
        parts: tuple[Part, ...] = self.parts or (FramePart(SCHEMA.to_frame()),)
        return merge(list(run_parts(self.engine, work, parts)))

    def load(self) -> pd.DataFrame:
        """All of them in one pandas frame, oldest first: for some millions at the most."""
        return self._frame([self.selection.read(part, EVERYTHING) for part in self.parts])

    def latest(self, most: int) -> pd.DataFrame:
        """The newest of them, oldest first; only the last parts are read."""
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
        """Those of them that are meant, by the names of `Selection`; what was asked for before stays asked for."""
        return replace(self, selection=replace(self.selection, **changes))


def _tally_part(
    selection: Selection, tally: Callable[[pl.DataFrame], Tally], columns: tuple[str, ...], part: Part
) -> Tally:
    return tally(selection.read(part, columns))


class Counted(NamedTuple):
    """Attempts in all; those whose environment is told; those of the environment and of the days that are meant."""

    attempts: int
    told: int
    in_environment: int
    in_days: int
    in_both: int


def count_selected(attempts: pl.DataFrame, selection: Selection) -> Counted:
    """How many of the attempts each half of a selection means."""
    of_days = replace(selection, environment="")
    here = replace(selection, since=None, until=None).of(attempts)
    told = attempts["environment"].count()
    return Counted(len(attempts), told, len(here), len(of_days.of(attempts)), len(of_days.of(here)))


def merge_counted(counts: Sequence[Counted]) -> Counted:
    """The counts of all parts together."""
    return Counted(*map(sum, zip(*counts, strict=True)))
