"""Event files -> columns of the events that say something about attempts, and a count of all the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dialtone_nb.calls.events import USED, Kind, kind_of
from dialtone_nb.calls.quality import Quality
from dialtone_nb.calls.read_events import EventFile

# `kind` and `phone` are numbers into the log's lists; a phone without a name is the phone "".
SCHEMA: Final = pa.schema(
    [
        ("at", pa.timestamp("us", tz="UTC")),
        ("kind", pa.int32()),
        ("phone", pa.int32()),
        ("call_sid", pa.string()),
        ("environment", pa.string()),
        ("other_party", pa.string()),
        ("code", pa.string()),
        ("reason", pa.string()),
        ("duration_s", pa.int64()),
        ("seen", pa.bool_()),  # an error that a call stood beside, in what was paired already
    ]
)
# What an event may carry beyond its time, name and phone, by our column.
EXTRAS: Final = {
    "call_sid": "call_sid",
    "environment": "environment",
    "other_party": "other_party",
    "code": "error_code",
    "reason": "reason",
    "duration_s": "duration_s",
}
NAMELESS: Final = ""
# Millions of rows pass here, so the loops over them are C's.
EVENT: Final = itemgetter("event")
TIMESTAMP: Final = itemgetter("timestamp")
DAY: Final = itemgetter(slice(10))


class Numbers(dict[Any, int]):
    """A number for each thing, given when it is met first."""

    def __missing__(self, thing: Any) -> int:
        self[thing] = number = len(self)
        return number


class _KindNumbers(dict[str, int]):
    """The number of the kind that an event's name says: millions of events have a few hundred names."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers

    def __missing__(self, name: str) -> int:
        self[name] = number = self.numbers[kind_of(name)]
        return number


@dataclass(slots=True)
class EventLog:
    """What was read so far: every name and day with its count, used or not, and the numbers of kinds and phones."""

    names: Counter[str] = field(default_factory=Counter)
    days: set[str] = field(default_factory=set)
    kinds: Numbers = field(default_factory=Numbers)
    phones: Numbers = field(default_factory=lambda: Numbers({NAMELESS: 0}))
    _kind_of_name: _KindNumbers = field(init=False)

    def __post_init__(self) -> None:
        self._kind_of_name = _KindNumbers(self.kinds)

    @property
    def kind_list(self) -> list[Kind]:
        """The kinds by their numbers."""
        return list(self.kinds)

    def count(self, role: str) -> int:
        """How many events had this role."""
        return sum(count for name, count in self.names.items() if kind_of(name).role == role)

    def commonest(self, role: str) -> str:
        """The name that most events of this role had."""
        names = [(count, name) for name, count in self.names.items() if kind_of(name).role == role]
        return max(names)[1] if names else ""

    def take_in(self, file: EventFile, quality: Quality) -> pa.Table:
        """The file's used events, as they stand there; rows that are no events are counted."""
        rows = file.rows
        try:
            names = Counter(map(EVENT, rows))
            self.days.update(map(DAY, map(TIMESTAMP, rows)))
        except (TypeError, KeyError):
            return self.take_in(EventFile(file.name, _proper_rows(file, quality)), quality)
        self.names.update(names)
        wanted = {name for name in names if kind_of(name).role in USED}
        if len(wanted) < len(names):
            rows = [row for row in rows if row["event"] in wanted]
        return self._columns(rows, quality)

    def _columns(self, rows: Sequence[Mapping[str, Any]], quality: Quality) -> pa.Table:
        present = set(chain.from_iterable(rows))
        kinds, phones = self._kind_of_name, self.phones
        stamps = list(map(TIMESTAMP, rows))
        columns = {
            "at": parse_times(stamps),
            "kind": pa.array(list(map(kinds.__getitem__, map(EVENT, rows))), pa.int32()),
            "phone": pa.array(
                [phones[row.get("endpoint") or row.get("channel") or NAMELESS] for row in rows], pa.int32()
            ),
            **{
                column: _column([row.get(name) for row in rows], column, quality)
                if name in present
                else pa.nulls(len(rows), SCHEMA.field(column).type)
                for column, name in EXTRAS.items()
            },
            "seen": pa.array(np.zeros(len(rows), dtype=bool)),
        }
        return _with_times(pa.table(columns, schema=SCHEMA), stamps, quality)


def note_others(log: EventLog, quality: Quality) -> None:
    """Count the events that say nothing about attempts, by what they are."""
    for role, what, treatment in (
        ("asterisk", "statuses in Asterisk's words", "another system on the same log: counted here, no attempts"),
        ("far_error", "twilio-error events", "the far side of an error that is used already: not used"),
        ("other", "events about something else (menus, registrations, …)", "not used"),
    ):
        quality.note(what, treatment, log.count(role), log.commonest(role))


def parse_times(stamps: Sequence[str]) -> pa.Array:
    """UTC times of ISO 8601 texts, with and without zone and fractions, also with a comma; null for anything else."""
    texts, utc = pa.array(stamps, pa.string()), SCHEMA.field("at").type
    # All of a file with a zone, as our own service writes them, or all without one; else each for itself.
    for kind in (utc, pa.timestamp("us")):
        try:
            return pc.cast(texts, kind).cast(pa.int64()).cast(utc)
        except pa.ArrowInvalid:
            continue
    text = pd.Series(stamps, dtype="str").str.replace(",", ".", regex=False)
    times = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
    return pa.array(times, utc)


def _column(values: list[Any], column: str, quality: Quality) -> pa.Array:
    """The values in the column's type, empty texts as none; what has another type is taken by its text, or left out."""
    kind = SCHEMA.field(column).type
    try:
        array = pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if kind == pa.int64():
            whole = [value if isinstance(value, int) else None for value in values]
            odd = [value for value in values if value is not None and not isinstance(value, int)]
            quality.note("durations that are no whole seconds", "left out", len(odd), repr(odd[0]))
            return pa.array(whole, kind)
        array = pa.array([None if value is None else str(value) for value in values], kind)
    return pc.if_else(pc.equal(array, ""), None, array) if kind == pa.string() else array


def _with_times(table: pa.Table, stamps: Sequence[str], quality: Quality) -> pa.Table:
    unreadable = np.flatnonzero(table["at"].is_null().to_numpy())
    if len(unreadable):
        quality.note("events with an unreadable time", "left out", len(unreadable), stamps[unreadable[0]])
        table = table.filter(table["at"].is_valid())
    nameless = pc.sum(pc.equal(table["phone"], 0)).as_py() or 0
    quality.note("call events without a phone's name", "kept, the phone is unknown", nameless)
    return table


def _proper_rows(file: EventFile, quality: Quality) -> list[Any]:
    proper = [row for row in file.rows if _is_event(row)]
    foreign = next((row for row in file.rows if not _is_event(row)), None)
    quality.note("rows that are no events", "left out", len(file.rows) - len(proper), f"{file.name}: {foreign!r}")
    return proper


def _is_event(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("event"), str) and isinstance(row.get("timestamp"), str)


def join_tables(tables: Iterable[pa.Table]) -> pa.Table:
    """The events of all tables."""
    return pa.concat_tables([SCHEMA.empty_table(), *tables])
