"""A call report in words: how it went, what changed, and what needs a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl

from dialtone_nb.calls import emergency_calls
from dialtone_nb.calls.attempts.call_data import AS_ASKED
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
from dialtone_nb.calls.measures.delays import Delay, group_delays
from dialtone_nb.calls.measures.last_seen import life_by_phone
from dialtone_nb.calls.measures.outliers import find_bad_days
from dialtone_nb.calls.measures.rates import (
    RATES,
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

# The most phones that a sentence of the summary names.
NAMED: Final = 5
RECENT_DAYS: Final = 7
# One lost call is an accident.
FEWEST_LOST: Final = 2
Measured = TypeVar("Measured")


def days_covered(data: CallData) -> tuple[date, date] | None:
    """The report's first and last day: those that were asked for or read, else those of its attempts; None without."""
    days = days_of(data.tally())
    first = data.first_day or (days[0].date() if len(days) else None)
    last = data.last_day or (days[-1].date() if len(days) else None)
    return (first, last) if first and last else None


def end_of(data: CallData) -> pd.Timestamp | None:
    """The end of what the data covers for certain (UTC): the last attempt or the start of the last day, if later."""
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
    compared = [
        _by_clocks(one, ZoneInfo(data.time_zone)) for one in compare_deployments(pandas_of(around), deployments)
    ]
    return tuple(one for one in compared if covered[0] <= one.deployment.at.date() <= covered[1])


def _by_clocks(one: Comparison, zone: ZoneInfo) -> Comparison:
    """The comparison, with its deployment's moment in the local time zone."""
    return replace(one, deployment=replace(one.deployment, at=one.deployment.at.astimezone(zone)))


def look_for_life(data: CallData) -> pd.DataFrame:
    """The signs of life of each phone in the report's time zone, and whether it is silent at the end."""
    life = life_by_phone(data.signs(), end_of(data))
    moments = ["last_at", "last_sign_at", "last_answered_at"]
    return life.assign(**{name: life[name].dt.tz_convert(data.time_zone) for name in moments})


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
        # The terminal gets the first sentences. A report that could be made is a success, whatever it says.
        said = " ".join([*self.emergencies[:1], *self.facts[:3]])
        return {"text/plain": repr(self), "text/html": self._repr_html_(), **result(0, said)}

    def __repr__(self) -> str:
        changes = ["What changed:", *self.changes] if self.changes else []
        emergencies = ["Emergency calls:", *self.emergencies, "All attempts:"] if self.emergencies else []
        return "\n".join([*emergencies, *self.facts, "Needs a person:", *(self.to_do or ("nothing",)), *changes])


def summarise_calls(
    data: CallData,
    comparisons: Sequence[Comparison],
    life: pd.DataFrame,
    delays: Sequence[Delay] = (),
    clients: Mapping[str, Client] = MappingProxyType({}),
) -> Summary:
    """The report in a few sentences, with its calls around deployments, its phones' signs of life, and the delays.

    Emergency calls come first, with the address and call-back number of `clients`, our phones by name.
    """
    tally, covered = data.tally(), days_covered(data)
    span = f" from {covered[0]} to {covered[1]}" if covered else ""
    if covered and covered[0] == covered[1]:
        span = f" on {covered[0]}"
    if tally.empty:
        filtered = (one for one in data.findings if one.treatment == AS_ASKED)
        why = ", ".join(f"{one.count:,} {one.what}: {one.treatment}" for one in filtered)
        return Summary((f"There is no attempt in {data.source}{span}{why and f' ({why})'}.",))
    return Summary(
        (*_facts(data.source, span, tally), *_delays(delays)),
        (*_changes(tally, comparisons), *_bad_days(tally, data.hours())),
        tuple(_to_do(tally, comparisons, life)),
        tuple(_emergencies(look_for_emergencies(data, clients), data.time_zone)),
    )


def look_for_emergencies(data: CallData, clients: Mapping[str, Client]) -> tuple[EmergencyCall, ...]:
    """The emergency calls of the report, newest first."""
    return tell_emergency_calls(data.gather(select_emergency_calls, pl.concat, emergency_calls.COLUMNS), clients)


def _emergencies(calls: Sequence[EmergencyCall], time_zone: str) -> Iterator[str]:
    zone = ZoneInfo(time_zone)
    real = [call for call in calls if not call.is_test]
    for call in real[:NAMED]:
        dialled = f"dialled {call.number}" if call.number else "dialled an emergency number, or nearly one"
        back = f"; call-back number {call.call_back}" if call.call_back else ""
        at = f"{call.at.astimezone(zone):%Y-%m-%d %H:%M:%S} {time_zone}"
        yield f"{call.phone or 'An unknown phone'} {dialled} on {at}: {call.ended}. {call.address}{back}."
    if len(real) > NAMED:
        first = f"{real[-1].at.astimezone(zone):%Y-%m-%d}"
        yield f"So did phones {count_words(len(real) - NAMED, 'more time')}, the first on {first}."
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
        yield f"{name.capitalize()} ({RATES[name].term}): {rate_of(tally, name)}."
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


def _delays(delays: Sequence[Delay]) -> Iterator[str]:
    # A rehearsal's calls happen at once: without any wait there is nothing to report.
    groups = [group for group in group_delays(delays) if group.median]
    for environment in dict.fromkeys(group.environment for group in groups):
        told = [
            f"{group.median:,} ms {'after a pause' if group.after_pause else 'otherwise'}"
            for group in reversed(groups)
            if group.environment == environment
        ]
        yield f"Delay before ringing in {environment}, median of a sample: {', '.join(told)}."


