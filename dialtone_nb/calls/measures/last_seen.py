"""Each phone's last sign of life, and whether it has been quiet for longer than usual."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd
import polars as pl

from dialtone_nb.calls.attempts.outcomes import RANG, RANG_ON

# By chance, a quiet spell is longer than all of n earlier ones once in n + 1 times.
ENOUGH_SIGNS: Final = 20
# No phone counts as silent before this: a short report has not seen how quiet nights and Sundays are.
SHORTEST_HABIT: Final = pd.Timedelta(days=1)
# Columns that this tally reads.
COUNTED: Final = ("started_at", "client", "direction", "outcome", "reason")


def tally_signs(attempts: pl.DataFrame) -> pl.DataFrame:
    """By phone and UTC day: attempts, signs of life, the first and last of them, and the longest time between two.

    A sign of life is an attempt that the phone placed, or that rang it, found it busy, or was answered there (not by
    another phone to which the call rang on). Attempts must be oldest first. Tallies of other days can be merged.
    """
    at, outcome = pl.col("started_at"), pl.col("outcome")
    rang_itself = outcome.is_in(RANG) & pl.col("reason").cast(pl.String).ne_missing(RANG_ON)
    sign_at = at.filter((pl.col("direction") == "outgoing") | rang_itself)
    tally = (
        attempts.lazy()
        .filter(pl.col("client").is_not_null())
        .group_by("client", at.dt.truncate("1d").alias("day"))
        .agg(
            attempts=pl.len().cast(pl.Int64),
            signs=sign_at.len().cast(pl.Int64),
            last_at=at.max(),
            first_sign_at=sign_at.min(),
            last_sign_at=sign_at.max(),
            last_answered_at=at.filter(
                (outcome == "answered") & ((pl.col("direction") == "outgoing") | rang_itself)
            ).max(),
            longest_quiet=sign_at.diff().max(),
        )
        .with_columns(pl.col("client").cast(pl.String))
    )
    return merge_signs([tally.collect()])


def merge_signs(tallies: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Merge the tallies of parts, in any order."""
    return pl.concat(tallies).sort("client", "day")


def life_by_phone(signs: pd.DataFrame, until: pd.Timestamp | None = None) -> pd.DataFrame:
    """By phone, the most recently active first: attempts, signs of life, the last of each (UTC), and silence.

    `longest_quiet` is the longest time between two signs of life, `habit` the same but at least a day, `quiet` the time
    from the last sign to `until` (default: the last attempt of any phone); NaT if there is none. `is_silent` means that
    `quiet` is longer than `habit`, and `is_few` that there are too few signs to tell.
    """
    until = until if until is not None else signs["last_at"].max()
    days = signs.assign(longest_quiet=_with_nights(signs))
    how = dict.fromkeys(("last_at", "last_sign_at", "last_answered_at", "longest_quiet"), "max")
    table = days.groupby("client").agg({"attempts": "sum", "signs": "sum", **how})
    longest = table["longest_quiet"]
    table["habit"] = longest.where(longest.isna() | (longest > SHORTEST_HABIT), SHORTEST_HABIT)
    table["quiet"] = until - table["last_sign_at"]
    table["is_few"] = table["signs"] < ENOUGH_SIGNS
    table["is_silent"] = ~table["is_few"] & (table["quiet"] > table["habit"])
    return table.sort_values("last_at", ascending=False, kind="stable")


def _with_nights(signs: pd.DataFrame) -> pd.Series[pd.Timedelta]:
    """Each day's longest quiet spell, including the one from the last sign of an earlier day to the day's first."""
    alive = signs[signs["signs"] > 0]
    earlier = alive.groupby("client")["last_sign_at"].shift()
    before = (alive["first_sign_at"] - earlier).reindex(signs.index)
    return pd.concat([signs["longest_quiet"], before], axis=1).max(axis=1)
