"""Event logs, read piece by piece: the events that are used for attempts, and a tally of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import LONGEST_CALL_S, REPEATED, SCHEMA, UTC_TIME, sip_response_of
from dialtone_nb.calls.event_source.rows import days_between
from dialtone_nb.calls.event_source.rules import is_used, kind_of
from dialtone_nb.calls.file_source.other_logs import NO_OTHERS, OtherLogs
from dialtone_nb.calls.file_source.times import only_plausible
from dialtone_nb.calls.file_source.times import parse_times as parse_any_times

# The columns used of an event; `kind` is its `EventKind` as text.
EVENTS: Final = pl.Schema(
    {
        "at": UTC_TIME,
        "kind": REPEATED,
        "phone": REPEATED,
        "call_sid": pl.String(),
        "environment": REPEATED,
        "other_party": pl.String(),
        "code": REPEATED,
        "sip_response": SCHEMA["sip_response"],
        "reason": REPEATED,
        "duration_s": pl.Int64(),
        "seen": pl.Boolean(),  # an error within five seconds of a call of an earlier piece
    }
)
UNTIMED: Final = pl.Schema({name: kind for name, kind in EVENTS.items() if name != "at"})


@dataclass(slots=True)
class EventTally:
    """A tally of all events read so far: their numbers by name, and their days."""

    names: Counter[str] = field(default_factory=Counter)
    days: set[str] = field(default_factory=set)
    others: list[OtherLogs] = field(default_factory=list)
    read: int = 0  # events used for attempts whose time is known

    @property
    def is_unreadable(self) -> bool:
        """Whether there are events of calls, and the time of none of them can be read."""
        return not self.read and any(map(is_used, self.names))

    def count(self, role: str) -> int:
        """The number of events with this role."""
        return sum(count for name, count in self.names.items() if kind_of(name).role == role)

    def commonest(self, role: str) -> str:
        """The most frequent name of events with this role."""
        names = [(count, name) for name, count in self.names.items() if kind_of(name).role == role]
        return max(names)[1] if names else ""

    def add(self, piece: Piece, quality: Quality) -> pl.DataFrame:
        """Count a piece's events, and give back those that are used."""
        self.names.update(piece.names)
        self.days |= piece.days
        quality.add(piece.quality)
        self.others.append(piece.others)
        self.read += len(piece.events)
        return piece.events


@dataclass(frozen=True, slots=True)
class Piece:
    """Some files' used events in file order, the names and days of all their events, and their rows of other logs."""

    events: pl.DataFrame
    names: Counter[str]
    days: set[str]
    quality: Quality
    others: OtherLogs = NO_OTHERS

    @classmethod
    def of(cls, rows: pl.DataFrame, quality: Quality, others: OtherLogs = NO_OTHERS) -> Piece:
        """The piece for the rows of some files."""
        names = Counter(dict(rows["event"].value_counts().iter_rows()))
        if not len(rows):
            return cls(EVENTS.to_frame(), names, set(), quality, others)
        used = rows.filter(pl.col("event").is_in([name for name in names if is_used(name)]))
        events = timed_events(untimed_events(used), used["timestamp"], quality)
        return cls(events, names, days_between(rows["timestamp"]), quality, others)

    @classmethod
    def join(cls, pieces: Sequence[Piece]) -> Piece:
        """One piece from several that share their `quality`."""
        names: Counter[str] = Counter()
        for piece in pieces:
            names.update(piece.names)
        days = set().union(*(piece.days for piece in pieces))
        events = pl.concat([EVENTS.to_frame(), *(piece.events for piece in pieces)])
        others = OtherLogs.join([piece.others for piece in pieces if piece.others is not NO_OTHERS])
        return cls(events, names, days, pieces[0].quality if pieces else Quality(), others)


def untimed_events(used: pl.DataFrame) -> pl.DataFrame:
    """The events in rows that are all used for attempts: the columns of `EVENTS` but the time."""
    kinds = {name: str(kind_of(name)) for name in used["event"].unique()}
    columns = used.select(
        kind=pl.col("event").replace_strict(kinds, return_dtype=REPEATED),
        phone=pl.coalesce(_told("endpoint"), _told("channel")).cast(REPEATED),
        **{name: _told(name).cast(EVENTS[name]) for name in ("call_sid", "environment", "other_party", "reason")},
        code=_told("error_code").cast(REPEATED),
        sip_response=sip_response_of("sip_response"),
        duration_s="duration_s",
        seen=pl.lit(False),
    )
    return columns.select(UNTIMED.names()).cast(UNTIMED)


def timed_events(events: pl.DataFrame, stamps: pl.Series, quality: Quality) -> pl.DataFrame:
    """The events with their times; those whose time can't be read are left out."""
    events = pl.DataFrame([only_plausible(parse_times(stamps)).alias("at"), *events])
    unreadable = events["at"].null_count()
    if unreadable:
        example = stamps.filter(events["at"].is_null())[0]
        quality.note("events with an unreadable time", "left out", unreadable, example)
        events = events.filter(pl.col("at").is_not_null())
    is_odd = ~events["duration_s"].is_between(0, LONGEST_CALL_S)
    if odd := int(is_odd.sum()):
        quality.note("calls with a duration that no call has", "kept, the duration is unknown", odd)
        events = events.with_columns(events["duration_s"].set(is_odd, None))
    quality.note("call events without a phone's name", "kept, the phone is unknown", events["phone"].null_count())
    return events


def _told(name: str) -> pl.Expr:
    """A text column with empty texts as null."""
    return pl.when(pl.col(name) != "").then(pl.col(name))


def note_others(log: EventTally, quality: Quality) -> None:
    """Note the events that are not used for attempts, by kind."""
    for role, what, treatment in (
        ("asterisk", "statuses in Asterisk's words", "another system on the same log: counted here, no attempts"),
        ("far_error", "twilio-error events", "the far side of an error that is used already: not used"),
        ("other", "events about something else (menus, registrations, …)", "not used"),
    ):
        quality.note(what, treatment, log.count(role), log.commonest(role))


def parse_times(stamps: pl.Series) -> pl.Series:
    """UTC times from texts, mostly ISO 8601 with or without zone and fractions; null for a text that is no time."""
    texts = stamps.to_arrow(compat_level=pl.CompatLevel.oldest())
    # Fast paths: all texts with a zone, as our own service writes them, or all without. Otherwise parse one by one.
    zones = ("UTC", None) if len(stamps) and str(stamps[0]).endswith("Z") else (None, "UTC")
    for kind in (pa.timestamp("us", tz=zone) for zone in zones):
        try:
            return pl.Series(pc.cast(texts, kind).cast(pa.int64())).cast(UTC_TIME)
        except pa.ArrowInvalid:
            continue
    text = stamps.to_pandas().astype("str").str.replace(",", ".", regex=False)
    times = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
    read = pl.Series(times).cast(UTC_TIME)
    odd = stamps.filter(read.is_null() & stamps.is_not_null()).to_list()
    known = pl.Series(parse_any_times(odd), dtype=UTC_TIME)
    return read.scatter(read.is_null().arg_true(), known) if len(odd) == read.null_count() else read
