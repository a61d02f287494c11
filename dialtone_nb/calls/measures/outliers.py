"""Days and hours on which more calls were lost than chance explains, and the reasons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from dialtone_nb.calls.attempts.outcomes import JUDGED, LOST
from dialtone_nb.calls.measures.rates import Rate, count_outcomes, rate_of

# The family-wise error rate: the probability that a report names any day, or any hour, by chance alone.
CHANCE: Final = 0.05
# With many calls every small difference is significant; only losses of at least twice the usual rate matter.
TIMES_AS_MANY: Final = 2.0
# If one phone has at least this share of the losses, it is named.
NEARLY_ALL: Final = 0.8


@dataclass(frozen=True, slots=True)
class BadDay:
    """A day that stands out: its lost rate, that of the other days, its conspicuous hours, and the main reason."""

    day: pd.Timestamp
    lost: Rate
    otherwise: Rate
    hours: tuple[tuple[int, int], ...] = ()  # each from the beginning of the first hour to the end of the last
    in_hours: int = 0  # lost attempts within these hours
    reason: str = ""
    client: str = ""  # the phone with nearly all of the losses, if there is one

    @property
    def words_of_hours(self) -> str:
        """The hours in words; "" if none stands out."""
        return " and ".join(f"from {first:02d}:00 to {last:02d}:00" for first, last in self.hours)


def find_bad_days(tally: pd.DataFrame, hours: pd.DataFrame) -> tuple[BadDay, ...]:
    """The days that stand out, or have an hour that does, those with the most lost calls first.

    Each day, and each hour of a day, is compared with all others by Fisher's exact test. The level is divided by their
    number (Bonferroni), so that at most one report in twenty names one by chance.
    """
    whole = rate_of(tally, "lost")
    named: dict[pd.Timestamp, list[int]] = {day: [] for (day,) in _outstanding(tally, ["day"])}
    for day, hour in _outstanding(hours, ["day", "hour"]):
        named.setdefault(day, []).append(hour)
    if not named:
        return ()
    gone, gone_by_hour = (some[some["outcome"].isin(LOST)] for some in (tally, hours))
    usual, days = gone.groupby("reason")["attempts"].sum(), tally["day"].nunique()
    # A few days of years are looked at one by one.
    few, gone, gone_by_hour = (some[some["day"].isin(list(named))] for some in (tally, gone, gone_by_hour))
    found = []
    for day, at in named.items():
        lost = rate_of(few[few["day"] == day], "lost")
        otherwise = Rate(whole.numerator - lost.numerator, whole.denominator - lost.denominator)
        own = gone[gone["day"] == day]
        within = gone_by_hour[(gone_by_hour["day"] == day) & gone_by_hour["hour"].isin(at)]
        in_hours = int(within["attempts"].sum())
        cause = _chief_reason(own, usual, days), _nearly_all(own, "client")
        found.append(BadDay(day, lost, otherwise, tuple(_runs(sorted(at))), in_hours, *cause))
    return tuple(sorted(found, key=lambda one: (-one.lost.numerator, one.day)))


def _outstanding(tally: pd.DataFrame, keys: list[str]) -> Iterator[tuple[Any, ...]]:
    if tally.empty:
        return
    counts = count_outcomes(tally, keys)
    lost, judged = (counts[list(those)].to_numpy().sum(axis=1) for those in (LOST, JUDGED))
    named, lost, judged = counts.index[judged > 0], lost[judged > 0], judged[judged > 0]
    all_lost, all_judged = int(lost.sum()), int(judged.sum())
    beside = all_judged - judged
    others = np.divide(all_lost - lost, beside, out=np.ones(len(lost)), where=beside > 0)
    is_worse = (lost > 1) & (lost / judged >= TIMES_AS_MANY * others)
    for key, own_lost, own_judged in zip(named[is_worse], lost[is_worse], judged[is_worse], strict=True):
        if chance_of(own_lost, own_judged, all_lost, all_judged) < CHANCE / len(lost):
            yield key if isinstance(key, tuple) else (key,)


def chance_of(lost: int, judged: int, all_lost: int, all_judged: int) -> float:
    """The probability that at least `lost` of all lost calls are among these `judged` ones (hypergeometric)."""
    whole = _log_choose(all_judged, judged)
    total = 0.0
    for count in range(lost, min(judged, all_lost) + 1):
        term = math.exp(_log_choose(all_lost, count) + _log_choose(all_judged - all_lost, judged - count) - whole)
        total += term
        # Beyond the mode each term is smaller than the one before, so the rest is negligible.
        if term < total * 1e-9:
            break
    return total


def _log_choose(of: int, some: int) -> float:
    if not 0 <= some <= of:
        return -math.inf
    return math.lgamma(of + 1) - math.lgamma(some + 1) - math.lgamma(of - some + 1)


def _chief_reason(gone: pd.DataFrame, usual: pd.Series[int], days: int) -> str:
    """The reason with the largest excess of losses over the other days' average."""
    here = gone.groupby("reason")["attempts"].sum()
    excess = here - (usual.reindex(here.index) - here) / max(days - 1, 1)
    return str(excess.sort_index().idxmax()) if len(here) else ""


def _nearly_all(gone: pd.DataFrame, key: str) -> str:
    counts = gone.groupby(key)["attempts"].sum()
    return str(counts.idxmax()) if len(counts) and counts.max() >= NEARLY_ALL * counts.sum() else ""


def _runs(hours: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Consecutive hours merged into spans."""
    firsts = [hour for hour in hours if hour - 1 not in hours]
    lasts = [hour for hour in hours if hour + 1 not in hours]
    return zip(firsts, (last + 1 for last in lasts), strict=True)
