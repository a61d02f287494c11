"""What is divided by what: rates of tallies, with intervals. No rate is defined elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import DELIVERED, JUDGED, LOST, OUTCOMES

# Below this many judged attempts an interval spans half the scale: a rate is shown, but nothing is concluded from it.
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
    """One rate in words and outcomes: numerator over denominator."""

    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    words: str
    # What the field calls it (ITU-T E.425), or what comes close.
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
    """A share of attempts: how many of how many, and between which bounds the true share lies (Wilson, 95 %)."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None where there is nothing to divide by."""
        return self.numerator / self.denominator if self.denominator else None

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson score interval at 95 %; all of 0 to 1 where there is nothing to divide by."""
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
    """The bounds of the Wilson score interval of a share, 0 to 1."""
    if not denominator:
        return 0.0, 1.0
    share = numerator / denominator
    width = z * z / denominator
    middle = (share + width / 2) / (1 + width)
    reach = z * math.sqrt(share * (1 - share) / denominator + width / denominator / 4) / (1 + width)
    # At the ends the bound is the end itself, whatever rounding makes of it.
    low = 0.0 if numerator == 0 else max(0.0, middle - reach)
    high = 1.0 if numerator == denominator else min(1.0, middle + reach)
    return low, high


def difference_interval(before: Rate, after: Rate) -> tuple[float, float]:
    """The 95 % bounds of `after` minus `before`, -1 to 1, made of their two Wilson intervals.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 873-890, 1998, method 10): it keeps within -1 to 1 and
    holds for few calls too. All of -1 to 1 where either has nothing to divide by.
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
    """Attempts by the given keys (rows) and outcome (columns, all of them, in their order)."""
    keys = list(by)
    if not keys:
        counts = tally.groupby("outcome")["attempts"].sum().to_frame().T
    else:
        counts = tally.pivot_table(index=keys, columns="outcome", values="attempts", aggfunc="sum", fill_value=0)
    counts.columns = pd.Index([str(name) for name in counts.columns])
    return counts.reindex(columns=list(OUTCOMES), fill_value=0).fillna(0).astype("int64")


def rate_of(tally: pd.DataFrame, name: str) -> Rate:
    """One of the rates over a whole tally."""
    counts = tally.groupby("outcome")["attempts"].sum()
    rate = RATES[name]
    return Rate(int(counts.reindex(rate.numerator).sum()), int(counts.reindex(rate.denominator).sum()))


def rates_by(tally: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Attempts, judged attempts, and each rate's numerator, value and 95 % bounds, by the given keys.

    A value is missing where there is nothing to divide by; then the bounds are 0 and 1.
    """
    counts = count_outcomes(tally, by)
    table = pd.DataFrame({"attempts": counts.sum(axis=1), "judged": counts[list(JUDGED)].sum(axis=1)})
    for rate in RATES.values():
        numerators = counts[list(rate.numerator)].sum(axis=1)
        denominators = counts[list(rate.denominator)].sum(axis=1)
        bounds = [wilson_interval(int(n), int(d)) for n, d in zip(numerators, denominators, strict=True)]
        table[rate.name] = numerators
        table[f"{rate.name}_rate"] = numerators / denominators.where(denominators > 0)
        table[f"{rate.name}_low"] = [low for low, _ in bounds]
        table[f"{rate.name}_high"] = [high for _, high in bounds]
    return table


def reasons_of_failure(tally: pd.DataFrame) -> pd.DataFrame:
    """Lost attempts by outcome and reason, most frequent first: attempts, share of all lost, and the running share."""
    lost = tally[tally["outcome"].isin(LOST)]
    table = lost.groupby(["outcome", "reason"])["attempts"].sum().reset_index()
    table = table.sort_values(["attempts", "outcome", "reason"], ascending=[False, True, True], ignore_index=True)
    total = int(table["attempts"].sum())
    table["share"] = table["attempts"] / total if total else 0.0
    table["running_share"] = table["share"].cumsum()
    return table


def cost_by(tally: pd.DataFrame, by: str) -> pd.DataFrame:
    """What attempts cost, by one key and currency: attempts, those whose price has settled, and their sum (`price`)."""
    known = tally[tally["priced"] > 0]
    table = known.groupby([by, "currency"])[["attempts", "priced", "price_micros"]].sum().reset_index()
    table = table.sort_values(["price_micros", by], ascending=[False, True], ignore_index=True)
    return table.assign(price=table["price_micros"] / 1_000_000)


def days_of(tally: pd.DataFrame) -> pd.DatetimeIndex:
    """Every day from the first to the last, those without an attempt too."""
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
