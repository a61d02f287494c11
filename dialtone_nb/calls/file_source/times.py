"""Times in all the forms found in logs of calls: ISO 8601, RFC 2822, Unix time, US style, and the Console's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

import polars as pl

# No call was before or is after these. 1970-01-01 is a clock that was never set, 0001-01-01 and 9999-12-31 stand for no
# time; a report from there on would have millions of days.
SPAN: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
# A number is a Unix time if it is between these in one of the four units: s, ms, µs, ns.
EPOCH: Final = re.compile(r"\d{9,19}(\.\d+)?")
UNITS: Final = (1, 1_000, 1_000_000, 1_000_000_000)
# Dates such as 20260302 and 20260302101500; datetime.fromisoformat would take a Unix time for a date, too.
DIGITS: Final = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}

YEAR: Final = r"\d{4}|\d{2}"
WEEKDAY: Final = r"(?:[A-Za-z]{3,9},?\s+)?"
DATE: Final = (
    rf"{WEEKDAY}(?:(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})"
    rf"|(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/(?P<slash_year>{YEAR})"
    rf"|(?P<dot_day>\d{{1,2}})\.(?P<dot_month>\d{{1,2}})\.(?P<dot_year>{YEAR})"
    rf"|(?P<named_day>\d{{1,2}})[ -](?P<name>[A-Za-z]{{3,9}})\.?[ -](?P<named_year>{YEAR})"
    r"|(?P<us_name>[A-Za-z]{3,9})\.? (?P<us_day>\d{1,2}),? (?P<us_year>\d{4}))"
)
CLOCK: Final = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<seconds>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
# Some add the zone's name to its offset: GMT-0800 (Pacific Standard Time), +00:00[UTC], +0000 UTC.
ZONE: Final = (
    r"(?P<zone>[A-Za-z]{1,5}|(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?)(?:\s+\([A-Za-z ]+\)|\s*\[[\w/+-]+\]|\s+UTC)?"
)
# The Console writes 02:10:00 PST 2026-03-02, C's ctime Mon Mar  2 02:10:00 2026; all others have the date first.
SPELLINGS: Final = (
    re.compile(rf"{DATE}(?:[T,]?\s*(?:at\s+)?{CLOCK}\s*(?:{ZONE})?)?"),
    re.compile(rf"{CLOCK}\s*(?:{ZONE})?\s+{DATE}"),
    re.compile(
        rf"{WEEKDAY}(?P<us_name>[A-Za-z]{{3}})\s+(?P<us_day>\d{{1,2}})\s+{CLOCK}(?:\s+{ZONE})?\s+(?P<us_year>\d{{4}})"
    ),
)
DAY_AND_MONTH: Final = re.compile(rf"(?:^|\s)(\d{{1,2}})/(\d{{1,2}})/(?:{YEAR})\b")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Hours east of UTC. IST is left out: India, Ireland and Israel each have one.
OFFSETS: Final = (
    "Z 0, UT 0, UTC 0, GMT 0, WET 0, HST -10, AKST -9, AKDT -8, PST -8, PDT -7, MST -7, MDT -6, CST -6, CDT -5, "
    "EST -5, EDT -4, AST -4, ADT -3, NST -3.5, NDT -2.5, BRT -3, BST 1, WEST 1, CET 1, CEST 2, SAST 2, EET 2, "
    "EEST 3, MSK 3, SGT 8, HKT 8, AWST 8, JST 9, KST 9, ACST 9.5, ACDT 10.5, AEST 10, AEDT 11, NZST 12, NZDT 13, "
    "HDT -9, SST -11, WAT 1, CAT 2, EAT 3, PKT 5, WIB 7, WITA 8, WIT 9, CHST 10"
)
ZONES: Final = {name: float(hours) for name, hours in (one.split() for one in OFFSETS.split(", "))}


def parse_times(texts: Sequence[str]) -> list[datetime | None]:
    """The time in each text, in UTC (also if the text has no zone); None if it is not a time.

    3/2/2026 is the second of March, unless one of the texts can only have the day first: then all have.
    """
    has_day_first = any(int(found[1]) > 12 for found in map(DAY_AND_MONTH.search, texts) if found)
    return [parse_time(text, has_day_first) for text in texts]


def undecided(texts: Iterable[str]) -> list[str]:
    """The texts with dates such as 3/2/2026, if none of them tells whether all have the day or the month first."""
    dates = {text: (int(found[1]), int(found[2])) for text in texts if (found := DAY_AND_MONTH.search(text))}
    is_told = any(max(date) > 12 for date in dates.values())
    return [] if is_told else [text for text, (first, second) in dates.items() if first != second]


@lru_cache(maxsize=1000)
def parse_time(text: str, has_day_first: bool = False) -> datetime | None:
    """The time in a text, in UTC; None if it is not a time."""
    text = text.strip()
    try:
        if EPOCH.fullmatch(text) and len(text) not in DIGITS:
            at = _of_epoch(text)
        elif text.isdecimal():
            at = datetime.strptime(text, DIGITS[len(text)]).replace(tzinfo=UTC)
        else:
            at = _of_words(text, has_day_first)
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, KeyError, OverflowError):
        return None
    return at if SPAN[0] <= at < SPAN[1] else None


def only_plausible(times: pl.Series) -> pl.Series:
    """The times in UTC with null for each that no call can have."""
    return times.set(~times.is_between(*SPAN, closed="left"), None)


def _of_epoch(text: str) -> datetime:
    number = float(text)
    seconds = next((number / unit for unit in UNITS if number / unit < SPAN[1].timestamp()), 0)
    return datetime.fromtimestamp(round(seconds, 6), UTC)


def _of_words(text: str, has_day_first: bool) -> datetime:
    try:
        return datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        found = next((match for spelling in SPELLINGS if (match := spelling.fullmatch(text))), None)
    if not found:
        raise ValueError(text)
    hour = int(found["hour"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + 12 * (found["half"] in "pP")
    micros = int((found["fraction"] or "0")[:6].ljust(6, "0"))
    day = datetime(*_date(found, has_day_first), tzinfo=_zone(found["zone"]))
    return day.replace(
        hour=hour, minute=int(found["minute"] or 0), second=int(found["seconds"] or 0), microsecond=micros
    )


def _date(found: re.Match[str], has_day_first: bool) -> tuple[int, int, int]:
    told = {name.rpartition("_")[2]: text for name, text in found.groupdict().items() if text}
    year = int(told["year"]) + (2000 if len(told["year"]) == 2 else 0)
    if "first" in told:
        first, second = int(told["first"]), int(told["second"])
        return (year, second, first) if has_day_first else (year, first, second)
    month = MONTHS.index(told["name"][:3].lower()) + 1 if "name" in told else int(told["month"])
    return year, month, int(told["day"])


def _zone(name: str | None) -> tzinfo:
    if not name:
        return UTC
    digits = re.fullmatch(r"[A-Z]*([+-])(\d{1,2}):?(\d{2})?", name)
    if not digits:
        return timezone(timedelta(hours=ZONES[name.upper()]))
    ahead = timedelta(hours=int(digits[2]), minutes=int(digits[3] or 0))
    return timezone(ahead if digits[1] == "+" else -ahead)
