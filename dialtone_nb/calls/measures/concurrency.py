"""The peak number of simultaneous answered calls, exact, from tallies of single days that can be made anywhere.

Within a day, calls of earlier days can only end, so their number never grows. A new peak is therefore only possible at
moments when more of the day's own calls were going on than at any earlier moment of that day. A day's tally has those
few moments, and the ends of the calls that went on after midnight.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

from dialtone_nb.calls.attempts.schema import DIRECTIONS, UTC_TIME

# Times are microseconds since 1970 here, because numbers are sorted five times as fast.
Whole = npt.NDArray[np.int64]

ALL: Final = "all"
# Columns that this tally reads.
COUNTED: Final = ("started_at", "direction", "outcome", "duration_s")
SECOND_US: Final = 1_000_000
DAY_US: Final = 24 * 3600 * SECOND_US


def tally_overlaps(attempts: pl.DataFrame) -> pl.DataFrame:
    """Tally the overlaps of answered calls that started on some whole UTC days; tallies of other days can be merged.

    A call counts from its start for its duration; a call that ends as another starts does not overlap with it. A row
    with `going_on` above 0 is a moment with more of the day's own calls of a direction than before; a row with 0 is the
    end of a call after the day on which it started.
    """
    timed = attempts.lazy().filter(pl.col("outcome") == "answered", pl.col("duration_s") > 0)
    talks = timed.select("direction", start=pl.col("started_at").to_physical(), seconds="duration_s").collect()
    start = talks["start"].to_numpy()
    end = start + talks["seconds"].to_numpy() * SECOND_US
    parts = [_overlaps(ALL, start, end)]
    for way in DIRECTIONS:
        is_way = (talks["direction"] == way).fill_null(False).to_numpy()
        parts.append(_overlaps(way, start[is_way], end[is_way]))
    return merge_overlaps(parts)


def merge_overlaps(tallies: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Merge the tallies of overlaps of parts."""
    return pl.concat(tallies).sort("direction", "day", "at", "going_on")


def peak_of(overlaps: pd.DataFrame, direction: str = ALL) -> tuple[int, pd.Timestamp | None]:
    """The peak of simultaneous calls of a direction, and when it was first reached (UTC); 0 and None without calls."""
    peaks = peaks_by_day(overlaps, direction)
    if peaks.empty:
        return 0, None
    most = peaks.sort_values(["going_on", "at"], ascending=[False, True]).iloc[0]
    return int(most["going_on"]), most["at"]


def peaks_by_day(overlaps: pd.DataFrame, direction: str = ALL) -> pd.DataFrame:
    """The peak of each UTC day with an answered call (the index): `going_on`, and `at` in UTC."""
    rows = overlaps[overlaps["direction"] == direction]
    ends, moments = rows[rows["going_on"] == 0], rows[rows["going_on"] > 0]
    # Add the calls of earlier days that are still going on: those that end later, minus those that started on this day
    # or later. The latter all end later, because only ends after a call's own day are in the tally.
    end_later = len(ends) - np.searchsorted(np.sort(ends["at"].to_numpy()), moments["at"].to_numpy(), side="right")
    not_earlier = len(ends) - np.searchsorted(np.sort(ends["day"].to_numpy()), moments["day"].to_numpy(), side="left")
    peaks = moments.assign(going_on=moments["going_on"] + end_later - not_earlier)
    peaks = peaks.sort_values(["day", "going_on", "at"], ascending=[True, False, True])
    return peaks.drop_duplicates("day").set_index("day")[["going_on", "at"]]


def _overlaps(direction: str, start: Whole, end: Whole) -> pl.DataFrame:
    if np.any(start[1:] < start[:-1]):
        order = np.argsort(start, kind="stable")
        start, end = start[order], end[order]
    days, firsts = np.unique(start // DAY_US, return_index=True)
    borders = [*firsts.tolist(), len(start)]
    rows = [
        _overlaps_of_day(day * DAY_US, start[first:last], end[first:last])
        for day, first, last in zip(days.tolist(), borders[:-1], borders[1:], strict=True)
    ]
    nothing = np.array([], dtype="int64")
    day, at, going_on = (
        (np.concatenate([nothing, *column]) for column in zip(*rows, strict=True)) if rows else [nothing] * 3
    )
    times = [pl.Series(name, moments).cast(UTC_TIME) for name, moments in (("day", day), ("at", at))]
    return pl.DataFrame(times).select("day", direction=pl.lit(direction), at="at", going_on=pl.Series(going_on))


def _overlaps_of_day(day: int, start: Whole, end: Whole) -> tuple[Whole, Whole, Whole]:
    """The day, moment and number of each row of a day's tally; `start` must be sorted."""
    # Calls started so far, minus calls ended by then; a call that ends as another starts counts as ended.
    going_on = np.arange(1, len(start) + 1) - np.searchsorted(np.sort(end), start, side="right")
    # Of calls that start at the same moment, the last one overlaps with all others.
    is_last = np.append(start[1:] != start[:-1], True)
    at, going_on = start[is_last], going_on[is_last]
    most_before = np.concatenate([[0], np.maximum.accumulate(going_on)[:-1]])
    is_more = going_on > most_before
    late = end[end >= day + DAY_US]
    moments = np.concatenate([at[is_more], late])
    return np.full(len(moments), day), moments, np.concatenate([going_on[is_more], np.zeros(len(late), dtype="int64")])
