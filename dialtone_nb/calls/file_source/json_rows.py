"""The rows of a JSON file in any form: an array, lines, concatenated objects, or any of these within a wrapper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from dialtone_nb.calls.attempts.quality import Quality

# The characters that may be between two rows; RFC 7464 has a record separator before each.
BETWEEN: Final = re.compile(r"[\s,\[\]\x1e]*")
# Python writes NaN for a number that is missing.
DECODER: Final = json.JSONDecoder(parse_constant=lambda name: None)
# {"data": {"calls": […]}}, for example.
MOST_WRAPPERS: Final = 3


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file; `pages` has the address of each page of a Twilio list and that of the next page, or ""."""

    rows: list[Any] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)

    def add(self, value: Any, wrappers: int = MOST_WRAPPERS) -> None:
        """Add a row, an array of rows, or the rows in an object around such an array."""
        if isinstance(value, list):
            for one in value:
                self.add(one, wrappers)
        elif wrappers and (lists := list(_lists_in(value, wrappers))):
            if "next_page_uri" in value:
                self.pages[_page(value.get("uri"))] = _page(value["next_page_uri"])
            for one in lists:
                self.add(one, wrappers - 1)
        else:
            self.rows.append(value)


def _page(address: object) -> str:
    """A page's address with its query sorted; "" for none."""
    path, _, asked = str(address or "").partition("?")
    return "?".join([path, *sorted(asked.split("&"))]) if address else ""


def _lists_in(value: Any, wrappers: int) -> Iterator[list[Any]]:
    """The lists of objects in an object that is not a row itself; rows have an event or a SID."""
    if not isinstance(value, dict) or "event" in value or "sid" in value or not wrappers:
        return
    for name, inner in value.items():
        if isinstance(inner, list) and all(isinstance(one, dict) for one in inner) and (inner or name in LISTS):
            yield inner
        else:
            yield from _lists_in(inner, wrappers - 1)


# Names of lists that are recognised even if empty.
LISTS: Final = ("calls", "alerts", "events")


def read_rows(name: str, content: bytes, quality: Quality) -> Rows:
    """The rows of a file; of a file that is cut off or damaged, those that are whole."""
    rows = Rows()
    try:
        rows.add(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        lines = [] if content.startswith(b"[") else [line for line in content.splitlines() if line.strip()]
        found = [_read_line(line) for line in lines]
        # Of objects that span several lines, hardly any single line is an object.
        if lines and 2 * sum(value is not None for value in found) >= len(found):
            for number, value in enumerate(found, 1):
                if value is None:
                    quality.note("lines that are not JSON", "left out", example=f"{name}, line {number}")
                else:
                    rows.add(value)
        else:
            _scan(name, content, str(error), rows, quality)
    return rows


def _read_line(line: bytes) -> Any:
    """The object in a line, or several as a list; None if the line is not JSON."""
    try:
        value = orjson.loads(line.strip(b"\x1e \t\r\n,"))
    except orjson.JSONDecodeError:
        found = list(_values_in(line))
        return found if found and all(isinstance(one, dict) for one in found) else None
    return value if isinstance(value, dict | list) else None


class _Damage:
    """A place in a file where a row could not be read."""


def _values_in(content: bytes) -> Iterator[Any]:
    """The concatenated JSON values in content, with a `_Damage` for anything between them that is not JSON."""
    text, at = content.decode(errors="replace"), 0
    while (at := _skip(text, at)) < len(text):
        try:
            value, at = DECODER.raw_decode(text, at)
            # Half of a surrogate pair can't be kept as text, and would stop whoever gets it.
            yield orjson.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
        except (ValueError, RecursionError):
            yield _Damage()
            at = text.find("{", at + 1)
            if at < 0:
                return


def _skip(text: str, at: int) -> int:
    found = BETWEEN.match(text, at)
    return found.end() if found else at


def _scan(name: str, content: bytes, problem: str, rows: Rows, quality: Quality) -> None:
    values = list(_values_in(content))
    whole = [number for number, value in enumerate(values) if isinstance(value, dict)]
    for number in whole:
        rows.add(values[number])
    if not whole:
        quality.note("files that are not JSON", "left out", example=f"{name}: {problem}")
    elif any(isinstance(value, _Damage) for value in values[whole[0] : whole[-1]]):
        quality.note("files that are damaged", "their whole rows were kept", example=f"{name}: {len(rows.rows)} rows")
    elif len(whole) < len(values):
        example = f"{name}: after {len(rows.rows)} rows"
        quality.note("files that are cut off", "their whole rows were kept", example=example)
