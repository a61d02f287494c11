"""The formats of call logs, each recognised by its first bytes and keys, with their readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.event_source.log import Piece
from dialtone_nb.calls.event_source.rows import ROWS, is_event, rows_of, stripped
from dialtone_nb.calls.file_source.asterisk_cdr import cdr_of, is_cdr_table, read_cdr_events, read_cdrs
from dialtone_nb.calls.file_source.call_tables import is_call_table, read_call_table, read_table
from dialtone_nb.calls.file_source.json_rows import read_rows
from dialtone_nb.calls.file_source.other_logs import OtherLogs
from dialtone_nb.calls.file_source.unpack import OTHER_KINDS
from dialtone_nb.calls.twilio_source.call_records import CallPage, texts_of

# Of a text that is not a log of calls: how it begins, what it is and what to do.
TEXTS: Final = (
    (re.compile(rb"\s*<\?xml|\s*<TwilioResponse", re.I), "XML; ask Twilio for Calls.json"),
    (re.compile(rb"\s*<", re.I), "a web page, maybe of a sign-in; download the calls again"),
    (re.compile(rb"HTTP/\d"), "an answer with its HTTP headers; keep the body only, as curl does without -i"),
    (re.compile(rb"-----BEGIN PGP"), "encrypted; decrypt it"),
    (re.compile(rb"version https://git-lfs"), "a pointer of Git LFS; run git lfs pull"),
)
PACKED_NAME: Final = re.compile(r"\.(gz|tgz|xz|txz|bz2|zst|zip|tar|zlib)$", re.I)
CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
MOST_HEADINGS: Final = 6
# Bytes of a table that are read to recognise its format.
HEAD_BYTES: Final = 20_000


class Format(NamedTuple):
    """A file format: whether content is of it, and its reader."""

    fits: Callable[[bytes], bool]
    read: Callable[[str, bytes, Quality], Piece]


def _is_json(content: bytes) -> bool:
    return content.lstrip(b"\x1e").startswith((b"[", b"{"))


def _read_json(name: str, content: bytes, quality: Quality) -> Piece:
    """Read events, call records of the API, BulkExport and the CLI, and alerts, telling them apart row by row."""
    found = read_rows(name, content, quality)
    events, calls, alerts, cdrs = [], [], [], []
    for row in found.rows:
        plain = _snake(row)
        if is_event(row) or not isinstance(plain, Mapping):
            events.append(row)
        elif str(plain.get("sid")).startswith("CA"):
            calls.append(plain)
        elif isinstance(plain.get("resource_sid"), str) and plain.get("error_code"):
            alerts.append(plain)
        elif cdr := cdr_of(plain):
            cdrs.append(cdr)
        elif plain.keys() >= {"code", "message", "status"}:
            example = f"{name}: Twilio's refusal of a request, error {plain['code']}; ask again"
            quality.note(OTHER_KINDS, "left out", example=example)
        else:
            events.append(row)
    tables = (texts_of([CallPage(calls)], quality),) if calls else ()
    others = OtherLogs(tables, tuple(alerts), tuple(cdrs), found.pages)
    return Piece.of(rows_of(name, events, quality), quality, others)


def _snake(row: Any) -> Any:
    """A row with the API's field names: the CLI writes parentCallSid for parent_call_sid, twilio-python _from."""
    if not isinstance(row, Mapping):
        return row
    return {CAMEL.sub("_", name).lower().strip("_"): value for name, value in row.items()}


def _is_call_table(content: bytes) -> bool:
    return is_call_table(read_table(content[:HEAD_BYTES]))


def _read_call_table(name: str, content: bytes, quality: Quality) -> Piece:
    calls = read_call_table(name, read_table(content), quality)
    return Piece.of(ROWS.to_frame(), quality, OtherLogs((calls,)))


def _is_cdr_table(content: bytes) -> bool:
    return is_cdr_table(read_table(content[:HEAD_BYTES]))


def _read_cdrs(name: str, content: bytes, quality: Quality) -> Piece:
    cdrs = read_cdrs(name, read_table(content), quality)
    return Piece.of(ROWS.to_frame(), quality, OtherLogs(cdrs=cdrs))


def _are_cdr_events(content: bytes) -> bool:
    return bool(re.search(rb"(?mi)^Event: Cdr\s*$", content[:HEAD_BYTES]))


def _read_cdr_events(name: str, content: bytes, quality: Quality) -> Piece:
    cdrs = read_cdr_events(content.decode(errors="replace"))
    return Piece.of(ROWS.to_frame(), quality, OtherLogs(cdrs=cdrs))


FORMATS: Final = (
    Format(_is_json, _read_json),
    Format(_is_call_table, _read_call_table),
    Format(_is_cdr_table, _read_cdrs),
    Format(_are_cdr_events, _read_cdr_events),
)


def read_file(name: str, content: bytes, quality: Quality) -> Piece:
    """Read a file of any format; one that is no log of calls is noted with what it is."""
    content = stripped(content)
    if not content:
        quality.note("empty files", "no rows in them", example=name)
    for one in FORMATS:
        if content and one.fits(content):
            return one.read(name, content, quality)
    if content:
        quality.note(OTHER_KINDS, "left out", example=f"{name}: {_describe(name, content)}")
    return Piece.of(ROWS.to_frame(), quality)


def _describe(name: str, content: bytes) -> str:
    """What a text that is no log of calls is, and what to do."""
    for begins, what in TEXTS:
        if begins.match(content):
            return what
    if PACKED_NAME.search(name):
        return "not packed, as its name says; copy it again"
    headings = next(iter(read_table(content[:HEAD_BYTES])), [])
    if len(headings) > 2 and all(re.fullmatch(r"[A-Za-z][\w .-]{0,30}", text) for text in headings):
        more = ", …" if len(headings) > MOST_HEADINGS else ""
        return (
            f"a table of {', '.join(headings[:MOST_HEADINGS])}{more}; it has neither the Console's columns nor a CDR's"
        )
    return "a text"
