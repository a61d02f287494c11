"""Event files whose rows repeat except for their time: each distinct row is parsed once, and all are counted.

A phone log says the same few things over and over: of Futel's 5.6 million events only 14,000 differ in more than their
time. Cutting rows apart and counting them takes a third of the time of parsing them. It is as strict: each distinct
rest of a row goes through a JSON parser with a time put before it, and rows that are JSON one by one are so together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pyarrow as pa

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.event_source.log import UNTIMED, Piece, timed_events, untimed_events
from dialtone_nb.calls.event_source.rows import DURATION, ROWS, IrregularError, stripped
from dialtone_nb.calls.event_source.rules import is_used

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
BLANK, DASH, BRACE = map(ord, " -}")
YEAR, DATE = map(len, ("2026", "2026-03-02"))
# Polars has positions within a text in 31 bits.
MOST_BYTES: Final = 2**31
COUNT_NAMES: Final = json.JSONDecoder(object_pairs_hook=len).decode
INT64: Final = range(-(2**63), 2**63)
# How Arrow and polars keep a text of at least so many bytes: where it is, and how it begins.
SHORTEST: Final = 13
VIEW: Final = np.dtype([("length", "u4"), ("prefix", "u4"), ("buffer", "u4"), ("begin", "u4")])
Row = dict[str, Any]
Whole = npt.NDArray[Any]


class _DifferentError(IrregularError):
    """Rows differ so much that parsing whole files is faster."""


class _Known:
    """The distinct rows met so far, numbered by the text that follows the time, and the events that some are."""

    def __init__(self) -> None:
        categories = pl.Categorical(pl.Categories.random())
        # Polars forgets categories that no column has.
        self._rests = pl.Series([], dtype=categories)
        self.count = 0
        # For each row: which of the names it has, its place in `events`, how often its text has a quote or backslash.
        self.names: list[str] = []
        self._name_numbers: dict[str, int] = {}
        self.name, self.place, self.quotes, self.backslashes = (np.empty(0, "int64") for _ in range(4))
        self.events = UNTIMED.to_frame()

    def number(self, rests: pl.Series, most: float) -> Whole:
        """The numbers of rows by the texts that follow their times; new ones are parsed, up to so many."""
        numbered = rests.cast(self._rests.dtype)
        numbers: Whole = numbered.to_physical().to_numpy()
        is_new = np.flatnonzero(numbers >= self.count)
        if len(is_new):
            new, first = np.unique(numbers[is_new], return_index=True)
            if len(new) > most:
                raise _DifferentError
            if new[-1] != self.count + len(new) - 1:
                raise IrregularError
            self._add(rests[is_new[first]].to_list())
        return numbers

    def _add(self, rests: Sequence[str]) -> None:
        rows = [_parse(rest) for rest in rests]
        name = [self._name_numbers.setdefault(row["event"], len(self._name_numbers)) for row in rows]
        self.names = list(self._name_numbers)
        are_used = np.array([is_used(row["event"]) for row in rows])
        places = np.where(are_used, np.cumsum(are_used) - 1 + len(self.events), UNUSED)
        self.name, self.place = np.append(self.name, name), np.append(self.place, places)
        self.quotes = np.append(self.quotes, [rest.count('"') for rest in rests])
        self.backslashes = np.append(self.backslashes, [rest.count("\\") for rest in rests])
        if are_used.any():
            used = pl.DataFrame(list(compress(rows, are_used)), ROWS)
            self.events = pl.concat([self.events, untimed_events(used)], rechunk=True)
        self.count += len(rests)


@dataclass(slots=True)
class RepeatedRows:
    """A reader of files that remembers the rows it has parsed."""

    _known: _Known = field(default_factory=_Known)
    _rows: int = 0
    _parses: int = 0
    _is_slower: bool = False

    def read(self, contents: Sequence[bytes], quality: Quality) -> Piece:
        """Read the files' events; raises IrregularError if rows differ too much or are not in the expected form."""
        if self._is_slower:
            raise IrregularError
        rows = _cut(contents)
        number = self._number(rows.rests)
        known = self._known
        counts = np.bincount(number, minlength=known.count)
        # A time with a quote in it was cut at the wrong place, and one with a backslash is escaped.
        if _count(rows.text, b'"') != known.quotes @ counts or _count(rows.text, b"\\") != known.backslashes @ counts:
            raise IrregularError
        by_name = np.zeros(len(known.names), "int64")
        np.add.at(by_name, known.name, counts)
        names = Counter({known.names[name]: int(by_name[name]) for name in np.flatnonzero(by_name)})
        place = known.place[number]
        used = np.flatnonzero(place != UNUSED)
        return Piece(timed_events(known.events[place[used]], rows.stamps(used), quality), names, rows.days, quality)

    def _number(self, rests: pl.Series) -> Whole:
        if self._known.count > MOST_KNOWN:
            self._known = _Known()
        before, self._rows = self._known.count, self._rows + len(rests)
        try:
            numbers = self._known.number(rests, max(FEW, MOST_DIFFERENT * self._rows) - self._parses)
        except IrregularError as error:
            # Texts that were not parsed have numbers now.
            self._known, self._is_slower = _Known(), isinstance(error, _DifferentError)
            raise
        self._parses += self._known.count - before
        return numbers


