"""What a file of events says, row by row, in the columns of text that matter here; whatever is no event is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import orjson
import polars as pl

from dialtone_nb.calls.quality import Quality

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
                "reason",
            ),
            pl.String(),
        ),
        DURATION: pl.Int64(),
    }
)
READ_BYTES: Final = 2_000_000
# What a number or a truth value of JSON looks like once it has become a text.
NO_TEXT: Final = r"^(true|false|-?\d[\d.eE+-]*)$"


class IrregularError(Exception):
    """A file in which not every row is an event as it should be: its rows have to be looked at one by one."""


def regular_rows(contents: Iterable[bytes]) -> Iterator[pl.DataFrame]:
    """The events of some files, some megabytes at a time; an `IrregularError` where any of them is not as it should be.

    There may be millions of rows, so no Python object is made of them.
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
    """Whether every row has a name and a time that were texts in the file."""
    stamps, names = rows["timestamp"], rows["event"]
    if stamps.null_count() or names.null_count() or names.unique().str.contains(NO_TEXT).any():
        return False
    first, last = str(stamps.min()), str(stamps.max())
    # What stands between two texts that begin alike begins so too; most files are of one year.
    return first[4:5] == "-" and (first[:5] == last[:5] or bool(stamps.str.slice(4, 1).eq("-").all()))


def _some_lines(contents: Iterable[bytes]) -> Iterator[bytes]:
    """The rows of the files as lines of JSON, about `READ_BYTES` at a time."""
    waiting: list[bytes | bytearray] = []
    for content in map(_stripped, contents):
        is_array = content.startswith(b"[")
        if not content or (is_array and not content.endswith(b"]")):
            raise IrregularError
        for part in _parts(content, is_array):
            waiting.append(_as_lines(part) if is_array else part)
            if sum(map(len, waiting)) >= READ_BYTES:
                yield b"\n".join(waiting)
                waiting = []
    if waiting:
        yield b"\n".join(waiting)


def _parts(content: bytes, is_array: bool) -> Iterator[bytes]:
    """The content in parts that begin and end with a row: what is between `[` and `]`, or all lines."""
    end_of_row = b"}," if is_array else b"}\n"
    start, end = (1, len(content) - 1) if is_array else (0, len(content))
    while start < end:
        cut = content.find(end_of_row, min(start + READ_BYTES, end), end) + 1 or end
        yield content[start:cut]
        start = cut + 1


def _as_lines(rows: bytes) -> bytearray:
    """Rows with commas between them as lines, which are read by all processors and in a fraction of the memory.

    Every comma after an object ends a line. One that stood within a row, or in a text, leaves lines that are no JSON.
    """
    lines = bytearray(rows)
    letters = np.frombuffer(lines, dtype="uint8")
    after = np.flatnonzero(letters[:-1] == ord("}")) + 1
    letters[after[letters[after] == ord(",")]] = ord("\n")
    return lines


def odd_rows(name: str, content: bytes, quality: Quality) -> pl.DataFrame:
    """The events of any file, a JSON array or JSON lines; of a cut-off one, those that are whole."""
    content = _stripped(content)
    if not content:
        quality.note("empty files", "no rows in them", example=name)
        return ROWS.to_frame()
    return rows_of(name, _parse(name, content, quality), quality)


def _stripped(content: bytes) -> bytes:
    return content.strip().removeprefix(b"\xef\xbb\xbf")


def rows_of(name: str, rows: Iterable[Any], quality: Quality) -> pl.DataFrame:
    """The same of rows that were read one by one; those that are no events are left out."""
    proper = []
    for row in rows:
        if _is_event(row):
            proper.append(row)
        else:
            quality.note("rows that are no events", "left out", example=f"{name}: {row!r}")
    columns = {column: [_text(row.get(column)) for row in proper] for column in ROWS if column != DURATION}
    return pl.DataFrame({**columns, DURATION: list(_durations(proper, quality))}, schema=ROWS)


def _is_event(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("event"), str) and isinstance(row.get("timestamp"), str)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _durations(rows: Iterable[dict[str, Any]], quality: Quality) -> Iterator[int | None]:
    for row in rows:
        seconds = row.get(DURATION)
        if seconds is not None and type(seconds) is not int:
            quality.note("durations that are no whole seconds", "left out", example=repr(seconds))
            seconds = None
        yield seconds


def _parse(name: str, content: bytes, quality: Quality) -> list[Any]:
    try:
        if not content.startswith(b"["):
            return _parse_lines(name, content, quality)
        return list(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        return _salvage(name, content, str(error), quality)


def _parse_lines(name: str, content: bytes, quality: Quality) -> list[Any]:
    rows = []
    for number, line in enumerate((line for line in content.splitlines() if line.strip()), 1):
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            quality.note("lines that are no JSON", "left out", example=f"{name}:{number}: {error}")
    return rows


def _salvage(name: str, content: bytes, problem: str, quality: Quality) -> list[Any]:
    whole = content[: content.rfind(b"}") + 1]
    try:
        rows = list(orjson.loads(whole + b"]"))
    except orjson.JSONDecodeError:
        quality.note("files that are no JSON", "left out", example=f"{name}: {problem}")
        return []
    quality.note("files that are cut off", "their whole rows were kept", example=f"{name}: after {len(rows)} rows")
    return rows
