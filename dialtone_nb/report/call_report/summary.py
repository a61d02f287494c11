"""A call report in words: how it went, what changed, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pandas as pd
import polars as pl

from dialtone_nb.calls import emergency_calls
from dialtone_nb.calls.attempts.outcomes import code_of
from dialtone_nb.calls.attempts.schema import DIRECTIONS, pandas_of
from dialtone_nb.calls.emergency_calls import EmergencyCall, select_emergency_calls, tell_emergency_calls
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.measures import before_after
from dialtone_nb.calls.measures.before_after import (
    Comparison,
    Deployment,
    RateChange,
    change_between,
    compare_deployments,
    merge_around,
    tally_around,
)
from dialtone_nb.calls.measures.last_seen import life_by_phone
from dialtone_nb.calls.measures.rates import (
    Rate,
    cost_by,
    count_outcomes,
    days_of,
    rate_of,
    rates_by,
    reasons_of_failure,
)
from dialtone_nb.display.outputs import result
from dialtone_nb.display.rendering import render
from dialtone_nb.report.call_report.tables import count_words
from dialtone_nb.values.emergency import TEST_LINE

if TYPE_CHECKING:
    from dialtone_nb.parameters.clients import Client

# A summary names no more phones than this in one sentence.
NAMED: Final = 5
RECENT_DAYS: Final = 7


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


@dataclass(frozen=True, slots=True)
class Summary:
    """Sentences for somebody who reads nothing else: the facts, what changed, and what needs a person."""

    facts: tuple[str, ...]
    changes: tuple[str, ...] = ()
    to_do: tuple[str, ...] = ()
    emergencies: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return render("summary", package="dialtone_nb.report", summary=self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        # Whoever runs the report hears its first sentences; a report that could be made is a good one.
        said = " ".join([*self.emergencies[:1], *self.facts[:3]])
        return {"text/plain": repr(self), "text/html": self._repr_html_(), **result(0, said)}

    def __repr__(self) -> str:
        changes = ["What changed:", *self.changes] if self.changes else []
        emergencies = ["Emergency calls:", *self.emergencies] if self.emergencies else []
        return "\n".join([*emergencies, *self.facts, *changes, "Needs a person:", *(self.to_do or ("nothing",))])


def summarise_calls(
    data: CallData,
    comparisons: Sequence[Comparison],
    life: pd.DataFrame,
    clients: Mapping[str, Client] = MappingProxyType({}),
) -> Summary:
    """The report in a few sentences, with its calls before and after each deployment, and its phones' signs of life.

    Emergency calls come first, with the address and call-back number of `clients`, our phones by name.
    """
    tally, covered = data.tally(), days_covered(data)
    span = f" from {covered[0]} to {covered[1]}" if covered else ""
    if covered and covered[0] == covered[1]:
        span = f" on {covered[0]}"
    if tally.empty:
        return Summary((f"There is no attempt in {data.source}{span}.",))
    return Summary(
        tuple(_facts(data.source, span, tally)),
        tuple(_changes(tally, comparisons)),
        tuple(_to_do(tally, comparisons, life)),
        tuple(_emergencies(look_for_emergencies(data, clients))),
    )


def look_for_emergencies(data: CallData, clients: Mapping[str, Client]) -> tuple[EmergencyCall, ...]:
    """The emergency calls of the report, newest first."""
    return tell_emergency_calls(data.gather(select_emergency_calls, pl.concat, emergency_calls.COLUMNS), clients)


def _emergencies(calls: Sequence[EmergencyCall]) -> Iterator[str]:
    real = [call for call in calls if not call.is_test]
    for call in real[:NAMED]:
        dialled = f"dialled {call.number}" if call.number else "dialled an emergency number, or nearly one"
        back = f"; call-back number {call.call_back}" if call.call_back else ""
        at = f"{call.at:%Y-%m-%d %H:%M:%S} UTC"
        yield f"{call.phone or 'An unknown phone'} {dialled} on {at}: {call.ended}. {call.address}{back}."
    if len(real) > NAMED:
        yield f"So did phones {count_words(len(real) - NAMED, 'more time')}, the first on {real[-1].at:%Y-%m-%d}."
    if tests := len(calls) - len(real):
        yield f"The test line {TEST_LINE} was called {count_words(tests, 'time')}."


def _facts(source: str, span: str, tally: pd.DataFrame) -> Iterator[str]:
    directions = tally.groupby("direction")["attempts"].sum().reindex(DIRECTIONS, fill_value=0)
    phones = tally.loc[tally["client"] != "", "client"].nunique()
    attempts = int(tally["attempts"].sum())
    counted = " and ".join(f"{count:,} {way}" if count else f"no {way}" for way, count in directions.items())
    yield f"{count_words(attempts, 'attempt')} of {count_words(phones, 'phone')}{span}: {counted} ({source})."
    for way, count in directions.items():
        if not count:
            yield f"There is no {way} attempt, so no {way} rate: nothing to divide by."
    for name in ("answered", "delivered"):
        yield f"{name.capitalize()}: {rate_of(tally, name)}."
    counts = count_outcomes(tally).iloc[0]
    aside = [
        f"{int(counts[outcome]):,} {outcome.replace('_', ' ')}"
        for outcome in ("refused", "in_progress", "unknown")
        if counts[outcome]
    ]
    if aside:
        yield f"Not judged: {', '.join(aside)}."
    yield from _chief_loss(tally)
    for row in cost_by(tally.assign(client="all"), "client").to_dict("records"):
        priced = count_words(row["priced"], "attempt")
        yield f"Cost: {row['price']:.2f} {row['currency']} for {priced} with a settled price.".replace("  ", " ")


def _chief_loss(tally: pd.DataFrame) -> Iterator[str]:
    reasons = reasons_of_failure(tally)
    if len(reasons):
        first = reasons.iloc[0]
        lost = int(reasons["attempts"].sum())
        share = f", {first['share']:.0%} of them for one reason" if lost > 1 else ""
        code = f" ({first['reason']})" if first["reason"] else ""
        yield f"{count_words(lost, 'attempt')} lost{share}: {code_of(first['reason']).meaning}{code}."


def _changes(tally: pd.DataFrame, comparisons: Sequence[Comparison]) -> Iterator[str]:
    if pair := _recent_and_before(tally):
        recent, before = pair
        yield f"The last {RECENT_DAYS} days delivered {recent}, before that {before}: {change_between(before, recent)}."
    latest = {one.deployment.environment: one for one in comparisons}
    for environment, one in latest.items():
        others = sum(other.deployment.environment == environment for other in comparisons) - 1
        more = f", the latest of {others + 1}" if others else ""
        yield (
            f"Deployment to {one.deployment.label} UTC{more}: "
            f"delivered {one.after}, before that {one.before}: {one.words}."
        )


def _recent_and_before(tally: pd.DataFrame) -> tuple[Rate, Rate] | None:
    """The delivered rate of the last days and of all days before; None where the report is too short for it."""
    days = days_of(tally)
    if len(days) < 2 * RECENT_DAYS:
        return None
    is_recent = tally["day"] > days[-1] - pd.Timedelta(days=RECENT_DAYS)
    return rate_of(tally[is_recent], "delivered"), rate_of(tally[~is_recent], "delivered")


def _to_do(tally: pd.DataFrame, comparisons: Sequence[Comparison], life: pd.DataFrame) -> Iterator[str]:
    for one in comparisons:
        if one.change is RateChange.WORSE:
            yield (
                f"Since the deployment to {one.deployment.label} UTC fewer calls are delivered: {one.words}. "
                "See what it changed; if that is why, promote with build = previous takes it back."
            )
    yield from _weak_phones(tally)
    pair = _recent_and_before(tally)
    if pair and change_between(pair[1], pair[0]) is RateChange.WORSE:
        yield f"The delivered rate fell in the last {RECENT_DAYS} days: {pair[0]}, before that {pair[1]}."
    yield from _silent_phones(life)


def _weak_phones(tally: pd.DataFrame) -> Iterator[str]:
    whole = rate_of(tally, "delivered")
    by_phone = rates_by(tally[tally["client"] != ""], ["client"])
    rates = {str(client): Rate(int(row["delivered"]), int(row["judged"])) for client, row in by_phone.iterrows()}
    weak = [(client, rate) for client, rate in rates.items() if _is_below_others(rate, whole)]
    weak.sort(key=lambda item: item[1].value or 0)
    for client, rate in weak[:NAMED]:
        yield f"{client} delivers less than the other phones: {rate}.{_chief_reason(tally, client)}"
    if len(weak) > NAMED:
        yield f"So do {len(weak) - NAMED} more; see the rates by phone."


def _is_below_others(rate: Rate, whole: Rate) -> bool:
    """Whether a phone's rate is lower than that of all others, well beyond chance: their intervals do not touch."""
    others = Rate(whole.numerator - rate.numerator, whole.denominator - rate.denominator)
    return not rate.is_few and not others.is_few and rate.interval[1] < others.interval[0]


def _chief_reason(tally: pd.DataFrame, client: str) -> str:
    reasons = reasons_of_failure(tally[tally["client"] == client])
    if reasons.empty:
        return ""
    code = code_of(reasons.iloc[0]["reason"])
    return f" Chiefly: {code.meaning}; {code.repair}."


def _silent_phones(life: pd.DataFrame) -> Iterator[str]:
    silent = life[life["is_silent"]].sort_values("last_sign_at", ascending=False, kind="stable")
    if len(silent):
        named = silent["last_sign_at"].iloc[:NAMED]
        names = ", ".join(f"{client} since {at:%Y-%m-%d}" for client, at in named.items())
        more = f" and {len(silent) - NAMED} more" if len(silent) > NAMED else ""
        yield f"Quiet for longer than ever before: {names}{more}. Switched off on purpose, or broken?"
