"""Records as Twilio gave them -> those that a report can use; whatever is odd about the others is counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

from dialtone_nb.calls.quality import Quality

Record = Mapping[str, Any]

# Not calendar's: those are in the language of whoever runs this.
NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS: Final = {name: number for number, name in enumerate(NAMES, 1)}
# Fri, 18 Oct 2019 17:00:00 +0000; any other way to write a date is read by the standard library, which takes its time.
AS_TWILIO_WRITES: Final = re.compile(
    rf"\w{{3}}, (\d\d) ({'|'.join(MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) \+0000", re.ASCII
)
# Without these a record is no call.
TEXTS: Final = ("sid", "status")


def sift_calls(records: Iterable[Any], quality: Quality) -> dict[str, Record]:
    """The call records by SID, each once; of two versions the one that was updated last."""
    calls: dict[str, Record] = {}
    for record in records:
        if not _is_call(record):
            quality.note("call records that are none", "left out", example=repr(record))
            continue
        sid = record["sid"]
        if _begun(record) is None:
            quality.note("calls without a readable time", "left out: they belong to no day", example=sid)
        elif sid not in calls:
            calls[sid] = record
        elif record == calls[sid]:
            quality.note("call records that came twice", "counted once", example=sid)
        else:
            quality.note("call records that came in two versions", "the later one is used", example=sid)
            calls[sid] = max(calls[sid], record, key=_updated)
    for sid, call in calls.items():
        _doubt(sid, call, quality)
    return calls


def sift_alerts(records: Iterable[Any], quality: Quality) -> list[Record]:
    """The alerts, in the order of their making."""
    alerts = []
    for record in records:
        if isinstance(record, Mapping) and isinstance(record.get("resource_sid"), str | None):
            alerts.append(record)
        else:
            quality.note("alerts that are none", "left out", example=repr(record))
    return sorted(alerts, key=lambda alert: str(alert.get("date_created") or ""))


def parse_time(text: object) -> datetime | None:
    """The time that Twilio's RFC 2822 date names, UTC where it has no zone; None where it names none."""
    return _parse_date(text) if isinstance(text, str) else None


# A record's dates are asked for again and again, and a list has few that differ by more than their seconds.
@lru_cache(maxsize=100_000)
def _parse_date(text: str) -> datetime | None:
    if found := AS_TWILIO_WRITES.fullmatch(text):
        day, month, year, hour, minute, second = found.groups()
        try:
            return datetime(int(year), MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        except ValueError:
            return None
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def parse_whole(number: object) -> int | None:
    """The whole number of seconds in a record's text; None for anything else, and for less than none."""
    text = str(number)
    return int(text) if text.isascii() and text.isdigit() else None


def parse_price(price: object) -> float | None:
    """The price in a record's text, negative where it was charged; None while it is not settled, or no number."""
    try:
        return float(str(price))
    except ValueError:
        return None


def _is_call(record: object) -> bool:
    return isinstance(record, Mapping) and all(isinstance(record.get(name), str) for name in TEXTS)


def _begun(call: Record) -> datetime | None:
    return parse_time(call.get("start_time") or call.get("date_created"))


def _updated(call: Record) -> float:
    at = parse_time(call.get("date_updated"))
    return at.timestamp() if at else 0.0


def _doubt(sid: str, call: Record, quality: Quality) -> None:
    """Count what of a call can't be as it says; the attempt is kept."""
    begun, ended = _begun(call), parse_time(call.get("end_time"))
    if begun and ended and ended < begun:
        quality.note("calls that ended before they began", "kept, as their outcome says", example=sid)
    if call.get("duration") and parse_whole(call["duration"]) is None:
        quality.note("calls whose duration is no number of seconds", "kept, the duration is unknown", example=sid)
    if call.get("price") is not None and parse_price(call["price"]) is None:
        quality.note("calls whose price is no number", "kept, the price is unknown", example=sid)
