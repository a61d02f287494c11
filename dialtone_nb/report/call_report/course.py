"""The days of a report, and what it tells of deployments and of phones' lives on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

import pandas as pd

from dialtone_nb.calls.attempts.schema import pandas_of
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.measures import before_after
from dialtone_nb.calls.measures.before_after import Comparison, compare_deployments, merge_around, tally_around
from dialtone_nb.calls.measures.deployments import Deployment
from dialtone_nb.calls.measures.last_seen import life_by_phone
from dialtone_nb.calls.measures.rates import days_of


def days_covered(data: CallData) -> tuple[date, date] | None:
    """The report's first and last day: those that were asked for or read, else those of its attempts; None without."""
    days = days_of(data.tally())
    first = data.first_day or (days[0].date() if len(days) else None)
    last = data.last_day or (days[-1].date() if len(days) else None)
    return (first, last) if first and last else None


def end_of(data: CallData) -> pd.Timestamp | None:
    """Up to when the data surely tells (UTC): the last attempt, or the beginning of the last day, which is later."""
    tally = data.tally()
    ends = [] if tally.empty else [tally["last_at"].max()]
    if data.last_day:
        ends.append(pd.Timestamp(data.last_day, tz=data.time_zone).tz_convert("UTC"))
    return max(ends, default=None)


def compare_calls(data: CallData, deployments: Sequence[Deployment]) -> tuple[Comparison, ...]:
    """The delivered rate before and after each deployment on the report's days, oldest first."""
    covered = days_covered(data)
    if not (covered and deployments):
        return ()
    around = data.gather(partial(tally_around, deployments=tuple(deployments)), merge_around, before_after.COUNTED)
    return tuple(
        one
        for one in compare_deployments(pandas_of(around), deployments)
        if covered[0] <= pd.Timestamp(one.deployment.at).tz_convert(data.time_zone).date() <= covered[1]
    )


def look_for_life(data: CallData) -> pd.DataFrame:
    """The signs of life of each phone, and whether it is silent at the end of the report."""
    return life_by_phone(data.signs(), end_of(data))
