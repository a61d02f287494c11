"""Rates of tallies: numerators, denominators and intervals. No rate is defined elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dialtone_nb.calls.attempts.outcomes import DELIVERED, JUDGED, LOST, OUTCOMES

# With fewer judged attempts an interval spans half the scale: the rate is shown, but nothing is concluded from it.
FEW: Final = 10
Z_95: Final = 1.959963984540054
JUDGED_WORDS: Final = (
    "attempts with a known end, without those that our own dial plan refused, those still open, and unknown ones"
)
STAGES: Final = {
    "attempts": OUTCOMES,
    "tried": JUDGED,
    "delivered": DELIVERED,
    "answered": ("answered",),
}
STAGE_WORDS: Final = {
    "attempts": "calls that somebody placed",
    "tried": "the judged attempts: not refused by our own dial plan, and with a known end",
    "delivered": (
        "reached a person's end: answered, rang out, met a busy line, given up by the caller, or told the words of the "
        "phone's entry"
    ),
    "answered": "the called party answered",
}


@dataclass(frozen=True, slots=True)
class RateDefinition:
    """One rate: the outcomes in its numerator and denominator, and its definition in words."""

    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    words: str
    # The field's term (ITU-T E.425), or the closest one.
    term: str = ""

    @property
    def label(self) -> str:
        """The rate's name beside the field's, such as "answered rate (ASR)"."""
        return f"{self.name} rate ({self.term})" if self.term else f"{self.name} rate"


RATES: Final = {
    rate.name: rate
    for rate in (
        RateDefinition(
            "answered",
            ("answered",),
            JUDGED,
            "answered attempts, of judged attempts (ASR, the answer-seizure ratio of ITU-T E.425)",
            "ASR",
        ),
        RateDefinition(
            "delivered",
            DELIVERED,
            JUDGED,
            "attempts that were answered, rang out, met a busy line, were given up by the caller or told the words of "
            "the phone's entry, of judged attempts (close to NER, the network effectiveness ratio of ITU-T E.425; "
            "Twilio tells too little for the exact one)",
            "near NER",
        ),
        RateDefinition(
            "lost",
            LOST,
            JUDGED,
            "attempts that met an unregistered or unreachable phone, failed, were blocked, or found our service away "
            "and only its fallback, of judged attempts",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of attempts, numerator over denominator, with its 95 % interval (Wilson)."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The share, from 0 to 1; None if the denominator is 0."""
        return self.numerator / self.denominator if self.denominator else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval; 0 to 1 if the denominator is 0."""
        return wilson_interval(self.numerator, self.denominator)

    @property
    def is_few(self) -> bool:
        """Whether there are too few attempts to conclude anything."""
        return self.denominator < FEW

    def __str__(self) -> str:
        if self.value is None:
            return "no calls to judge"
        low, high = self.interval
        return f"{self.value:.1%} ({self.numerator:,} of {self.denominator:,}; {low:.1%}–{high:.1%})"


def wilson_interval(numerator: int, denominator: int, z: float = Z_95) -> tuple[float, float]:
    """The bounds of the Wilson score interval of a share, from 0 to 1."""
    if not denominator:
        return 0.0, 1.0
    share = numerator / denominator
    width = z * z / denominator
    middle = (share + width / 2) / (1 + width)
    reach = z * math.sqrt(share * (1 - share) / denominator + width / denominator / 4) / (1 + width)
    # At shares of 0 and 1 the bound is exactly that, despite rounding.
    low = 0.0 if numerator == 0 else max(0.0, middle - reach)
    high = 1.0 if numerator == denominator else min(1.0, middle + reach)
    return low, high


def difference_interval(before: Rate, after: Rate) -> tuple[float, float]:
    """The 95 % bounds of `after` minus `before`, from -1 to 1; these, too, if either denominator is 0.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 873-890, 1998, method 10) combines the two Wilson
    intervals, stays within -1 to 1, and is valid for few calls.
    """
    if before.value is None or after.value is None:
        return -1.0, 1.0
    (low, high), (after_low, after_high) = before.interval, after.interval
    middle = after.value - before.value
    return (
        middle - math.hypot(after.value - after_low, high - before.value),
        middle + math.hypot(after_high - after.value, before.value - low),
    )


def count_outcomes(tally: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Attempts by the given keys (rows) and outcome (columns, all of `OUTCOMES` in order)."""
    rows: npt.NDArray[Any] = np.zeros(len(tally), dtype=np.intp)
    index = pd.Index(["attempts"])
    if by:
        groups = tally.groupby(list(by))
        rows, index = groups.ngroup().to_numpy(), groups.size().index
    # By hand: pivot_table takes twenty times as long for a short log, and a report counts thirty times.
    counts = np.zeros((len(index), len(OUTCOMES)), dtype=np.int64)
    columns = pd.Index(OUTCOMES)
    named = rows >= 0  # a row without one of the keys is in no group
    places = rows[named], columns.get_indexer(pd.Index(tally["outcome"]))[named]
    np.add.at(counts, places, tally["attempts"].to_numpy()[named])
    return pd.DataFrame(counts, index=index, columns=columns)


