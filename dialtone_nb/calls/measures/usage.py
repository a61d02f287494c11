"""Usage: answered calls by duration, attempts by other party, and emergency calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from dialtone_nb.calls.attempts.schema import SCHEMA
from dialtone_nb.values.emergency import EMERGENCY_NUMBERS

# Columns that this tally reads.
COUNTED: Final = tuple(SCHEMA)
# Bands of duration, with the second at which each begins.
BANDS: Final = {
    "under 6 s": 0,
    "6 to 30 s": 6,
    "30 s to 1 min": 30,
    "1 to 3 min": 60,
    "3 to 10 min": 180,
    "10 to 30 min": 600,
    "30 min or more": 1800,
}
EMERGENCY_CODES: Final = tuple(sorted({code for codes in EMERGENCY_NUMBERS.values() for code in codes}))
DURATION_KEYS: Final = ("direction", "band")
PARTY_KEYS: Final = ("direction", "other_party", "currency")
SUMS: Final = ("attempts", "answered", "talk_s", "priced", "price_micros")


@dataclass(frozen=True, slots=True)
class Usage:
    """The tallies of some attempts: answered calls by band of duration, attempts by other party, emergency calls."""

    durations: pl.DataFrame
    parties: pl.DataFrame
    emergency: pl.DataFrame


def tally_usage(attempts: pl.DataFrame) -> Usage:
    """Tally the usage of attempts; tallies of parts can be merged."""
    seconds = pl.col("duration_s")
    answered = attempts.lazy().filter(pl.col("outcome") == "answered", seconds.is_not_null())
    durations = (
        answered.with_columns(band=_band(seconds))
        .group_by(DURATION_KEYS)
        .agg(attempts=pl.len().cast(pl.Int64), talk_s=seconds.sum())
        .with_columns(pl.col("direction").cast(pl.String))
    )
    known = attempts.lazy().filter(pl.col("other_party").is_not_null(), pl.col("outcome") != "refused")
    parties = (
        known.group_by(PARTY_KEYS)
        .agg(
            attempts=pl.len().cast(pl.Int64),
            answered=(pl.col("outcome") == "answered").sum().cast(pl.Int64),
            talk_s=seconds.sum(),
            priced=pl.col("price").count().cast(pl.Int64),
            price_micros=(pl.col("price") * 1_000_000).round().cast(pl.Int64).sum(),
        )
        .with_columns(pl.col("direction", "currency").cast(pl.String).fill_null(""))
    )
    is_emergency = pl.col("other_party").is_in(EMERGENCY_CODES) & (pl.col("direction") == "outgoing")
    return Usage(durations.collect(), parties.collect(), attempts.filter(is_emergency))


def _band(seconds: pl.Expr) -> pl.Expr:
    """The band that a duration in seconds is in."""
    return pl.coalesce(pl.when(seconds >= start).then(pl.lit(name)) for name, start in reversed(BANDS.items()))


def merge_usage(parts: Sequence[Usage]) -> Usage:
    """Merge the usage of parts, and sort each table."""
    durations = (
        pl.concat(one.durations for one in parts).group_by(DURATION_KEYS).agg(pl.col("attempts", "talk_s").sum())
    )
    parties = pl.concat(one.parties for one in parts).group_by(PARTY_KEYS).agg(pl.col(SUMS).sum())
    by_size = parties.sort(["attempts", *PARTY_KEYS], descending=[True, False, False, False])
    emergency = pl.concat(one.emergency for one in parts).sort("started_at", "call_sid")
    return Usage(durations.sort(DURATION_KEYS), by_size, emergency)
