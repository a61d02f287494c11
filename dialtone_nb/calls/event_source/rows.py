"""Rows of event files as columns of text; rows that are not events are counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from dialtone_nb.calls.attempts.quality import Quality, describe_row
from dialtone_nb.calls.file_source.times import parse_times

DURATION: Final = "duration_s"
ROWS: Final = pl.Schema(
    {
        **dict.fromkeys(
            (
                "timestamp",
                "event",
                "channel",
                "endpoint",
                "call_sid",
                "environment",
                "other_party",
                "error_code",
                "sip_response",
                "reason",
            ),
            pl.String(),
        ),
        DURATION: pl.Int64(),
    }
)
READ_BYTES: Final = 2_000_000
ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
# A JSON number or boolean that polars has turned into text.
NO_TEXT: Final = r"^(true|false|-?\d[\d.eE+-]*)$"


class IrregularError(Exception):
    """Not every row of a file is a well-formed event, so its rows have to be read one by one."""


def regular_rows(contents: Iterable[bytes]) -> Iterator[pl.DataFrame]:
    """Yield the events of some files, a few megabytes at a time; raises IrregularError if any row is not well formed.

    There may be millions of rows, so they never become Python objects.
    """
    for lines in _some_lines(contents):
        try:
            rows = pl.read_ndjson(lines, schema=ROWS)
        except pl.exceptions.PolarsError:
            raise IrregularError from None
        if not _are_events(rows):
            raise IrregularError
        yield rows


def _are_events(rows: pl.DataFrame) -> bool:
    """Whether every row has a name and a time, both as texts in the file."""
    stamps, names = rows["timestamp"], rows["event"]
    if stamps.null_count() or names.null_count() or names.unique().str.contains(NO_TEXT).any():
        return False
    return are_dates(stamps)


def are_dates(stamps: pl.Series) -> bool:
    """Whether all of these texts begin like a date, and not like a number."""
    first, last = str(stamps.min()), str(stamps.max())
    # If the least and the greatest text begin alike, all between do; most files are of one year.
    return first[4:5] == "-" and (first[:5] == last[:5] or bool(stamps.str.slice(4, 1).eq("-").all()))


def days_between(stamps: pl.Series) -> set[str]:
    """The days of these times: the first ten characters."""
    first, last = (str(moment)[:10] for moment in (stamps.min(), stamps.max()))
    # Most files are of one day.
    return {first} if first == last else set(stamps.str.slice(0, 10).unique())


def _some_lines(contents: Iterable[bytes]) -> Iterator[bytes]:
    """The rows of the files as lines of JSON, about `READ_BYTES` at a time."""
    waiting: list[bytes | bytearray] = []
    for content in map(stripped, contents):
        is_array = content.startswith(b"[")
        # Checked here because Polars would decompress content, and of several files together only the first.
        if not content.startswith((b"[", b"{")) or (is_array and not content.endswith(b"]")):
            raise IrregularError
        for part in _parts(content, is_array):
            waiting.append(_as_lines(part) if is_array else part)
            if sum(map(len, waiting)) >= READ_BYTES:
                yield b"\n".join(waiting)
                waiting = []
    if waiting:
        yield b"\n".join(waiting)


def _parts(content: bytes, is_array: bool) -> Iterator[bytes]:
    """The content in parts that begin and end with a row: between `[` and `]` of an array, or all lines."""
    end_of_row = b"}," if is_array else b"}\n"
    start, end = (1, len(content) - 1) if is_array else (0, len(content))
    while start < end:
        cut = content.find(end_of_row, min(start + READ_BYTES, end), end) + 1 or end
        yield content[start:cut]
        start = cut + 1


def _as_lines(rows: bytes) -> bytearray:
    """Comma-separated rows as lines, which Polars reads in parallel and in a fraction of the memory.

    Every comma after a closing brace becomes a line break. A comma within a row or text then leaves lines that are not
    JSON, so it is noticed.
    """
    lines = bytearray(rows)
    letters = np.frombuffer(lines, dtype="uint8")
    after = np.flatnonzero(letters[:-1] == ord("}")) + 1
    letters[after[letters[after] == ord(",")]] = ord("\n")
    return lines


def stripped(content: bytes) -> bytes:
    """The content without surrounding white space and byte order mark."""
    return content.strip().removeprefix(b"\xef\xbb\xbf").lstrip()


def rows_of(name: str, rows: Iterable[Any], quality: Quality) -> pl.DataFrame:
    """The events among rows that were read one by one; other rows are counted and left out."""
    proper = []
    for number, row in enumerate(rows, 1):
        if is_event(row):
            proper.append(row)
        else:
            quality.note("rows that are not events", "left out", example=f"{name}, row {number}: {describe_row(row)}")
    columns = {column: [_text(row.get(column)) for row in proper] for column in ROWS if column != DURATION}
    columns["timestamp"] = _as_iso([str(row["timestamp"]) for row in proper])
    return pl.DataFrame({**columns, DURATION: list(_durations(proper, quality))}, schema=ROWS)


def is_event(row: object) -> bool:
    """Whether a row has a name and a time, as a text or as seconds since 1970."""
    return (
        isinstance(row, dict) and isinstance(row.get("event"), str) and type(row.get("timestamp")) in (str, int, float)
    )


def _as_iso(stamps: list[str]) -> list[str | None]:
    """The times in ISO 8601; an unreadable one stays as it is, and is counted when times are parsed."""
    odd = [stamp for stamp in stamps if not ISO.fullmatch(stamp)]
    read = dict(zip(odd, parse_times(odd), strict=True))
    return [at.isoformat() if (at := read.get(stamp)) else stamp for stamp in stamps]


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _durations(rows: Iterable[dict[str, Any]], quality: Quality) -> Iterator[int | None]:
    for row in rows:
        seconds = row.get(DURATION)
        if seconds is not None and type(seconds) is not int:
            quality.note("durations that are no whole seconds", "left out", example=repr(seconds))
            seconds = None
        yield seconds
