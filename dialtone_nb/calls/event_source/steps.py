"""Calls that go on after a step, or that came by the fallback URL: which events are steps, and the reasons they give.

All of this goes by call SID, and few logs have such events.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dialtone_nb.calls.attempts.outcomes import WAYS
from dialtone_nb.calls.event_source.rules import BESIDE_US, LONGEST_CALL_US

# Kinds, as texts: the end of a step; events after which a call went on; events that tell how a fallback call went.
_STATUS: Final = "^outcome "
_GOES_ON: Final = "^(rang-on|told) "
_FALLBACK: Final = "^placed [a-z]+ fallback$"
_TELLS_MORE: Final = "^(placed|refused|told) "
_NOTED: Final = "^(rang-on|told|fallback) |fallback$"


def fold_steps(events: pl.DataFrame) -> pl.DataFrame:
    """Leave out statuses after which a call went on, and turn a fallback that another event explains into a mark.

    Events must be in the order of time. A status's code is passed on to a `told` that follows. A mark's kind is such as
    "fallback outgoing ", which neither begins nor ends a call.
    """
    if not _are_noted(events):
        return events
    kind, is_same = pl.col("kind").cast(pl.String), pl.col("call_sid").is_not_null()
    following, before = (kind.shift(by).over("call_sid") for by in (-1, 1))
    is_soon = (pl.col("at").shift(-1).over("call_sid") - pl.col("at")).dt.total_microseconds() <= BESIDE_US
    was_soon = (pl.col("at") - pl.col("at").shift(1).over("call_sid")).dt.total_microseconds() <= BESIDE_US
    goes_on = is_same & is_soon & kind.str.contains(_STATUS) & following.str.contains(_GOES_ON)
    went_on = is_same & was_soon & kind.str.contains("^told ") & before.str.contains(_STATUS)
    is_told = is_same & is_soon & kind.str.contains(_FALLBACK) & following.str.contains(_TELLS_MORE)
    return (
        events.with_columns(
            is_step=goes_on.fill_null(False),
            code=pl.when(went_on).then(pl.coalesce("code", pl.col("code").shift(1).over("call_sid"))).otherwise("code"),
            kind=pl.when(is_told)
            .then("fallback " + kind.str.split(" ").list.get(1, null_on_oob=True) + " ")
            .otherwise(kind)
            .cast(events.schema["kind"]),
        )
        .filter(~pl.col("is_step"))
        .drop("is_step")
    )


def _are_noted(events: pl.DataFrame) -> bool:
    return bool(events["kind"].unique().cast(pl.String).str.contains(_NOTED).any())


def reasons_of_marks(events: pl.DataFrame, began: npt.NDArray[np.int64], ended: npt.NDArray[np.int64]) -> pl.Series:
    """The reason that marks give for each attempt, by the rows that began and ended it; null without a mark."""
    none = pl.Series([None], dtype=pl.String).new_from_index(0, len(began))
    if not _are_noted(events):
        return none
    kind = pl.col("kind").cast(pl.String)
    mark = kind.str.extract("^(rang-on|fallback) ").fill_null(
        pl.when(kind.str.contains(_FALLBACK)).then(pl.lit("fallback"))
    )
    marks = events.select("call_sid", "at", mark=mark).drop_nulls()
    attempts = pl.DataFrame(
        {
            "row": np.arange(len(began)),
            "call_sid": events["call_sid"][began],
            "began": events["at"][began],
            "ended": events["at"][ended],
            "is_open": events["kind"][ended].cast(pl.String).str.starts_with("placed "),
        }
    )
    latest = pl.when("is_open").then(pl.col("began") + pl.duration(microseconds=LONGEST_CALL_US)).otherwise("ended")
    found = (
        attempts.join(marks, on="call_sid")
        # A fallback is logged just before the call's own event.
        .filter(pl.col("at") >= pl.col("began") - pl.duration(microseconds=BESIDE_US), pl.col("at") <= latest)
        .sort(
            pl.col("mark").replace_strict(
                {word: place for place, word in enumerate(reversed(WAYS))}, return_dtype=pl.Int8
            )
        )
        .unique("row", keep="first", maintain_order=True)
    )
    return none.scatter(found["row"], found["mark"])