class _Cut(NamedTuple):
    """Rows cut after their time: the text that follows it, where the time is, and all days."""

    text: bytes
    begins: Whole
    quotes: Whole
    rests: pl.Series
    days: set[str]

    def stamps(self, rows: Whole) -> pl.Series:
        """The times of these rows, as texts."""
        return _texts_between(self.text, self.begins[rows], self.quotes[rows])


def _cut(contents: Sequence[bytes]) -> _Cut:
    inner = []
    for content in map(stripped, contents):
        if not content.startswith(BEGIN) or not content.endswith(END):
            raise IrregularError
        inner.append(memoryview(content)[len(BEGIN) : -len(END)])
    text = BETWEEN.join([*inner, b""])
    letters = np.frombuffer(text, "uint8")
    if len(text) >= MOST_BYTES or letters.min() < BLANK or not _is_utf8(text):
        raise IrregularError
    # Whether each brace is the end of a row, parsing tells.
    ends = np.flatnonzero(letters == BRACE) + len(BETWEEN)
    begins = np.append(0, ends[:-1])
    quotes = _next_quotes(text, letters, begins)
    if (quotes - begins).min() < SHORTEST:
        raise IrregularError
    return _Cut(text, begins, quotes, _texts_between(text, quotes, ends), _days(text, begins))


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


def _count(text: bytes, letter: bytes) -> int:
    # Five times as fast as bytes.count where there are many.
    return int(np.count_nonzero(np.frombuffer(text, "uint8") == ord(letter))) if letter in text else 0


def _days(text: bytes, begins: Whole) -> set[str]:
    """The days of the times at these positions; raises IrregularError where one does not begin like a date."""
    if (np.frombuffer(text, "uint8")[begins + YEAR] != DASH).any():
        raise IrregularError
    # Most files are of one day, and most rows are of the day of the row before.
    is_new = np.zeros(len(begins), bool)
    is_new[0] = True
    for words in _words(text, begins, DATE):
        is_new[1:] |= words[1:] != words[:-1]
    try:
        return {text[begin : begin + DATE].decode() for begin in begins[is_new].tolist()}
    except UnicodeDecodeError:
        raise IrregularError from None


def _words(text: bytes, begins: Whole, length: int) -> Iterator[Whole]:
    """So many bytes (an even number) from each position on, as numbers of eight and of two bytes."""
    place = 0
    while place < length:
        size = 8 if length - place >= 8 else 2
        # Numpy reads numbers that begin at any byte.
        yield np.ndarray(len(text) - size + 1, f"u{size}", text, strides=(1,))[begins + place]
        place += size


def _texts_between(text: bytes, begins: Whole, ends: Whole) -> pl.Series:
    """The texts between these positions, without copying; raises IrregularError where one is short."""
    views = np.zeros(len(begins), VIEW)
    lengths = ends - begins
    if len(lengths) and lengths.min() < SHORTEST:
        raise IrregularError
    views["length"], views["begin"] = lengths, begins
    views["prefix"] = np.ndarray(len(text) - 3, "u4", text, strides=(1,))[begins]
    return pl.Series(
        pa.Array.from_buffers(pa.string_view(), len(views), [None, pa.py_buffer(views), pa.py_buffer(text)])
    )


def _parse(rest: str) -> Row:
    """The columns of a row without its time; raises IrregularError if it is no event, or if names repeat."""
    # A nested object, or a brace within a text, is no end of a row.
    if not rest.endswith(BETWEEN.decode()):
        raise IrregularError
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
    if COUNT_NAMES(text) != len(row):
        raise IrregularError
    return {**columns, DURATION: row.get(DURATION)}
