"""Whether there are enough calls for a figure or a table to say anything; if not, one sentence takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from dialtone_nb.calls.measures.rates import FEW, days_of, in_periods

# Two to each hour of the day: with fewer, which hours are busy is chance.
FEW_FOR_HOURS: Final = 50


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not shown, and why it would say nothing."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"Left out, as {self.why}: {self.what}."


def left_out(what: str, *reasons: str) -> LeftOut | None:
    """What to leave out for the first of these reasons that holds; None where none does."""
    why = next(filter(None, reasons), "")
    return LeftOut(what, why) if why else None


def too_few(count: int, fewest: int = FEW, noun: str = "attempt") -> str:
    """Why so many say nothing; empty where they are enough."""
    if count >= fewest:
        return ""
    if not count:
        return f"there is no {noun}"
    return f"{count} {noun}{'' if count == 1 else 's'} {'says' if count == 1 else 'say'} nothing of it"


def too_few_attempts(tally: pd.DataFrame, fewest: int = FEW) -> str:
    """Why the attempts of a tally say nothing; empty where they are enough."""
    return too_few(int(tally["attempts"].sum()), fewest)


def only_one(tally: pd.DataFrame, period_or_key: str) -> str:
    """Why comparing days, weeks, phones, … says nothing: all attempts are of one of them; empty where they are not."""
    if period_or_key == "day":
        return "all attempts are of one day" if len(days_of(tally)) == 1 else ""
    if period_or_key == "week":
        return "all attempts are of one week" if in_periods(tally, "week")["day"].nunique() == 1 else ""
    keys = tally[period_or_key].unique()
    if len(keys) != 1:
        return ""
    noun = {"client": "phone"}.get(period_or_key, period_or_key)
    return f"all attempts are of one {noun}" + (f", {keys[0]}" if keys[0] else ", which is not known")
