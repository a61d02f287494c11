"""Attempts in parts, each of some whole UTC days: counted part by part, so that all of them need never be in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import pandas as pd

from dialtone_nb.calls.archive import bundle_days, load_days, load_table, save_table
from dialtone_nb.calls.engine import HERE, run_parts
from dialtone_nb.calls.frame import COLUMNS, make_frame, mask_parties

Tally = TypeVar("Tally")

EVERYTHING: Final = tuple(COLUMNS)


class Part(Protocol):
    """Some whole days of attempts, oldest first; one that is kept in an archive can be sent to another machine."""

    def load(self, columns: Sequence[str]) -> pd.DataFrame: ...


@dataclass(frozen=True, eq=False)
class FramePart:
    """Attempts in memory."""

    frame: pd.DataFrame

    def load(self, columns: Sequence[str]) -> pd.DataFrame:
        """These columns."""
        return self.frame[list(columns)]


@dataclass(frozen=True)
class DaysPart:
    """Some days of an archive."""

    archive: str
    days: tuple[str, ...]

    def load(self, columns: Sequence[str]) -> pd.DataFrame:
        """These columns, read from the archive."""
        return load_days(self.archive, self.days, columns)


@dataclass(frozen=True)
class FilePart:
    """Attempts in a file of their own, like an archive's days; its folder lives as long as this does."""

    path: str
    folder: object = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, frame: pd.DataFrame, path: Path, folder: object) -> FilePart:
        """The attempts of a frame, from now on in a file at this path."""
        save_table(frame, path)
        return cls(str(path), folder)

    def __reduce__(self) -> tuple[type[FilePart], tuple[str]]:
        # Whoever sent it to another process keeps the folder.
        return FilePart, (self.path,)

    def load(self, columns: Sequence[str]) -> pd.DataFrame:
        """These columns, read from the file."""
        return load_table(self.path, columns)


@dataclass(frozen=True)
class Selection:
    """Which attempts are meant, "" and None being any, and whether other people's numbers are shown whole."""

    environment: str = ""
    since: pd.Timestamp | None = None  # included
    until: pd.Timestamp | None = None  # not included
    show_numbers: bool = True

    def load(self, part: Part, columns: Sequence[str]) -> pd.DataFrame:
        """The attempts of a part that are meant, these columns of them."""
        needed = [name for name in EVERYTHING if name in columns or name in self._told_by()]
        chosen = self.of(part.load(needed))[list(columns)]
        return chosen if self.show_numbers or "other_party" not in columns else mask_parties(chosen)

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The attempts of the frame that are meant."""
        if self.environment:
            frame = frame[frame["environment"] == self.environment]
        if self.since is not None:
            frame = frame[frame["started_at"] >= self.since]
        if self.until is not None:
            frame = frame[frame["started_at"] < self.until]
        return frame

    def _told_by(self) -> set[str]:
        by_time = {"started_at"} if self.since is not None or self.until is not None else set()
        return by_time | ({"environment"} if self.environment else set())


@dataclass(frozen=True)
class Attempts:
    """The parts, oldest first, which of their attempts are meant, and who counts them: this machine, or a cluster."""

    parts: tuple[Part, ...]
    selection: Selection = Selection()
    engine: str = HERE

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Attempts:
        """The attempts of a frame."""
        return cls((FramePart(frame),))

    @classmethod
    def of_archive(cls, archive: str, since: str = "", until: str = "") -> Attempts:
        """All attempts of an archive, or those of the UTC days from `since` to `until`, both included."""
        return cls(tuple(DaysPart(archive, days) for days in bundle_days(archive, since, until)))

    def gather(
        self,
        tally: Callable[[pd.DataFrame], Tally],
        merge: Callable[[Sequence[Tally]], Tally],
        columns: Sequence[str] = EVERYTHING,
    ) -> Tally:
        """The merged tallies of all parts; a tally is given a frame with these columns, and can be pickled."""
        work = partial(_tally_part, self.selection, tally, tuple(columns))
        # Without any part the tally of no attempts is made, which has the columns and types of all others.
        parts: tuple[Part, ...] = self.parts or (FramePart(make_frame({})),)
        return merge(list(run_parts(self.engine, work, parts)))

    def load(self) -> pd.DataFrame:
        """All of them in one frame, oldest first: for some millions at the most."""
        frames = [self.selection.load(part, EVERYTHING) for part in self.parts]
        together = pd.concat(frames, ignore_index=True) if frames else make_frame({})
        return together if len(frames) == 1 else make_frame(together.to_dict("series"))  # type: ignore[arg-type]

    def latest(self, most: int) -> pd.DataFrame:
        """The newest of them, oldest first; only the last parts are read."""
        newest = [make_frame({})]
        for part in reversed(self.parts):
            missing = most - sum(map(len, newest))
            if missing <= 0:
                break
            newest.append(self.selection.load(part, EVERYTHING).tail(missing))
        filled = [frame for frame in reversed(newest) if len(frame)]
        return pd.concat(filled, ignore_index=True) if filled else newest[0]

    def select(self, **changes: Any) -> Attempts:
        """Those of them that are meant, by the names of `Selection`; what was asked for before stays asked for."""
        return replace(self, selection=replace(self.selection, **changes))


def _tally_part(
    selection: Selection, tally: Callable[[pd.DataFrame], Tally], columns: tuple[str, ...], part: Part
) -> Tally:
    return tally(selection.load(part, columns))


class Counted(NamedTuple):
    """Attempts in all; those whose environment is told; those of the environment and of the days that are meant."""

    attempts: int
    told: int
    in_environment: int
    in_days: int
    in_both: int


def count_selected(frame: pd.DataFrame, selection: Selection) -> Counted:
    """How many attempts of a frame each half of a selection means."""
    of_days = replace(selection, environment="")
    here = replace(selection, since=None, until=None).of(frame)
    told = int(frame["environment"].notna().sum())
    return Counted(len(frame), told, len(here), len(of_days.of(frame)), len(of_days.of(here)))


def merge_counted(counts: Sequence[Counted]) -> Counted:
    """The counts of all parts together."""
    return Counted(*map(sum, zip(*counts, strict=True)))
