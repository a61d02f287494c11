"""The tables of a call report: outcomes, rates, deployments, losses, phones, attempts, cost and calls at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import MEANINGS, OUTCOMES, WAYS, code_of
from dialtone_nb.calls.attempts.schema import DIRECTIONS
from dialtone_nb.calls.figures.delays import NO_DELAY
from dialtone_nb.calls.figures.outcomes import NONE_LOST
from dialtone_nb.calls.figures.phones import NO_SIGN
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.measures.before_after import Comparison, Deployment
from dialtone_nb.calls.measures.concurrency import ALL, peak_of
from dialtone_nb.calls.measures.delays import COLD_AFTER, RUNNING_WITHIN, Delay, group_delays
from dialtone_nb.calls.measures.enough import FEW_FOR_HOURS, left_out, only_one, too_few, too_few_attempts
from dialtone_nb.calls.measures.rates import (
    FEW,
    RATES,
    STAGE_WORDS,
    Rate,
    cost_by,
    count_outcomes,
    funnel_of,
    in_periods,
    rates_by,
    reasons_of_failure,
)
from dialtone_nb.calls.twilio_source.call_limit import CallLimit
from dialtone_nb.report.report_table import Link, ReportTable
from dialtone_nb.values.sids import short_sid

NOUNS: Final = {"client": "phone"}
KEY_WORDS: Final = {
    "day": "day",
    "hour": "hour",
    "week": "week of",
    "client": "phone",
    "direction": "direction",
    "environment": "environment",
}
CONSOLE: Final = "https://console.twilio.com/us1/monitor/logs/calls"
# Lost is what delivered leaves, so its interval says nothing new.
WITH_INTERVAL = ("answered", "delivered")


def count_words(number: int, noun: str) -> str:
    """A count with its noun: "1 call", "2 calls"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def key_words(by: str, key: object) -> str:
    """A row's name: a day with its weekday, an hour, a phone; what is not known says so."""
    if isinstance(key, pd.Timestamp):
        return f"{key:%Y-%m-%d %a}"
    if by == "hour":
        return f"{key:02d}:00"
    return str(key) or f"unknown {KEY_WORDS[by]}"


def rate_words(rate: Rate) -> str | None:
    """A rate with its interval in per cent, marked where it is of few; None where there is nothing to divide by."""
    if rate.value is None:
        return None
    low, high = rate.interval
    return f"{rate.value:.1%} ({100 * low:.1f} – {100 * high:.1f}){', few' if rate.is_few else ''}"


