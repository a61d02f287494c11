"""Attempts -> whole-number counts by all that a rate is asked for; those of parts merge into those of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

KEYS: Final = ("day", "environment", "client", "direction", "outcome", "reason", "currency")
HOUR_KEYS: Final = ("day", "hour", "direction", "outcome")
SUMS: Final = ("attempts", "timed", "talk_s", "priced", "price_micros")
# What of the attempts is counted: whoever keeps them in columns need not read the others.
COUNTED: Final = ("started_at", *KEYS[1:], "duration_s", "price")
COUNTED_BY_HOUR: Final = ("started_at", *HOUR_KEYS[2:])

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US

Whole = npt.NDArray[np.int64]


def tally_attempts(frame: pd.DataFrame, time_zone: str = "UTC") -> pd.DataFrame:
    """Whole-number counts by day (of the time zone) and the other keys.

    `attempts`, `timed` (those with a duration) and `talk_s`, `priced` and `price_micros` (millionths of the currency),
    and `first_at` and `last_at`. Tallies of parts merge into the tally of the whole.
    """
    started = _microseconds(frame["started_at"])
    durations, prices = frame["duration_s"], frame["price"]
    columns = {
        "day": _days(_local(frame, time_zone) // DAY_US),
        **{name: frame[name].fillna("") for name in KEYS[1:]},
        "attempts": np.ones(len(frame), dtype="int64"),
        "timed": durations.notna().to_numpy().astype("int64"),
        "talk_s": durations.fillna(0).to_numpy(dtype="int64"),
        "priced": prices.notna().to_numpy().astype("int64"),
        "price_micros": (prices.fillna(0) * 1_000_000).round().to_numpy(dtype="int64"),
        "first_at": started,
        "last_at": started,
    }
    return _merge(pa.table(columns))


def merge_tallies(tallies: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The tally of everything that was tallied in parts, in whatever order."""
    return _merge(pa.concat_tables([_table(tally) for tally in tallies]))


def tally_hours(frame: pd.DataFrame, time_zone: str = "UTC") -> pd.DataFrame:
    """Attempts by day and hour (of the time zone), direction and outcome; tallies of parts merge."""
    local = _local(frame, time_zone)
    columns = {
        "day": _days(local // DAY_US),
        "hour": local % DAY_US // HOUR_US,
        **{name: frame[name] for name in HOUR_KEYS[2:]},
        "attempts": np.ones(len(frame), dtype="int64"),
    }
    return _merge_hours(pa.table(columns))


def merge_hours(tallies: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The same of everything that was tallied in parts, in whatever order."""
    return _merge_hours(pa.concat_tables([_table(tally) for tally in tallies]))


def _merge(table: pa.Table) -> pd.DataFrame:
    sums = [(name, "sum") for name in SUMS]
    merged = _group(table, KEYS, [*sums, ("first_at", "min"), ("last_at", "max")])
    for name in ("first_at", "last_at"):
        moments = merged[name].cast(pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        merged = merged.set_column(merged.column_names.index(name), name, moments)
    tally: pd.DataFrame = merged.to_pandas()
    return tally


def _merge_hours(table: pa.Table) -> pd.DataFrame:
    tally: pd.DataFrame = _group(table, HOUR_KEYS, [("attempts", "sum")]).to_pandas()
    return tally


def _group(table: pa.Table, keys: Sequence[str], sums: Sequence[tuple[str, str]]) -> pa.Table:
    """The sums by the keys, sorted by them in their order, under the names that they had."""
    grouped = table.group_by(list(keys)).aggregate(list(sums)).sort_by([(key, "ascending") for key in keys])
    return grouped.select([*keys, *(f"{name}_{how}" for name, how in sums)]).rename_columns(
        [*keys, *(name for name, _ in sums)]
    )


def _table(tally: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(tally, preserve_index=False).replace_schema_metadata()


def _local(frame: pd.DataFrame, time_zone: str) -> Whole:
    """When the attempts started by the clocks there, in microseconds since 1970 began there."""
    return _microseconds(frame["started_at"].dt.tz_convert(time_zone).dt.tz_localize(None))


def _days(days: Whole) -> npt.NDArray[np.datetime64]:
    return (days * DAY_US).astype("datetime64[us]")


def _microseconds(times: pd.Series[Any]) -> Whole:
    return times.to_numpy(dtype="datetime64[us]").astype("int64")
