"""All tallies of a call report, made in one pass; tallies of parts can be merged into that of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from dialtone_nb.calls.measures import concurrency, last_seen
from dialtone_nb.calls.measures.concurrency import merge_overlaps, tally_overlaps
from dialtone_nb.calls.measures.last_seen import merge_signs, tally_signs

KEYS: Final = ("day", "environment", "client", "direction", "outcome", "reason", "currency")
HOUR_KEYS: Final = ("day", "hour", "direction", "outcome")
SUMS: Final = ("attempts", "timed", "talk_s", "priced", "price_micros")
# The columns that these tallies need, so that a columnar archive need not read the others.
COUNTED: Final = tuple(
    dict.fromkeys(("started_at", *KEYS[1:], "duration_s", "price", *concurrency.COUNTED, *last_seen.COUNTED))
)


def tally_attempts(attempts: pl.DataFrame, time_zone: str = "UTC") -> pl.DataFrame:
    """Count attempts by day (of the time zone) and the other keys; missing texts become "".

    The columns are `attempts`, `timed` (those with a duration), `talk_s` (seconds), `priced` (those with a price),
    `price_micros` (millionths of the currency), `first_at` and `last_at`. Tallies of parts can be merged.
    """
    duration, price = pl.col("duration_s"), pl.col("price")
    counted = (
        attempts.lazy()
        .group_by(local_time(time_zone).dt.truncate("1d").alias("day"), *KEYS[1:])
        .agg(
            attempts=pl.len().cast(pl.Int64),
            timed=duration.count().cast(pl.Int64),
            talk_s=duration.sum(),
            priced=price.count().cast(pl.Int64),
            price_micros=(price * 1_000_000).round().cast(pl.Int64).sum(),
            first_at=pl.col("started_at").min(),
            last_at=pl.col("started_at").max(),
        )
    )
    return _merge(counted)


def merge_tallies(tallies: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Merge the tallies of parts, in any order."""
    return _merge(pl.concat(tallies).lazy())


def _merge(tallies: pl.LazyFrame) -> pl.DataFrame:
    return (
        tallies.with_columns(pl.col(*KEYS[1:]).cast(pl.String).fill_null(""))
        .group_by(KEYS)
        .agg(pl.col(*SUMS).sum(), pl.col("first_at").min(), pl.col("last_at").max())
        .sort(KEYS)
        .collect()
    )


def tally_hours(attempts: pl.DataFrame, time_zone: str = "UTC") -> pl.DataFrame:
    """Count attempts by day and hour (of the time zone), direction and outcome; tallies of parts can be merged."""
    # Hours are cut in local time, because some zones are half an hour off UTC, and some have daylight saving time.
    local = local_time(time_zone)
    counted = (
        attempts.lazy()
        .group_by(local.dt.truncate("1h").alias("hour"), *HOUR_KEYS[2:])
        .agg(attempts=pl.len().cast(pl.Int64))
        .with_columns(day=pl.col("hour").dt.truncate("1d"), hour=pl.col("hour").dt.hour().cast(pl.Int64))
    )
    return _merge_hours(counted)


def merge_hours(tallies: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Merge the counts by hour of parts, in any order."""
    return _merge_hours(pl.concat(tallies).lazy())


def _merge_hours(tallies: pl.LazyFrame) -> pl.DataFrame:
    return (
        tallies.with_columns(pl.col(*HOUR_KEYS[2:]).cast(pl.String).fill_null(""))
        .group_by(HOUR_KEYS)
        .agg(pl.col("attempts").sum())
        .sort(HOUR_KEYS)
        .collect()
    )


def local_time(time_zone: str) -> pl.Expr:
    """The local time at which an attempt started, without a zone."""
    return pl.col("started_at").dt.convert_time_zone(time_zone).dt.replace_time_zone(None)


@dataclass(frozen=True, slots=True)
class Counts:
    """The tallies of some attempts: by all keys of rates, by hour, of overlaps, and of signs of life."""

    tally: pl.DataFrame
    hours: pl.DataFrame
    overlaps: pl.DataFrame
    signs: pl.DataFrame


def count_attempts(attempts: pl.DataFrame, time_zone: str = "UTC") -> Counts:
    """Tally the attempts of whole UTC days; days and hours in the tallies are those of the time zone."""
    return Counts(
        tally_attempts(attempts, time_zone),
        tally_hours(attempts, time_zone),
        tally_overlaps(attempts),
        tally_signs(attempts),
    )


def merge_counts(counts: Sequence[Counts]) -> Counts:
    """Merge the tallies of parts."""
    return Counts(
        merge_tallies(one.tally for one in counts),
        merge_hours(one.hours for one in counts),
        merge_overlaps(one.overlaps for one in counts),
        merge_signs(one.signs for one in counts),
    )
