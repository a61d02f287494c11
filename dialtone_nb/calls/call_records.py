"""Twilio's call records, as its list gives them -> columns, typed; a record that is none is counted and left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

import polars as pl

from dialtone_nb.calls.columns import UTC_TIME
from dialtone_nb.calls.quality import Quality

Record = Mapping[str, Any]

# What is used of a record, by Twilio's names.
FIELDS: Final = (
    "sid",
    "parent_call_sid",
    "from",
    "to",
    "status",
    "direction",
    "start_time",
    "date_created",
    "end_time",
    "date_updated",
    "duration",
    "price",
    "price_unit",
)
TEXTS: Final = dict.fromkeys(FIELDS, pl.String())
# Without these a record is no call.
NEEDED: Final = ("sid", "status")
# As columns: times in UTC; a duration in seconds and a price are null where they are none, or can't be read.
RECORDS: Final = pl.Schema(
    {
        **TEXTS,
        "begun": UTC_TIME,
        "ended": UTC_TIME,
        "seconds": pl.Int64(),
        "amount": pl.Float64(),
    }
)
# Fri, 18 Oct 2019 17:00:00 +0000: any other way to write a date is read by the standard library, which takes its time.
AS_TWILIO_WRITES: Final = "%a, %d %b %Y %H:%M:%S +0000"
WHOLE: Final = r"^[0-9]+$"


def records_of(pages: Iterable[Sequence[Any]], quality: Quality) -> pl.DataFrame:
    """The call records of some pages as rows of `RECORDS`, in their order."""
    return _typed(pl.concat([pl.DataFrame(schema=TEXTS), *(_texts_of(page, quality) for page in pages)]))


def _texts_of(records: Sequence[Any], quality: Quality) -> pl.DataFrame:
    try:
        texts = pl.DataFrame({name: [record.get(name) for record in records] for name in FIELDS}, schema=TEXTS)
    except (AttributeError, TypeError):
        return _one_by_one(records, quality)
    return _one_by_one(records, quality) if any(texts[name].null_count() for name in NEEDED) else texts


def _one_by_one(records: Iterable[Any], quality: Quality) -> pl.DataFrame:
    rows = []
    for record in records:
        if isinstance(record, Mapping) and all(isinstance(record.get(name), str) for name in NEEDED):
            rows.append({name: _text(record.get(name)) for name in FIELDS})
        else:
            quality.note("call records that are none", "left out", example=repr(record))
    return pl.DataFrame(rows, schema=TEXTS)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _typed(texts: pl.DataFrame) -> pl.DataFrame:
    """The texts and what they say. A call without a start was queued when it was made."""
    begun = texts.select(pl.when(pl.col("start_time") != "").then("start_time").otherwise("date_created")).to_series()
    return texts.with_columns(
        begun=parse_times(begun),
        ended=parse_times(texts["end_time"]),
        seconds=pl.when(pl.col("duration").str.contains(WHOLE)).then("duration").cast(pl.Int64, strict=False),
        amount=pl.col("price").cast(pl.Float64, strict=False),
    )


def parse_times(texts: pl.Series) -> pl.Series:
    """The times that Twilio's RFC 2822 dates name, UTC where they have no zone; null where they name none."""
    times = texts.str.strptime(pl.Datetime("us"), AS_TWILIO_WRITES, strict=False).dt.replace_time_zone("UTC")
    odd = texts.filter(times.is_null() & texts.is_not_null()).unique()
    if not len(odd):
        return times
    read = pl.DataFrame({"text": odd, "time": [parse_date(text) for text in odd]}, schema_overrides={"time": UTC_TIME})
    return times.fill_null(texts.replace_strict(read["text"], read["time"], default=None, return_dtype=UTC_TIME))


@lru_cache(maxsize=1000)
def parse_date(text: str) -> datetime | None:
    """The time that one such date names; None where it names none."""
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)

