"""Twilio's call records, from pages of its list -> typed columns; invalid records are counted and left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import polars as pl

from dialtone_nb.calls.attempts.outcomes import OUTCOME_OF_STATUS
from dialtone_nb.calls.attempts.quality import Quality, describe_row
from dialtone_nb.calls.attempts.schema import LONGEST_CALL_S, UTC_TIME
from dialtone_nb.calls.file_source.times import only_plausible, parse_time
from dialtone_nb.calls.file_source.times import parse_times as parse_any_times

Record = Mapping[str, Any]

# The fields of a record that are used.
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
PAGE: Final = {"calls": pl.List(pl.Struct(TEXTS)), "next_page_uri": pl.String()}
# A record without these is not a call.
NEEDED: Final = ("sid", "status")
# The columns: Twilio's texts, times in UTC, the duration in seconds, and the price; null if missing or unreadable.
RECORDS: Final = pl.Schema(
    {
        **TEXTS,
        "begun": UTC_TIME,
        "ended": UTC_TIME,
        "seconds": pl.Int64(),
        "amount": pl.Float64(),
    }
)
# Fri, 18 Oct 2019 17:00:00 +0000 is parsed fast; other forms take longer.
AS_TWILIO_WRITES: Final = "%a, %d %b %Y %H:%M:%S +0000"
WHOLE: Final = r"^[0-9]+(\.0+)?$"


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page of the list: its records as columns of texts, or one by one if any is odd, and the next page's address."""

    records: pl.DataFrame | Sequence[Any]
    following: str | None = None


def read_page(content: bytes) -> CallPage:
    """Parse the body of a page; raises ValueError if it is cut off, or is not a page.

    A page has a thousand records and two megabytes, so they never become Python objects.
    """
    try:
        page = pl.read_json(content, schema=PAGE)
        records = page.select(pl.col("calls").explode(empty_as_null=False).struct.unnest())
        if page["calls"].count() and all(not records[name].null_count() for name in NEEDED) and _has_sids(records):
            return CallPage(records, page.item(0, "next_page_uri"))
    except pl.exceptions.PolarsError:
        pass
    return CallPage(*read_list(content, "calls"))


def read_list(content: bytes, key: str) -> tuple[list[Any], str | None]:
    """The records under a key, and the next page's address in either of Twilio's formats; ValueError if not a page."""
    page = orjson.loads(content)
    if not isinstance(page, dict) or not isinstance(page.get(key), list):
        raise ValueError(f"no page of {key}")
    return page[key], page.get("next_page_uri") or (page.get("meta") or {}).get("next_page_url")


def _has_sids(records: pl.DataFrame) -> bool:
    return bool(records["sid"].str.starts_with("CA").all())


def records_of(pages: Iterable[CallPage], quality: Quality) -> pl.DataFrame:
    """The call records of some pages as rows of `RECORDS`, in order."""
    return type_records(texts_of(pages, quality))


def texts_of(pages: Iterable[CallPage], quality: Quality) -> pl.DataFrame:
    """The call records of some pages as Twilio's texts, in order."""
    texts = [
        page.records if isinstance(page.records, pl.DataFrame) else _one_by_one(page.records, quality) for page in pages
    ]
    return pl.concat([pl.DataFrame(schema=TEXTS), *texts])


def _one_by_one(records: Iterable[Any], quality: Quality) -> pl.DataFrame:
    rows = []
    for record in records:
        if isinstance(record, Mapping) and all(isinstance(record.get(name), str) for name in NEEDED):
            rows.append({name: _text(record.get(name)) for name in FIELDS})
        else:
            quality.note("call records that are none", "left out", example=describe_row(record))
    return pl.DataFrame(rows, schema=TEXTS)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def type_records(texts: pl.DataFrame) -> pl.DataFrame:
    """Add times, seconds and prices parsed from the texts. A call without a start counts from its creation."""
    whole = pl.when(pl.col("duration").str.contains(WHOLE)).then("duration")
    seconds = whole.cast(pl.Float64).cast(pl.Int64, strict=False)
    amount = pl.col("price").cast(pl.Float64, strict=False)
    begun = texts.select(_START).to_series()
    return texts.with_columns(
        begun=parse_times(begun),
        ended=parse_times(texts["end_time"]),
        seconds=pl.when(seconds <= LONGEST_CALL_S).then(seconds),
        amount=pl.when(amount.is_finite()).then(amount),
    )