def _chief_loss(tally: pd.DataFrame) -> Iterator[str]:
    reasons = reasons_of_failure(tally)
    if len(reasons):
        first = reasons.iloc[0]
        lost = int(reasons["attempts"].sum())
        share = f", {first['share']:.0%} of them for one reason" if lost > 1 else ""
        code = f" ({first['reason']})" if first["reason"] else ""
        yield f"{count_words(lost, 'attempt')} lost{share}: {code_of(first['reason']).meaning}{code}."


def _changes(tally: pd.DataFrame, comparisons: Sequence[Comparison]) -> Iterator[str]:
    if pair := recent_and_before(tally, _delivered):
        recent, before = pair
        yield f"The last {RECENT_DAYS} days delivered {recent}, before that {before}: {change_between(before, recent)}."
    latest = {one.deployment.environment: one for one in comparisons}
    for environment, one in latest.items():
        others = sum(other.deployment.environment == environment for other in comparisons) - 1
        more = f", the latest of {others + 1}" if others else ""
        yield (
            f"Deployment to {one.deployment.label}{more}: delivered {one.after}, before that {one.before}: {one.words}."
        )


def _bad_days(tally: pd.DataFrame, hours: pd.DataFrame) -> Iterator[str]:
    bad = find_bad_days(tally, hours)
    for one in bad[:NAMED]:
        when = f", {one.in_hours:,} of them {one.words_of_hours}" if one.hours else ""
        at = f", nearly all at {one.client}" if one.client and tally["client"].nunique() > 1 else ""
        code = code_of(one.reason)
        named = f" ({one.reason})" if one.reason else ""
        yield (
            f"{one.day:%Y-%m-%d} stands out: {one.lost} of the judged attempts were lost{when}{at}; "
            f"on the other days {one.otherwise}. Chiefly: {code.meaning}{named}; {code.repair}."
        )
    if len(bad) > NAMED:
        yield f"So do {count_words(len(bad) - NAMED, 'more day')}; see the rates by day."


def recent_and_before(
    tally: pd.DataFrame, measure: Callable[[pd.DataFrame], Measured]
) -> tuple[Measured, Measured] | None:
    """A measure of the last days and of all days before; None if the report is too short."""
    days = days_of(tally)
    if len(days) < 2 * RECENT_DAYS:
        return None
    is_recent = tally["day"] > days[-1] - pd.Timedelta(days=RECENT_DAYS)
    return measure(tally[is_recent]), measure(tally[~is_recent])


def _delivered(tally: pd.DataFrame) -> Rate:
    return rate_of(tally, "delivered")


def _to_do(tally: pd.DataFrame, comparisons: Sequence[Comparison], life: pd.DataFrame) -> Iterator[str]:
    for one in comparisons:
        if one.change is RateChange.WORSE:
            yield (
                f"Since the deployment to {one.deployment.label} fewer calls are delivered: {one.words}. "
                "See what it changed; if that is why, promote with build = previous rolls it back."
            )
    yield from _weak_phones(tally)
    yield from _deaf_phones(tally)
    pair = recent_and_before(tally, _delivered)
    if pair and change_between(pair[1], pair[0]) is RateChange.WORSE:
        yield f"The delivered rate fell in the last {RECENT_DAYS} days: {pair[0]}, before that {pair[1]}."
    yield from _silent_phones(life)


def weak_phones(tally: pd.DataFrame) -> list[tuple[str, Rate]]:
    """The phones that deliver less than all others beyond chance, and their rates, the lowest first."""
    return sorted(_below_others(tally).items(), key=lambda item: item[1].value or 0)


def _weak_phones(tally: pd.DataFrame) -> Iterator[str]:
    weak = weak_phones(tally)
    for client, rate in weak[:NAMED]:
        yield f"{client} delivers less than the other phones: {rate}.{_chief_reason(tally, client)}"
    if len(weak) > NAMED:
        yield f"So do {len(weak) - NAMED} more; see the rates by phone."


def _below_others(tally: pd.DataFrame) -> dict[str, Rate]:
    whole = rate_of(tally, "delivered")
    return {client: rate for client, rate in _delivered_by_phone(tally).items() if _is_below_others(rate, whole)}


def _delivered_by_phone(tally: pd.DataFrame) -> dict[str, Rate]:
    by_phone = rates_by(tally[tally["client"] != ""], ["client"])
    return {str(client): Rate(int(row["delivered"]), int(row["judged"])) for client, row in by_phone.iterrows()}


def _deaf_phones(tally: pd.DataFrame) -> Iterator[str]:
    """Phones that lost every incoming call: few calls prove little, but somebody waits for this phone."""
    incoming = tally[tally["direction"] == "incoming"]
    told = _below_others(tally)
    deaf = {
        client: rate
        for client, rate in _delivered_by_phone(incoming).items()
        if not rate.numerator and rate.denominator >= FEWEST_LOST and client not in told
    }
    for client, rate in list(deaf.items())[:NAMED]:
        yield f"{client} lost every incoming call, {rate.denominator:,} of them.{_chief_reason(incoming, client)}"
    if len(deaf) > NAMED:
        yield f"So did {len(deaf) - NAMED} more; see the rates by phone."


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
