"""When each phone last gave a sign of life, and whether it has been quiet for longer than is its habit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

from dialtone_nb.calls.outcomes import DELIVERED

# A quiet spell longer than n earlier ones comes by chance once in n + 1 times: with this many signs, 1 in 20.
ENOUGH_SIGNS: Final = 20
# Nobody is called silent in less: a short report has not seen how quiet nights and Sundays are.
SHORTEST_HABIT: Final = pd.Timedelta(days=1)
# What of the attempts is looked at.
COUNTED: Final = ("started_at", "client", "direction", "outcome")
COLUMNS: Final = {
    "client": "str",
    "day": "datetime64[us, UTC]",
    "attempts": "int64",
    "signs": "int64",
    "last_at": "datetime64[us, UTC]",
    "first_sign_at": "datetime64[us, UTC]",
    "last_sign_at": "datetime64[us, UTC]",
    "last_answered_at": "datetime64[us, UTC]",
    "longest_quiet": "timedelta64[us]",
}


def tally_signs(frame: pd.DataFrame) -> pd.DataFrame:
    """By phone and UTC day: attempts, signs of life, the first and last of them, and the longest time between two.

    A sign of life is an attempt that the phone placed, or that rang it, found it busy or was answered. Tallies of
    other whole days merge with this one.
    """
    known = frame[frame["client"].notna()].sort_values("started_at", kind="stable")
    is_sign = (known["direction"] == "outgoing") | known["outcome"].isin(DELIVERED)
    at, keys = known["started_at"], [known["client"], known["started_at"].dt.floor("D").rename("day")]
    sign_at = at.where(is_sign)
    columns = pd.DataFrame(
        {
            "attempts": 1,
            "signs": is_sign.astype("int64"),
            "last_at": at,
            "first_sign_at": sign_at,
            "last_sign_at": sign_at,
            "last_answered_at": at.where(known["outcome"] == "answered"),
            "longest_quiet": at[is_sign].groupby([key[is_sign] for key in keys]).diff(),
        },
        index=known.index,
    )
    how = dict.fromkeys(columns, "max") | {"attempts": "sum", "signs": "sum", "first_sign_at": "min"}
    return merge_signs([columns.groupby(keys).agg(how).reset_index()])


def merge_signs(tallies: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The signs of life of all days that were tallied in parts, in whatever order."""
    together = pd.concat([tally.astype(COLUMNS) for tally in tallies], ignore_index=True)
    return together[list(COLUMNS)].sort_values(["client", "day"], ignore_index=True)


def life_by_phone(signs: pd.DataFrame, until: pd.Timestamp | None = None) -> pd.DataFrame:
    """By phone, the one heard last first: attempts, signs of life, the last of each (UTC), habit, whether it is silent.

    `longest_quiet` is the longest time between two signs of life, `habit` the same, at least a day; `quiet` the time
    from the last one to `until` (else the last attempt of any phone); NaT where there is none. `is_silent` says that
    `quiet` is longer than the habit, where there are enough signs to tell (`is_few` where not).
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
    """Each day's longest quiet spell, that from the last sign of an earlier day to its first one included."""
    alive = signs[signs["signs"] > 0]
    earlier = alive.groupby("client")["last_sign_at"].shift()
    before = (alive["first_sign_at"] - earlier).reindex(signs.index)
    return pd.concat([signs["longest_quiet"], before], axis=1).max(axis=1)