_START: Final = pl.when(pl.col("start_time") != "").then("start_time").otherwise("date_created")


def parse_times(texts: pl.Series) -> pl.Series:
    """UTC times from texts, in RFC 2822 as in Twilio's lists or any other form; null for a text that is no time."""
    times = texts.str.strptime(pl.Datetime("us"), AS_TWILIO_WRITES, strict=False).dt.replace_time_zone("UTC")
    times = only_plausible(times)
    odd = texts.filter(times.is_null() & texts.is_not_null()).unique()
    if not len(odd):
        return times
    read = pl.DataFrame({"text": odd, "time": parse_any_times(odd.to_list())}, schema_overrides={"time": UTC_TIME})
    return times.fill_null(texts.replace_strict(read["text"], read["time"], default=None, return_dtype=UTC_TIME))


def sift_calls(records: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """The calls with a start, each once."""
    timeless = records.filter(pl.col("begun").is_null()).select(pl.when(_START != "").then(_START).otherwise("sid"))
    _note(timeless.to_series(), "calls without a readable time", "left out: they belong to no day", quality)
    calls = each_once(records.filter(pl.col("begun").is_not_null()), quality)
    # Implausible fields of a call; the attempt is kept.
    for doubt, what, treatment in (
        (
            ~pl.col("status").is_in(list(OUTCOME_OF_STATUS)),
            "calls with a status that is not Twilio's",
            "kept, how they ended is unknown",
        ),
        (pl.col("ended") < pl.col("begun"), "calls that ended before they began", "kept, as their outcome says"),
        (
            (pl.col("duration") != "") & pl.col("seconds").is_null(),
            "calls with a duration that no call has",
            "kept, the duration is unknown",
        ),
        (
            pl.col("price").is_not_null() & pl.col("amount").is_null(),
            "calls whose price is not a number",
            "kept, the price is unknown",
        ),
    ):
        _note(calls.filter(doubt)["sid"], what, treatment, quality)
    return calls


def _note(examples: pl.Series, what: str, treatment: str, quality: Quality) -> None:
    if len(examples):
        quality.note(what, treatment, len(examples), examples[0])


def each_once(records: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """Each call once; of two versions the one that was updated last, with what only the other tells."""
    is_again = records["sid"].is_duplicated()
    if not is_again.any():
        return records
    kept: dict[str, dict[str, Any]] = {}
    for record in records.filter(is_again).iter_rows(named=True):
        sid = record["sid"]
        if sid not in kept:
            kept[sid] = record
        elif record == kept[sid]:
            quality.note("call records that came twice", "counted once", example=sid)
        else:
            quality.note(
                "call records that came in two versions", "the later one is used, completed by the other", example=sid
            )
            older, newer = sorted((record, kept[sid]), key=_age)
            kept[sid] = {name: older[name] if value in (None, "") else value for name, value in newer.items()}
    # Each call is where it was first.
    places = records.with_row_index("place").unique("sid", keep="first").select("sid", "place")
    once = pl.concat([records.filter(~is_again), pl.DataFrame(list(kept.values()), schema=records.schema)])
    return once.join(places, on="sid").sort("place").drop("place")


def _age(record: Mapping[str, Any]) -> tuple[bool, float]:
    """The order of versions; a call that is over stays over, and not every file tells when it was updated."""
    at = parse_time(record["date_updated"] or "")
    return OUTCOME_OF_STATUS.get(record["status"]) != "in_progress", at.timestamp() if at else 0.0


def sift_alerts(records: Iterable[Any], quality: Quality) -> list[Record]:
    """The alerts in the order of their creation; other records are counted and left out."""
    alerts = []
    for record in records:
        if isinstance(record, Mapping) and isinstance(record.get("resource_sid"), str | None):
            alerts.append(record)
        else:
            quality.note("alerts that are none", "left out", example=describe_row(record))
    return sorted(alerts, key=lambda alert: str(alert.get("date_created") or ""))
