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
from threading import Lock
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
YEAR, DATE = len("2026"), len("2026-03-02")
# Polars has positions within a text in 31 bits.
MOST_BYTES: Final = 2**31
COUNT_NAMES: Final = json.JSONDecoder(object_pairs_hook=len).decode
INT64: Final = range(-(2**63), 2**63)
# How Arrow and polars keep a text of more than twelve bytes: where it is, and how it begins.
VIEW: Final = np.dtype([("length", "u4"), ("prefix", "u4"), ("buffer", "u4"), ("begin", "u4")])
Row = dict[str, Any]
Whole = npt.NDArray[Any]


@dataclass(slots=True)
class _Known:
    """The distinct rows parsed so far, numbered by the text that follows the time: their names, and the used ones."""

    numbers: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    # The place in `events` of each row, or UNUSED.
    places: Whole = field(default_factory=lambda: np.empty(0, "int64"))
    events: pl.DataFrame = field(default_factory=UNTIMED.to_frame)

    def add(self, rests: Sequence[str]) -> None:
        """Parse new rows."""
        rows = [_parse(rest) for rest in rests]
        are_used = np.array([is_used(row["event"]) for row in rows])
        used = list(compress(rows, are_used))
        places = np.where(are_used, np.cumsum(are_used) - 1 + len(self.events), UNUSED)
        self.places = np.append(self.places, places)
        if used:
            # Other threads hold the table as it was, so it is replaced and not extended.
            self.events = pl.concat([self.events, untimed_events(pl.DataFrame(used, ROWS))], rechunk=True)
        self.names += [row["event"] for row in rows]
        self.numbers |= zip(rests, range(len(self.numbers), len(self.numbers) + len(rests)), strict=True)


@dataclass(slots=True)
class RepeatedRows:
    """A reader of files that remembers the rows it has parsed; threads may share it."""

    _known: _Known = field(default_factory=_Known)
    _lock: Lock = field(default_factory=Lock)
    _rows: int = 0
    _parses: int = 0
    _is_slower: bool = False

    def read(self, contents: Sequence[bytes], quality: Quality) -> Piece:
        """Read the files' events; raises IrregularError if rows differ too much or are not in the expected form."""
        if self._is_slower:
            raise IrregularError
        rows = _cut(contents)
        # Categories of their own are freed with the column; each distinct text then has a number.
        rests = rows.rests.cast(pl.Categorical(pl.Categories.random()))
        number = rests.to_physical().to_numpy()
        different = rests.unique()
        in_order = different[np.argsort(different.to_physical().to_numpy())].cast(pl.String).to_list()
        counts = np.bincount(number)
        # A time with a quote in it was cut at the wrong place, and one with a backslash is escaped.
        if any(_count(rows.text, letter) != _count_in(in_order, counts, letter) for letter in (b'"', b"\\")):
            raise IrregularError
        names, places, events = self._look_up(in_order, counts)
        place = places[number]
        used = np.flatnonzero(place != UNUSED)
        return Piece(timed_events(events[place[used]], rows.stamps(used), quality), names, rows.days, quality)

    def _look_up(self, rests: Sequence[str], counts: Whole) -> tuple[Counter[str], Whole, pl.DataFrame]:
        """The names of distinct rests, counted; the place of each in the events that come back too, or UNUSED."""
        with self._lock:
            if len(self._known.numbers) > MOST_KNOWN:
                self._known = _Known()
            known = self._known
            new = [rest for rest in rests if rest not in known.numbers]
            self._rows, self._parses = self._rows + int(counts.sum()), self._parses + len(new)
            if self._parses > max(FEW, MOST_DIFFERENT * self._rows):
                self._is_slower, self._known = True, _Known()
                raise IrregularError
            if new:
                known.add(new)
            numbers = [known.numbers[rest] for rest in rests]
            names: Counter[str] = Counter()
            for number, count in zip(numbers, counts.tolist(), strict=True):
                names[known.names[number]] += count
            return names, known.places[numbers], known.events


class _Cut(NamedTuple):
    """Rows cut after their time: the text that follows it, where the time is, and all days."""

    text: bytes
    begins: Whole
    quotes: Whole
    rests: pl.Series
    days: set[str]

    def stamps(self, rows: Whole) -> pl.Series:
        """The times of these rows, as texts."""
        bounds = np.append(np.stack([self.begins[rows], self.quotes[rows]], axis=1).ravel(), len(self.text))
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(self.text)]
        texts: pl.Series = pl.Series(pa.Array.from_buffers(pa.large_string(), 2 * len(rows), buffers), dtype=pl.String)
        return texts.gather_every(2)


def _cut(contents: Sequence[bytes]) -> _Cut:
    inner = []
    for content in map(stripped, contents):
        if not content.startswith(BEGIN) or not content.endswith(END):
            raise IrregularError
        inner.append(content[len(BEGIN) : -len(END)])
    text = BETWEEN.join([*inner, b""])
    letters = np.frombuffer(text, "uint8")
    braces = np.flatnonzero(letters == BRACE)
    # A nested object, or a brace within a text, is not the end of a row.
    if len(text) >= MOST_BYTES or letters.min() < BLANK or text.count(BETWEEN) != len(braces) or not _is_utf8(text):
        raise IrregularError
    ends = braces + len(BETWEEN)
    begins = np.append(0, ends[:-1])
    quotes = _next_quotes(text, letters, begins)
    return _Cut(text, begins, quotes, _texts_between(text, quotes, ends), _days(text, begins, quotes))


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
    return np.count_nonzero(np.frombuffer(text, "uint8") == ord(letter)) if letter in text else 0


def _count_in(texts: Sequence[str], counts: Whole, letter: bytes) -> int:
    """How often a letter is in texts of which there are so many each."""
    return sum(text.count(letter.decode()) * count for text, count in zip(texts, counts.tolist(), strict=True))


def _days(text: bytes, begins: Whole, quotes: Whole) -> set[str]:
    """The days of the times between these positions; raises IrregularError where one does not begin like a date."""
    letters = np.frombuffer(text, "uint8")
    if (quotes - begins).min() < DATE or (letters[begins + YEAR] != DASH).any():
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
    """The texts between these positions, each longer than twelve bytes, without copying."""
    views = np.zeros(len(begins), VIEW)
    views["length"], views["begin"] = ends - begins, begins
    views["prefix"] = np.ndarray(len(text) - 3, "u4", text, strides=(1,))[begins]
    return pl.Series(
        pa.Array.from_buffers(pa.string_view(), len(views), [None, pa.py_buffer(views), pa.py_buffer(text)])
    )


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
    if COUNT_NAMES(text) != len(row):
        raise IrregularError
    return {**columns, DURATION: row.get(DURATION)}
