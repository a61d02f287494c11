"""Event files whose rows repeat except for their time: each distinct row is parsed once, and all are counted.

A phone log says the same few things over and over: of Futel's 5.6 million events only 14,000 differ in more than their
time. Cutting rows apart and counting them takes a third of the time of parsing them. It is as strict: each distinct
rest of a row goes through a JSON parser with a time put before it, and rows that are JSON one by one are so together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pyarrow as pa

from dialtone_nb.calls.event_source.rows import DURATION, ROWS, IrregularError, are_dates, days_between, stripped
from dialtone_nb.calls.event_source.rules import USED, kind_of

# The form of Python's json for a list of rows that begin with their time; other files are read in another way.
BEGIN: Final = b'[{"timestamp": "'
BETWEEN: Final = b'}, {"timestamp": "'
END: Final = b"}]"
# If more than this share of the rows had to be parsed, and more than a few, parsing whole files is faster.
MOST_DIFFERENT: Final = 0.25
FEW: Final = 5_000
# The most parsed rows to remember; after that the memory is cleared.
MOST_KNOWN: Final = 100_000
# The most lengths that times may have in one log, such as with and without a fraction of a second.
MOST_LENGTHS: Final = 8
UNUSED: Final = -1
BLANK: Final = ord(" ")
INT64: Final = range(-(2**63), 2**63)
Row = dict[str, Any]
Whole = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """The numbers of events by name, their days, and the rows of those that are used for attempts."""

    names: Counter[str]
    days: set[str]
    used: pl.DataFrame


@dataclass(slots=True)
class RepeatedRows:
    """A reader of files that remembers the rows it has parsed; threads may share it."""

    # Parsed columns, by the text that follows the time in a row.
    _known: dict[str, Row] = field(default_factory=dict)
    _rows: int = 0
    _parses: int = 0
    _is_slower: bool = False

    def count(self, contents: Sequence[bytes]) -> Counted:
        """Count the files' events; raises IrregularError if rows differ too much or are not in the expected form."""
        if self._is_slower:
            raise IrregularError
        rows = _cut(contents)
        # Categories of their own are freed with the column; each distinct text then has a number.
        rests = rows.rests.cast(pl.Categorical(pl.Categories.random()))
        different, number = rests.unique(), rests.to_physical().to_numpy()
        numbers = different.to_physical().to_numpy()
        found = self._parsed(different.cast(pl.String).to_list(), len(number))
        names: Counter[str] = Counter()
        for row, count in zip(found, np.bincount(number)[numbers].tolist(), strict=True):
            names[row["event"]] += count
        is_used = [kind_of(row["event"]).role in USED for row in found]
        told = pl.DataFrame(list(compress(found, is_used)), ROWS)
        place = np.full(int(number.max()) + 1, UNUSED)
        place[numbers[is_used]] = np.arange(len(told))
        used = np.flatnonzero(place[number] != UNUSED)
        events = told[place[number[used]]].with_columns(timestamp=rows.stamps[used])
        return Counted(names, days_between(rows.stamps), events)

    def _parsed(self, rests: Sequence[str], rows: int) -> list[Row]:
        """The parsed columns of distinct rests; `rows` is the number of rows that they stand for."""
        new = sum(rest not in self._known for rest in rests)
        self._rows, self._parses = self._rows + rows, self._parses + new
        if self._parses > max(FEW, MOST_DIFFERENT * self._rows):
            self._is_slower, self._known = True, {}
            raise IrregularError
        if len(self._known) > MOST_KNOWN:
            self._known = {}
        known = self._known
        found = []
        for rest in rests:
            row = known.get(rest)
            if row is None:
                row = known[rest] = _parse(rest)
            found.append(row)
        return found


class _Cut(NamedTuple):
    """Each row's time, and the text that follows it."""

    stamps: pl.Series
    rests: pl.Series


def _cut(contents: Sequence[bytes]) -> _Cut:
    inner = []
    for content in map(stripped, contents):
        if not content.startswith(BEGIN) or not content.endswith(END):
            raise IrregularError
        inner.append(content[len(BEGIN) : -len(END)])
    text = BETWEEN.join([*inner, b""])
    letters = np.frombuffer(text, "uint8")
    ends = np.flatnonzero(letters == ord("}"))
    # A nested object, or a brace within a text, is not the end of a row.
    if letters.min() < BLANK or text.count(BETWEEN) != len(ends) or not _is_utf8(text):
        raise IrregularError
    begins = np.concatenate([[0], ends[:-1] + len(BETWEEN)])
    bounds = np.stack([begins, _next_quotes(text, letters, begins)], axis=1).ravel()
    parts = _texts_between(text, np.append(bounds, len(text)))
    stamps, rests = parts.gather_every(2), parts.gather_every(2, 1)
    # A time with a quote or a backslash in it was cut at the wrong place, or is escaped.
    odd = ['"', *(["\\"] if b"\\" in text else [])]
    if any(stamps.str.contains(letter, literal=True).any() for letter in odd) or not are_dates(stamps):
        raise IrregularError
    return _Cut(stamps, rests)


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _next_quotes(text: bytes, letters: Whole, begins: Whole) -> Whole:
    """The next quote after each position; times have only a few lengths, so each length is tried on all rows."""
    found, left = begins.copy(), np.arange(len(begins))
    for _ in range(MOST_LENGTHS):
        if not len(left):
            return found
        begin = begins[left[0]]
        found[left] = begins[left] + (text.index(b'"', begin) - begin)
        left = left[letters[np.minimum(found[left], len(letters) - 1)] != ord('"')]
    raise IrregularError


def _texts_between(text: bytes, bounds: Whole) -> pl.Series:
    """The texts between these positions, without copying."""
    if (bounds[1:] < bounds[:-1]).any():
        raise IrregularError
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(text)]
    return pl.Series(pa.Array.from_buffers(pa.large_string(), len(bounds) - 1, buffers))


def _parse(rest: str) -> Row:
    """The columns of a row without its time; raises IrregularError if it is no event, or if names repeat."""
    text = BEGIN.decode()[1:] + rest.removesuffix(BETWEEN.decode()) + "}"
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise IrregularError from None
    columns = {name: row[name] for name in ROWS if row.get(name) is not None}
    duration = columns.pop(DURATION, 0)
    is_whole = type(duration) is int and duration in INT64
    if not is_whole or "event" not in columns or any(type(value) is not str for value in columns.values()):
        raise IrregularError
    if len(json.loads(text, object_pairs_hook=list)) != len(row):
        raise IrregularError
    return {**columns, DURATION: row.get(DURATION)}
