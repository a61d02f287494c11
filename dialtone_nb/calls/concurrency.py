"""How many answered calls went on at once: exact, and counted day by day, so that days can be counted anywhere.

Within a day, calls of earlier days only end, so their number never grows: of the moments of a day only those matter at
which more of its own calls went on than ever before that day. A day's tally is those few moments, and the ends of the
calls that went on after midnight.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

from dialtone_nb.calls.frame import DIRECTIONS

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
    calls = pd.DataFrame(
        {
            "day": timed["started_at"].dt.floor("D"),
            "direction": timed["direction"],
            "start": timed["started_at"],
            "end": timed["started_at"] + pd.to_timedelta(timed["duration_s"].astype("int64"), unit="s"),
        }
    )
    parts = [_overlaps(calls.assign(direction=ALL))]
    parts += [_overlaps(calls[calls["direction"] == way]) for way in DIRECTIONS]
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


def _overlaps(calls: pd.DataFrame) -> pd.DataFrame:
    steps = pd.concat(
        [
            calls[["day", "direction"]].assign(at=calls["start"], step=1),
            calls[["day", "direction"]].assign(at=calls["end"], step=-1),
        ]
    ).sort_values(["day", "at", "step"], ignore_index=True)
    going_on = steps.groupby("day")["step"].cumsum()
    before = going_on.groupby(steps["day"]).cummax().groupby(steps["day"]).shift(fill_value=0)
    moments = steps.assign(going_on=going_on)[going_on > before]
    # Two that start at the same moment are met together.
    moments = moments.drop_duplicates(["day", "at"], keep="last")
    late = calls[calls["end"] >= calls["day"] + pd.Timedelta(days=1)]
    ends = late[["day", "direction"]].assign(at=late["end"], going_on=0)
    return pd.concat([moments[list(COLUMNS)], ends[list(COLUMNS)]], ignore_index=True)
