"""Records as Twilio gave them -> those that a report can use; whatever is odd about the others is counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from dialtone_nb.calls.attempts.quality import Quality, describe_row
from dialtone_nb.calls.file_source.times import parse_time
from dialtone_nb.calls.twilio_source.call_records import Record


def sift_calls(records: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """The calls that belong to a day, each once; of two versions the one that was updated last."""
    timeless = records.filter(pl.col("begun").is_null())["sid"]
    _note(timeless, "calls without a readable time", "left out: they belong to no day", quality)
    calls = _each_once(records.filter(pl.col("begun").is_not_null()), quality)
    # What of a call can't be as it says; the attempt is kept.
    for doubt, what, treatment in (
        (pl.col("ended") < pl.col("begun"), "calls that ended before they began", "kept, as their outcome says"),
        (
            (pl.col("duration") != "") & pl.col("seconds").is_null(),
            "calls whose duration is no number of seconds",
            "kept, the duration is unknown",
        ),
        (
            pl.col("price").is_not_null() & pl.col("amount").is_null(),
            "calls whose price is no number",
            "kept, the price is unknown",
        ),
    ):
        _note(calls.filter(doubt)["sid"], what, treatment, quality)
    return calls


def _note(sids: pl.Series, what: str, treatment: str, quality: Quality) -> None:
    if len(sids):
        quality.note(what, treatment, len(sids), sids[0])


def _each_once(records: pl.DataFrame, quality: Quality) -> pl.DataFrame:
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
            quality.note("call records that came in two versions", "the later one is used", example=sid)
            kept[sid] = max(kept[sid], record, key=_updated)
    # Each where its call stood first.
    places = records.with_row_index("place").unique("sid", keep="first").select("sid", "place")
    once = pl.concat([records.filter(~is_again), pl.DataFrame(list(kept.values()), schema=records.schema)])
    return once.join(places, on="sid").sort("place").drop("place")


def _updated(record: Mapping[str, Any]) -> float:
    at = parse_time(record["date_updated"] or "")
    return at.timestamp() if at else 0.0


def sift_alerts(records: Iterable[Any], quality: Quality) -> list[Record]:
    """The alerts, in the order of their making."""
    alerts = []
    for record in records:
        if isinstance(record, Mapping) and isinstance(record.get("resource_sid"), str | None):
            alerts.append(record)
        else:
            quality.note("alerts that are none", "left out", example=describe_row(record))
    return sorted(alerts, key=lambda alert: str(alert.get("date_created") or ""))