def moment_words(at: object) -> str | None:
    """A time to the second; None where there is none."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if isinstance(at, pd.Timestamp) else None


def span_words(span: object) -> str | None:
    """How long something lasted, in days and hours, or hours and minutes; None where it is not known."""
    if not isinstance(span, pd.Timedelta):
        return None
    minutes = int(span.total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def tabulate_outcomes(tally: pd.DataFrame) -> ReportTable:
    """Every outcome that occurred: attempts, share of all attempts, and what it means."""
    counts = count_outcomes(tally).iloc[0] if len(tally) else pd.Series(0, index=list(OUTCOMES))
    total = int(counts.sum())
    rows = [
        (outcome.replace("_", " "), int(counts[outcome]), int(counts[outcome]) / total, MEANINGS[outcome])
        for outcome in OUTCOMES
        if counts[outcome]
    ]
    note = f"{total:,} attempts in all{_ways_words(tally)}."
    columns = ("outcome", "attempts", "share of attempts", "meaning")
    return ReportTable.of(columns, rows, note, empty="There is no attempt.")


def _ways_words(tally: pd.DataFrame) -> str:
    """How many attempts took another way than usual, whatever their outcome: ", of which 2 rang-on (…)"."""
    counts = tally.groupby("reason")["attempts"].sum()
    told = [f"{int(counts[way]):,} {way} ({code.meaning})" for way, code in WAYS.items() if counts.get(way)]
    return f", of which {'; '.join(told)}" if told else ""


def tabulate_funnels(tally: pd.DataFrame) -> ReportTable:
    """How far the attempts of each direction came: each stage, its attempts, and their share of the stage before.

    A direction without attempts has no rows.
    """
    rows: list[tuple[str, str, int, float | None, str]] = []
    for direction in DIRECTIONS:
        before = 0
        stages = funnel_of(tally, direction)
        for stage, count in stages.items() if stages["attempts"] else ():
            share = count / before if before else None
            rows.append((direction, stage, count, share, STAGE_WORDS[stage]))
            before = count
    columns = ("direction", "stage", "attempts", "share of the stage before", "meaning")
    few = left_out("how far attempts got", too_few_attempts(tally))
    return ReportTable.of(columns, rows, left_out=few)


def tabulate_rates(tally: pd.DataFrame, by: str, partial_day: date | None = None) -> ReportTable:
    """The rates by "day", "week" (its Monday), "hour", "client", "direction" or "environment", with their intervals.

    `partial_day` is a day that was not over when the calls were read: a note marks it, and the week that it is in.
    """
    table = rates_by(in_periods(tally, by), ["day"]) if by == "week" else rates_by(tally, [by])
    if by == "direction":
        table = table.reindex(list(DIRECTIONS))
    elif by == "client":
        table = table.sort_values("attempts", ascending=False, kind="stable")
    columns = [KEY_WORDS[by], "attempts", "judged"]
    for name in RATES:
        columns += [name, f"{name} rate (95 % interval)" if name in WITH_INTERVAL else f"{name} rate"]
    values = table.fillna(0).to_dict("records")
    rows = [_row(key_words(by, key), of_key) for key, of_key in zip(table.index, values, strict=True)]
    note = "Answered is the ASR, delivered is close to the NER. A dash means that there is nothing to divide by."
    if partial_day and by in ("day", "week"):
        note += f" {partial_day:%Y-%m-%d %a} was not over when the calls were read: the last row is not complete."
    few = left_out(f"rates by {NOUNS.get(by, by)}", _too_few_for_rates(tally, by), only_one(tally, by))
    return ReportTable.of(columns, rows, note, left_out=few)


def _too_few_for_rates(tally: pd.DataFrame, by: str) -> str:
    return too_few_attempts(tally, FEW_FOR_HOURS if by == "hour" else FEW)


def _row(key: str, values: Mapping[Hashable, float]) -> list[str | int | float | None]:
    judged = int(values["judged"])
    row: list[str | int | float | None] = [key, int(values["attempts"]), judged]
    for name in RATES:
        rate = Rate(int(values[name]), judged)
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
    # Each moment comes in the time zone that it is shown in.
    zones = {str(one.deployment.at.tzinfo) for one in comparisons}
    columns = (
        "environment",
        f"deployed at ({' '.join(zones) or 'UTC'})",
        "build",
        "delivered before",
        "delivered after",
        "change",
    )
    return ReportTable.of(columns, rows, empty="Nothing was deployed on these days.")


def tabulate_delays(delays: Sequence[Delay], deployments: Sequence[Deployment]) -> ReportTable:
    """How long callers heard nothing before it rang, by environment, and before and after each deployment."""
    rows = [
        (
            group.environment,
            group.when,
            "after a pause" if group.after_pause else "soon after another",
            len(group.delays),
            f"{group.median:,} ms",
            f"{min(group.delays):,} – {max(group.delays):,} ms",
        )
        for group in group_delays(delays, deployments)
    ]
    columns = ("environment", "when", "calls", "sampled", "median delay", "shortest – longest")
    minutes = [int(span.total_seconds()) // 60 for span in (COLD_AFTER, RUNNING_WITHIN)]
    note = (
        f"After a pause: of at least {minutes[0]} minutes; soon after another: less than {minutes[1]} minutes after it."
    )
    return ReportTable.of(columns, rows, note, empty=NO_DELAY)


def tabulate_reasons(tally: pd.DataFrame) -> ReportTable:
    """Why attempts were lost: attempts, share of all lost attempts, running share, and what to do."""
    rows = [
        (
            row["outcome"].replace("_", " "),
            row["reason"] or "–",
            code_of(row["reason"]).meaning,
            int(row["attempts"]),
            float(row["share"]),
            float(row["running_share"]),
            code_of(row["reason"]).repair,
        )
        for _, row in reasons_of_failure(tally).iterrows()
    ]
    columns = ("outcome", "code", "meaning", "attempts", "share of lost", "running share", "repair")
    return ReportTable.of(columns, rows, empty=NONE_LOST)


def tabulate_refusals(tally: pd.DataFrame) -> ReportTable:
    """What our own dial plan refused, by its reason."""
    refused = tally[tally["outcome"] == "refused"].groupby("reason")["attempts"].sum().sort_values(ascending=False)
    rows = [(str(reason) or "–", int(count)) for reason, count in refused.items()]
    line = f"Our own dial plan refused {count_words(rows[0][1], 'attempt')}: {rows[0][0]}." if len(rows) == 1 else ""
    return ReportTable.of(("reason", "attempts"), rows, empty="Our own dial plan refused no attempt.", line=line)


def tabulate_signs_of_life(life: pd.DataFrame) -> ReportTable:
    """Every phone: its attempts, last attempt, last sign of life and last answer, its habit, and its state."""
    rows = [
        (
            str(client),
            int(row["attempts"]),
            *(moment_words(row[name]) for name in ("last_at", "last_sign_at", "last_answered_at")),
            span_words(row["quiet"]),
            None if row["is_few"] else span_words(row["longest_quiet"]),
            "too few to judge" if row["is_few"] else "silent" if row["is_silent"] else "as usual",
        )
        for client, row in life.iterrows()
    ]
    columns = ("last attempt", "last sign of life", "last answered", "quiet for", "longest quiet before", "state")
    few = left_out("signs of life", too_few(int(life["attempts"].sum())))
    note = f"Times are those of {life['last_sign_at'].dt.tz}."
    return ReportTable.of(("phone", "attempts", *columns), rows, note, empty=NO_SIGN, left_out=few)


def tabulate_attempts(data: CallData, most: int = 20, *, is_real: bool = False) -> ReportTable:
    """The latest attempts, newest first; a call of a real account leads to Twilio's console."""
    latest = data.latest(most).iloc[::-1]
    latest = latest.assign(started_at=latest["started_at"].dt.tz_convert(data.time_zone))
    all_of_them = int(data.tally()["attempts"].sum())
    rows: list[list[str | int | None]] = [
        [
            moment_words(row["started_at"]),
            *(_known(row[name]) for name in ("environment", "client", "direction", "other_party")),
            str(row["outcome"]).replace("_", " "),
            _known(row["reason"]),
            None if pd.isna(row["duration_s"]) else int(row["duration_s"]),
            _call_cell(_known(row["call_sid"]), is_real),
        ]
        for row in latest.to_dict("records")
    ]
    told = ("environment", "phone", "direction", "other party", "outcome", "reason", "seconds", "call SID")
    columns = (f"started ({data.time_zone})", *told)
    note = f"The latest {len(latest)} of {all_of_them:,} attempts." if all_of_them > most else ""
    return ReportTable.of(columns, rows, note, empty="There is no attempt.")


