"""How many answered calls went on at once: exact, and counted day by day, so that days can be counted anywhere.

Within a day, calls of earlier days only end, so their number never grows: of the moments of a day only those matter at
which more of its own calls went on than ever before that day. A day's tally is those few moments, and the ends of the
calls that went on after midnight.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dialtone_nb.calls.frame import DIRECTIONS

Moments = npt.NDArray[np.datetime64]
Whole = npt.NDArray[np.int64]

ALL: Final = "all"
# What of the attempts is looked at.
COUNTED: Final = ("started_at", "direction", "outcome", "duration_s")
COLUMNS: Final = {"day": "datetime64[us, UTC]", "direction": "str", "at": "datetime64[us, UTC]", "going_on": "int64"}


def tally_overlaps(frame: pd.DataFrame) -> pd.DataFrame:
    """The overlaps of the answered calls that started on some whole UTC days; tallies of other days merge with it.

    A call counts from its start for as long as it talked; one that ends as another starts does not meet it.
    Rows with `going_on` are moments at which a day's own calls of that direction were more than before; those with 0
    are ends of calls after the day on which they started.
    """
    timed = frame[(frame["outcome"] == "answered") & (frame["duration_s"].fillna(0) > 0)]
    start = timed["started_at"].to_numpy(dtype="datetime64[us]")
    end = start + timed["duration_s"].to_numpy(dtype="int64").astype("timedelta64[s]")
    parts = [_overlaps(ALL, start, end)]
    for way in DIRECTIONS:
        is_way = (timed["direction"] == way).to_numpy(dtype=bool)
        parts.append(_overlaps(way, start[is_way], end[is_way]))
    return merge_overlaps(parts)


def merge_overlaps(tallies: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The overlaps of all days that were tallied in parts."""
    together = pd.concat(list(tallies), ignore_index=True).astype(COLUMNS)
    return together.sort_values(["direction", "day", "at", "going_on"], ignore_index=True)


def peak_of(overlaps: pd.DataFrame, direction: str = ALL) -> tuple[int, pd.Timestamp | None]:
    """The most calls of a direction that went on at once, and when first so many did (UTC); 0 and None without any."""
    peaks = peaks_by_day(overlaps, direction)
    if peaks.empty:
        return 0, None
    most = peaks.sort_values(["going_on", "at"], ascending=[False, True]).iloc[0]
    return int(most["going_on"]), most["at"]


def peaks_by_day(overlaps: pd.DataFrame, direction: str = ALL) -> pd.DataFrame:
    """The same for each UTC day on which a call was answered (the index): `going_on` and `at`."""
    rows = overlaps[overlaps["direction"] == direction]
    ends, moments = rows[rows["going_on"] == 0], rows[rows["going_on"] > 0]
    still = [
        int(((ends["day"] < day) & (ends["at"] > at)).sum())
        for day, at in zip(moments["day"], moments["at"], strict=True)
    ]
    peaks = moments.assign(going_on=moments["going_on"] + still)
    peaks = peaks.sort_values(["day", "going_on", "at"], ascending=[True, False, True])
    return peaks.drop_duplicates("day").set_index("day")[["going_on", "at"]]


def _overlaps(direction: str, start: Moments, end: Moments) -> pd.DataFrame:
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    days, firsts = np.unique(start.astype("datetime64[D]"), return_index=True)
    borders = [*firsts.tolist(), len(start)]
    rows = [
        _overlaps_of_day(day.astype("datetime64[us]"), start[first:last], end[first:last])
        for day, first, last in zip(days, borders[:-1], borders[1:], strict=True)
    ]
    day, at, going_on = (np.concatenate(column) for column in zip(*rows, strict=True)) if rows else ((), (), ())
    utc = {
        name: pd.DatetimeIndex(np.array(times, dtype="datetime64[us]"), tz="UTC")
        for name, times in (("day", day), ("at", at))
    }
    return pd.DataFrame({"day": utc["day"], "direction": direction, "at": utc["at"], "going_on": going_on})


def _overlaps_of_day(day: np.datetime64, start: Moments, end: Moments) -> tuple[Moments, Moments, Whole]:
    """The day, moment and number of each row of a day's tally; `start` is sorted."""
    # Those that have started, without those that have ended by then: one that ends as another starts does not meet it.
    going_on = np.arange(1, len(start) + 1) - np.searchsorted(np.sort(end), start, side="right")
    # Of those that start at the same moment the last meets all the others.
    is_last = np.append(start[1:] != start[:-1], True)
    at, going_on = start[is_last], going_on[is_last]
    most_before = np.concatenate([[0], np.maximum.accumulate(going_on)[:-1]])
    is_more = going_on > most_before
    late = end[end >= day + np.timedelta64(1, "D")]
    moments = np.concatenate([at[is_more], late])
    return np.full(len(moments), day), moments, np.concatenate([going_on[is_more], np.zeros(len(late), dtype="int64")])