def rate_of(tally: pd.DataFrame, name: str) -> Rate:
    """One of the rates over a whole tally."""
    rate, outcomes, attempts = RATES[name], tally["outcome"], tally["attempts"].to_numpy()
    return Rate(*(int(attempts[outcomes.isin(those)].sum()) for those in (rate.numerator, rate.denominator)))


def rates_by(tally: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Attempts, judged attempts, and each rate's numerator, value and 95 % bounds, by the given keys.

    A value is missing where there is nothing to divide by; then the bounds are 0 and 1.
    """
    counts = count_outcomes(tally, by)
    values: npt.NDArray[np.int64] = counts.to_numpy()

    def summed(outcomes: Sequence[str]) -> npt.NDArray[np.int64]:
        of_each: npt.NDArray[np.int64] = values[:, [OUTCOMES.index(one) for one in outcomes]]
        return np.asarray(of_each.sum(axis=1))

    columns: dict[str, Any] = {"attempts": summed(OUTCOMES), "judged": summed(JUDGED)}
    for rate in RATES.values():
        numerators, denominators = summed(rate.numerator), summed(rate.denominator)
        bounds = [wilson_interval(int(n), int(d)) for n, d in zip(numerators, denominators, strict=True)]
        columns[rate.name] = numerators
        columns[f"{rate.name}_rate"] = numerators / np.where(denominators > 0, denominators, np.nan)
        columns[f"{rate.name}_low"] = [low for low, _ in bounds]
        columns[f"{rate.name}_high"] = [high for _, high in bounds]
    return pd.DataFrame(columns, index=counts.index)


def reasons_of_failure(tally: pd.DataFrame) -> pd.DataFrame:
    """Lost attempts by outcome and reason, the most frequent first: attempts, share, and cumulative share."""
    lost = tally[tally["outcome"].isin(LOST)]
    table = lost.groupby(["outcome", "reason"])["attempts"].sum().reset_index()
    table = table.sort_values(["attempts", "outcome", "reason"], ascending=[False, True, True], ignore_index=True)
    total = int(table["attempts"].sum())
    table["share"] = table["attempts"] / total if total else 0.0
    table["running_share"] = table["share"].cumsum()
    return table


def cost_by(tally: pd.DataFrame, by: str) -> pd.DataFrame:
    """The cost of attempts by one key and currency: attempts, those with a price (`priced`), and its sum (`price`)."""
    known = tally[tally["priced"] > 0]
    table = known.groupby([by, "currency"])[["attempts", "priced", "price_micros"]].sum().reset_index()
    table = table.sort_values(["price_micros", by], ascending=[False, True], ignore_index=True)
    return table.assign(price=table["price_micros"] / 1_000_000)


def days_of(tally: pd.DataFrame) -> pd.DatetimeIndex:
    """All days from the first to the last, including those without an attempt."""
    if tally.empty:
        return pd.DatetimeIndex([])
    return pd.date_range(tally["day"].min(), tally["day"].max(), freq="D")


def in_periods(tally: pd.DataFrame, period: str) -> pd.DataFrame:
    """The tally with each day moved to the first day of its period: "day", "week" (Monday) or "month"."""
    if period == "day":
        return tally
    freq = {"week": "W-SUN", "month": "M"}[period]
    return tally.assign(day=tally["day"].dt.to_period(freq).dt.start_time.astype(tally["day"].dtype))


def funnel_of(tally: pd.DataFrame, direction: str) -> dict[str, int]:
    """Attempts of a direction by stage, in the order of the stages."""
    own = tally[tally["direction"] == direction]
    if own.empty:
        return dict.fromkeys(STAGES, 0)
    counts = count_outcomes(own).iloc[0]
    return {stage: int(counts[list(outcomes)].sum()) for stage, outcomes in STAGES.items()}
