"""The tables of outcomes and rates."""

from __future__ import annotations

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import MEANINGS, OUTCOMES
from dialtone_nb.calls.attempts.schema import DIRECTIONS
from dialtone_nb.calls.measures.before_after import Comparison
from dialtone_nb.calls.measures.funnel import STAGE_WORDS, funnel_of
from dialtone_nb.calls.measures.rates import RATES, Rate, count_outcomes, in_periods, rates_by
from dialtone_nb.report.call_report.words import KEY_WORDS, key_words, rate_words
from dialtone_nb.report.table import ReportTable
from dialtone_nb.values.sids import short_sid

# Lost is what delivered leaves, so its interval says nothing new.
WITH_INTERVAL = ("answered", "delivered")


def tabulate_outcomes(tally: pd.DataFrame) -> ReportTable:
    """Every outcome that occurred: attempts, share of all attempts, and what it means."""
    counts = count_outcomes(tally).iloc[0] if len(tally) else pd.Series(0, index=list(OUTCOMES))
    total = int(counts.sum())
    rows = [
        (outcome.replace("_", " "), int(counts[outcome]), int(counts[outcome]) / total, MEANINGS[outcome])
        for outcome in OUTCOMES
        if counts[outcome]
    ]
    return ReportTable.of(("outcome", "attempts", "share of attempts", "meaning"), rows, f"{total:,} attempts in all.")


def tabulate_funnels(tally: pd.DataFrame) -> ReportTable:
    """How far the attempts of each direction came: each stage, its attempts, and their share of the stage before."""
    rows: list[tuple[str, str, int, float | None, str]] = []
    for direction in DIRECTIONS:
        before = 0
        for stage, count in funnel_of(tally, direction).items():
            share = count / before if before else None
            rows.append((direction, stage, count, share, STAGE_WORDS[stage]))
            before = count
    return ReportTable.of(("direction", "stage", "attempts", "share of the stage before", "meaning"), rows)


def tabulate_rates(tally: pd.DataFrame, by: str) -> ReportTable:
    """The rates by "day", "week" (its Monday), "hour", "client", "direction" or "environment", with their intervals."""
    table = rates_by(in_periods(tally, by), ["day"]) if by == "week" else rates_by(tally, [by])
    if by == "direction":
        table = table.reindex(list(DIRECTIONS))
    elif by == "client":
        table = table.sort_values("attempts", ascending=False, kind="stable")
    columns = [KEY_WORDS[by], "attempts", "judged"]
    for name in RATES:
        columns += [name, f"{name} rate (95 % interval)" if name in WITH_INTERVAL else f"{name} rate"]
    rows = [_row(key_words(by, key), values) for key, values in table.iterrows()]
    return ReportTable.of(columns, rows, "A dash stands where there is nothing to divide by.")


def _row(key: str, values: pd.Series[float]) -> list[str | int | float | None]:
    judged = 0 if pd.isna(values["judged"]) else int(values["judged"])
    row: list[str | int | float | None] = [key, 0 if pd.isna(values["attempts"]) else int(values["attempts"]), judged]
    for name in RATES:
        rate = Rate(int(values[name]) if judged else 0, judged)
        row += [rate.numerator, rate_words(rate) if name in WITH_INTERVAL else rate.value]
    return row


def tabulate_deployments(comparisons: tuple[Comparison, ...]) -> ReportTable:
    """The delivered rate before and after each deployment, newest first, and what may be concluded."""
    rows = [
        (
            one.deployment.environment,
            f"{one.deployment.at:%Y-%m-%d %H:%M:%S}",
            short_sid(one.deployment.build_sid) if one.deployment.build_sid else "none: taken down",
            str(one.before),
            str(one.after),
            one.words,
        )
        for one in reversed(comparisons)
    ]
    columns = ("environment", "deployed at (UTC)", "build", "delivered before", "delivered after", "change")
    return ReportTable.of(columns, rows)