def _call_cell(call_sid: str | None, is_real: bool) -> str | None:
    return Link(call_sid, f"{CONSOLE}/{call_sid}") if call_sid and is_real else call_sid


def _known(value: object) -> str | None:
    return value if isinstance(value, str) else None


def tabulate_cost(tally: pd.DataFrame, by: str = "client") -> ReportTable:
    """What each phone's or day's attempts cost, as far as prices have settled, and all together, currency by currency.

    Phones come most expensive first, days in their order. What few attempts cost, or those of one phone, is a sentence.
    """
    costs = cost_by(tally, by)
    costs = costs.sort_values("day", ignore_index=True) if by == "day" else costs
    rows = [_cost_row(key_words(by, row[by]), row) for row in costs.to_dict("records")]
    whole = cost_by(tally.assign(client=ALL), "client").to_dict("records")
    rows += [_cost_row(f"all {KEY_WORDS[by]}s", row) for row in whole] if len(rows) > 1 else []
    open_ones = int(tally["attempts"].sum() - tally["priced"].sum())
    note = f"{count_words(open_ones, 'attempt')} without a settled price: not in this table." if open_ones else ""
    columns = (KEY_WORDS[by], "attempts with a price", "cost", "cost an attempt")
    is_line = by == "client" and len(whole) == 1 and (len(rows) == 1 or too_few_attempts(tally))
    line = " ".join(filter(None, [_cost_line(whole[0]), note])) if is_line else ""
    few = left_out("cost by day", too_few_attempts(tally), only_one(tally, "day")) if by == "day" else None
    return ReportTable.of(columns, rows, note, empty="No attempt has a settled price.", line=line, left_out=few)


def _cost_line(row: dict[Any, Any]) -> str:
    _, priced, cost, each = _cost_row("", row)
    return f"{cost} for {count_words(priced, 'attempt')} with a settled price, {each} an attempt."


def _cost_row(name: str, row: dict[Any, Any]) -> tuple[str, int, str, str]:
    each = row["price"] / row["priced"]
    return (
        name,
        int(row["priced"]),
        f"{row['price']:.2f} {row['currency']}".rstrip(),
        f"{each:.4f} {row['currency']}".rstrip(),
    )


def tabulate_concurrency(data: CallData, limit: CallLimit | None = None) -> ReportTable:
    """The most answered calls that went on at once, of each direction and of all, beside the account's limit."""
    heads = ("direction", "most at once", f"first at ({data.time_zone})")
    overlaps = data.overlaps()
    note = _limit_note(limit, peak_of(overlaps)[0]) if limit else ""
    most, _ = peak_of(overlaps)
    told = "No answered call has a known duration." if not most else "There was never more than one answered call."
    line = " ".join(filter(None, [told, note])) if most <= 1 else ""
    return ReportTable.of(heads, list(_peaks(overlaps, data.time_zone)), note, line=line)


def _limit_note(limit: CallLimit, most: int) -> str:
    """Twilio's limit, and whether it was met; it does not say whether a call that talks counts with both its legs."""
    told = f"Twilio's limit for this account: {limit.rule}."
    refused = "more are refused with 10004"
    if most >= limit.calls:
        return f"{told} So many went on at once: {refused}, which is in the table of reasons."
    if 2 * most >= limit.calls:
        return f"{told} Each has two legs, and Twilio may count both: {refused}."
    return told


def _peaks(overlaps: pd.DataFrame, time_zone: str) -> Iterator[tuple[str, int, str | None]]:
    for direction in (ALL, *DIRECTIONS):
        most, at = peak_of(overlaps, direction)
        yield direction, most, moment_words(at.tz_convert(time_zone) if at is not None else None)
