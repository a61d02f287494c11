"""What a call report says: its tables, and its summary in words, from a `CallData` and its tally."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import pandas as pd

from dialtone_nb.calls.codes import code_of
from dialtone_nb.calls.events import RULES
from dialtone_nb.calls.frame import DIRECTIONS
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.metrics import (
    JUDGED_WORDS,
    RATES,
    Rate,
    cost_by,
    count_outcomes,
    days_of,
    in_periods,
    peak_of,
    rate_of,
    rates_by,
    reasons_of_failure,
    signs_of_life,
)
from dialtone_nb.calls.outcomes import MEANINGS, OUTCOMES
from dialtone_nb.display.outputs import result
from dialtone_nb.report.tables import Table

# A phone this long without an attempt, at the end of the log, is named in the summary.
SILENT = pd.Timedelta(days=14)
# A summary names no more phones than this in one sentence.
NAMED = 5
RECENT_DAYS = 7

# Lost is what delivered leaves, so its interval says nothing new.
WITH_INTERVAL = ("answered", "delivered")
KEY_WORDS = {"day": "day", "week": "week of", "client": "phone", "direction": "direction", "environment": "environment"}


@dataclass(frozen=True, slots=True)
class Summary:
    """Sentences for somebody who reads nothing else; those that need a person come under their own head."""

    facts: tuple[str, ...]
    to_do: tuple[str, ...]

    def _repr_html_(self) -> str:
        needs = _list(self.to_do) if self.to_do else "<p>Nothing needs a person.</p>"
        return (
            f'<div class="dialtone-summary">{_list(self.facts)}\n<p><strong>Needs a person</strong></p>\n{needs}</div>'
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        # Whoever runs the report hears its first sentences; a report that could be made is a good one.
        said = " ".join(self.facts[:3])
        return {"text/plain": repr(self), "text/html": self._repr_html_(), **result(0, said)}

    def __repr__(self) -> str:
        return "\n".join([*self.facts, "Needs a person:", *(self.to_do or ("nothing",))])


def _list(sentences: tuple[str, ...]) -> str:
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def summarise_calls(data: CallData, tally: pd.DataFrame) -> Summary:
    """The report in a few sentences."""
    if tally.empty:
        return Summary((f"There is no attempt in {data.source}{_span(data, tally)}.",), ())
    return Summary(tuple(_facts(data, tally)), tuple(_to_do(data, tally)))


def _facts(data: CallData, tally: pd.DataFrame) -> Iterator[str]:
    directions = tally.groupby("direction")["attempts"].sum().reindex(DIRECTIONS, fill_value=0)
    phones = tally.loc[tally["client"] != "", "client"].nunique()
    attempts = int(tally["attempts"].sum())
    counted = " and ".join(f"{count:,} {way}" if count else f"no {way}" for way, count in directions.items())
    yield f"{_count(attempts, 'attempt')} of {_count(phones, 'phone')}{_span(data, tally)}: {counted} ({data.source})."
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
    reasons = reasons_of_failure(tally)
    if len(reasons):
        first = reasons.iloc[0]
        lost = int(reasons["attempts"].sum())
        share = f", {first['share']:.0%} of them for one reason" if lost > 1 else ""
        code = f" ({first['reason']})" if first["reason"] else ""
        yield f"{_count(lost, 'attempt')} lost{share}: {code_of(first['reason']).meaning}{code}."


def _to_do(data: CallData, tally: pd.DataFrame) -> Iterator[str]:
    by_phone = rates_by(tally[tally["client"] != ""], ["client"])
    whole = rate_of(tally, "delivered")
    weak = [
        (str(client), Rate(int(row["delivered"]), int(row["judged"])))
        for client, row in by_phone.iterrows()
        if not Rate(int(row["delivered"]), int(row["judged"])).is_few
        and _is_below(
            Rate(int(row["delivered"]), int(row["judged"])),
            Rate(whole.numerator - int(row["delivered"]), whole.denominator - int(row["judged"])),
        )
    ]
    weak.sort(key=lambda item: item[1].value or 0)
    for client, rate in weak[:NAMED]:
        yield f"{client} delivers less than the other phones: {rate}.{_chief_reason(tally, client)}"
    if len(weak) > NAMED:
        yield f"So do {len(weak) - NAMED} more; see the rates by phone."
    yield from _recent_change(tally)
    yield from _silent_phones(data, tally)


def _is_below(rate: Rate, other: Rate) -> bool:
    """Whether a rate is lower than another beyond chance: their intervals do not touch."""
    return not other.is_few and rate.interval[1] < other.interval[0]


def _chief_reason(tally: pd.DataFrame, client: str) -> str:
    reasons = reasons_of_failure(tally[tally["client"] == client])
    if reasons.empty:
        return ""
    code = code_of(reasons.iloc[0]["reason"])
    return f" Chiefly: {code.meaning}; {code.repair}."


def _recent_change(tally: pd.DataFrame) -> Iterator[str]:
    days = days_of(tally)
    if len(days) < 2 * RECENT_DAYS:
        return
    is_recent = tally["day"] > days[-1] - pd.Timedelta(days=RECENT_DAYS)
    recent, before = rate_of(tally[is_recent], "delivered"), rate_of(tally[~is_recent], "delivered")
    if _is_below(recent, before) and not recent.is_few:
        yield f"The delivered rate fell in the last {RECENT_DAYS} days: {recent}, before that {before}."


def _silent_phones(data: CallData, tally: pd.DataFrame) -> Iterator[str]:
    life = signs_of_life(tally)
    if life.empty:
        return
    end = pd.Timestamp(data.last_day, tz="UTC") + pd.Timedelta(days=1) if data.last_day else life["last_at"].max()
    silent = life[(end - life["last_at"] > SILENT) & (life["attempts"] >= 10)]
    if len(silent):
        names = ", ".join(f"{client} since {at:%Y-%m-%d}" for client, at in silent["last_at"].iloc[:NAMED].items())
        more = f" and {len(silent) - NAMED} more" if len(silent) > NAMED else ""
        yield f"Silent for more than {SILENT.days} days: {names}{more}. Switched off on purpose, or broken?"


def _span(data: CallData, tally: pd.DataFrame) -> str:
    days = days_of(tally)
    first = data.first_day or (days[0].date() if len(days) else None)
    last = data.last_day or (days[-1].date() if len(days) else None)
    if not first or not last:
        return ""
    return f" on {first}" if first == last else f" from {first} to {last}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def tabulate_outcomes(tally: pd.DataFrame) -> Table:
    """Every outcome that occurred: attempts, share of all attempts, and what it means."""
    counts = count_outcomes(tally).iloc[0] if len(tally) else pd.Series(0, index=list(OUTCOMES))
    total = int(counts.sum())
    rows = [
        (outcome.replace("_", " "), int(counts[outcome]), int(counts[outcome]) / total, MEANINGS[outcome])
        for outcome in OUTCOMES
        if counts[outcome]
    ]
    return Table.of(("outcome", "attempts", "share of attempts", "meaning"), rows, f"{total:,} attempts in all.")


def tabulate_rates(tally: pd.DataFrame, by: str) -> Table:
    """The rates by "day", "week" (its Monday), "client", "direction" or "environment", counts and intervals too."""
    table = rates_by(in_periods(tally, by), ["day"]) if by == "week" else rates_by(tally, [by])
    if by == "direction":
        table = table.reindex(list(DIRECTIONS))
    elif by == "client":
        table = table.sort_values("attempts", ascending=False, kind="stable")
    columns = [KEY_WORDS[by], "attempts", "judged"]
    for name in RATES:
        columns += [name, f"{name} rate (95 % interval)" if name in WITH_INTERVAL else f"{name} rate"]
    rows = [_rates_row(_key_text(by, key), values) for key, values in table.iterrows()]
    return Table.of(columns, rows, "A dash stands where there is nothing to divide by.")


def _rates_row(key: str, values: pd.Series[float]) -> list[str | int | float | None]:
    judged = 0 if pd.isna(values["judged"]) else int(values["judged"])
    row: list[str | int | float | None] = [key, 0 if pd.isna(values["attempts"]) else int(values["attempts"]), judged]
    for name in RATES:
        rate = Rate(int(values[name]) if judged else 0, judged)
        row += [rate.numerator, _rate_text(rate) if name in WITH_INTERVAL else rate.value]
    return row


def _rate_text(rate: Rate) -> str | None:
    if rate.value is None:
        return None
    low, high = rate.interval
    return f"{rate.value:.1%} ({100 * low:.1f} – {100 * high:.1f}){', few' if rate.is_few else ''}"


def _key_text(by: str, key: object) -> str:
    if isinstance(key, pd.Timestamp):
        return f"{key:%Y-%m-%d %a}"
    return str(key) or f"unknown {KEY_WORDS[by]}"


def tabulate_reasons(tally: pd.DataFrame) -> Table:
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
    return Table.of(("outcome", "code", "meaning", "attempts", "share of lost", "running share", "repair"), rows)


def tabulate_refusals(tally: pd.DataFrame) -> Table:
    """What our own dial plan refused, by its reason."""
    refused = tally[tally["outcome"] == "refused"].groupby("reason")["attempts"].sum().sort_values(ascending=False)
    return Table.of(("reason", "attempts"), [(str(reason) or "–", int(count)) for reason, count in refused.items()])


def tabulate_cost(tally: pd.DataFrame) -> Table:
    """What each phone's attempts cost, as far as prices have settled."""
    rows = [
        (
            str(row["client"]) or "unknown phone",
            int(row["priced"]),
            f"{row['price']:.2f} {row['currency']}".rstrip(),
            f"{row['price'] / row['priced']:.4f} {row['currency']}".rstrip(),
        )
        for row in cost_by(tally, "client").to_dict("records")
    ]
    open_ones = int(tally["attempts"].sum() - tally["priced"].sum())
    note = f"{_count(open_ones, 'attempt')} without a settled price: not in this table." if open_ones else ""
    return Table.of(("phone", "attempts with a price", "cost", "cost an attempt"), rows, note)


