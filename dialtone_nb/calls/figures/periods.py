"""Days, weeks or months: what a log of some length is drawn by."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from dialtone_nb.calls.measures.rates import days_of

# A longer log is drawn by week, a very long one by month.
LONGEST_IN_DAYS: Final = 800
LONGEST_IN_WEEKS: Final = 3000


def choose_period(tally: pd.DataFrame, *, longest_in_days: int) -> str:
    """The period in which this many days can still be told apart: "day", "week" or "month"."""
    days = len(days_of(tally))
    if days <= longest_in_days:
        return "day"
    return "week" if days <= LONGEST_IN_WEEKS else "month"


def with_every_period(counts: pd.DataFrame, period: str) -> pd.DataFrame:
    """The counts with a row of zeroes for each period without an attempt."""
    if counts.empty:
        return counts
    freq = {"day": "D", "week": "W-MON", "month": "MS"}[period]
    return counts.reindex(pd.date_range(counts.index.min(), counts.index.max(), freq=freq), fill_value=0)


def as_dates(index: pd.Index[Any]) -> list[str]:
    """Days as plotly reads them."""
    return pd.DatetimeIndex(index).strftime("%Y-%m-%d").tolist()