def tabulate_concurrency(data: CallData) -> Table:
    """The most answered calls that went on at once, of each direction and of all, and when first so many did."""
    parts = [(way, data.frame[data.frame["direction"] == way]) for way in DIRECTIONS]
    rows = [(name, *_peak(frame)) for name, frame in [("all", data.frame), *parts]]
    return Table.of(("direction", "most at once", "first at (UTC)"), rows)


def _peak(frame: pd.DataFrame) -> tuple[int, str | None]:
    peak, at = peak_of(frame)
    return peak, _moment(at)


def tabulate_signs_of_life(tally: pd.DataFrame) -> Table:
    """Every phone: its last attempt, its last answered one (UTC), and its attempts."""
    rows = [
        (str(client), _moment(row["last_at"]), _moment(row["last_answered_at"]), int(row["attempts"]))
        for client, row in signs_of_life(tally).iterrows()
    ]
    return Table.of(("phone", "last attempt", "last answered", "attempts"), rows, "Times are UTC.")


def tabulate_attempts(frame: pd.DataFrame, most: int = 20) -> Table:
    """The latest attempts, newest first."""
    latest = frame.iloc[::-1].head(most)
    rows: list[list[str | int | None]] = [
        [
            _moment(row["started_at"]),
            *(_known(row[name]) for name in ("environment", "client", "direction", "other_party")),
            str(row["outcome"]).replace("_", " "),
            _known(row["reason"]),
            None if pd.isna(row["duration_s"]) else int(row["duration_s"]),
        ]
        for row in latest.to_dict("records")
    ]
    columns = ("started (UTC)", "environment", "phone", "direction", "other party", "outcome", "reason", "seconds")
    note = f"The latest {len(latest)} of {len(frame):,} attempts." if len(frame) > most else ""
    return Table.of(columns, rows, note)


def tabulate_definitions() -> Table:
    """Every rate: its words, numerator and denominator."""
    rows = [(rate.name, rate.words, _outcomes(rate.numerator), _outcomes(rate.denominator)) for rate in RATES.values()]
    return Table.of(("rate", "in words", "numerator", "denominator"), rows, f"Judged attempts: {JUDGED_WORDS}.")


def tabulate_rules() -> Table:
    """What an attempt is in a log of call events, rule by rule."""
    return Table.of(("", "in a log of call events"), [(str(number), rule) for number, rule in enumerate(RULES, 1)])


def tabulate_findings(data: CallData) -> Table:
    """What was odd in the data, how often, and what was done with it."""
    rows = [(finding.what, finding.count, finding.treatment, finding.example) for finding in data.findings]
    return Table.of(("what", "count", "treatment", "example"), rows)


def _outcomes(names: tuple[str, ...]) -> str:
    return " + ".join(name.replace("_", " ") for name in names)


def _moment(at: object) -> str | None:
    return f"{at:%Y-%m-%d %H:%M:%S}" if isinstance(at, pd.Timestamp) else None


def _known(value: object) -> str | None:
    return value if isinstance(value, str) else None
