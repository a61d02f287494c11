"""A simulated year of eight phones with planted faults, watched by the default rules and by fixed thresholds.

A seed decides the faults, their times, and the calls: people call by hour of the day and day of the week, more on some
days than on others, dial again after a failure, and do not call on holidays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from dialtone_nb.alarms.book import Alarm, Book, look_up
from dialtone_nb.alarms.judge import HOUR_S, ON_CALLS, CallLog, Finding, judge_calls
from dialtone_nb.alarms.rules import FILE, Rule, Rules
from dialtone_nb.calls.attempts.schema import make_frame
from dialtone_nb.parameters.yaml_files import YamlFile
from tests.faults.tables import as_table

SAMPLE: Final = Path(__file__).parents[2] / "parameters" / "sample"
ZONE: Final = ZoneInfo("America/Los_Angeles")
START: Final = datetime(2026, 1, 1, 8, tzinfo=UTC)
DAYS: Final = 365
# Before the first fault there is something to compare with.
QUIET_START: Final = 45
# Calls a day of each phone, incoming and outgoing together.
PHONES: Final = {
    "lobby": 14.0, "library": 9.0, "clinic": 7.0, "makerspace": 5.0,
    "ferry": 3.5, "garden": 1.5, "workshop": 4.0, "chapel": 0.8,
}  # fmt: skip
ENVIRONMENTS: Final = dict.fromkeys(PHONES, "prod")
BY_HOUR: Final = np.array([1, 0, 0, 0, 0, 1, 3, 6, 9, 10, 10, 10, 9, 9, 10, 10, 10, 9, 8, 7, 6, 5, 3, 2], float)
WEEKEND: Final = 0.6
HOLIDAYS: Final = {1, 2, 19, 46, *range(89, 98), 145, 185, 250, 330, 331, 332, *range(357, 365)}
ON_A_HOLIDAY: Final = 0.25
# What people here call abroad now and then.
MEXICO: Final = 0.04
ONE_OFF_ABROAD: Final = 4
OUTGOING: Final = 0.65
REGULARS: Final = 0.6
AREAS: Final = ("503", "971", "360", "206")
# How calls end on any day, in hundredths and added up: those that come in, and those that go out.
_USUAL: Final = [("answered", ""), ("no_answer", ""), ("busy", ""), ("canceled", "")]
ENDINGS: Final = (
    ([*_USUAL, ("unregistered", "32009"), ("unreachable", "32011")], np.array([70, 85, 90, 95, 98, 100])),
    ([*_USUAL, ("failed", "13224"), ("failed", "32016")], np.array([70, 85, 90, 95, 98, 100])),
)
EVERY_H: Final = 2
HISTORY: Final = timedelta(days=60)
# The years of `make faults`; their rules were written before these were tried.
NEW_REASONS: Final = ("32017", "13247")
MOST_MISSED: Final = 0.05
SEEDS: Final = (21, 22, 23)


@dataclass(frozen=True)
class Fault:
    """A fault from a certain day on, in one phone or in all."""

    kind: str
    day: float
    days: float
    phone: str = ""

    @property
    def hours(self) -> tuple[float, float]:
        """When it begins and ends, in hours of the year."""
        return self.day * 24, (self.day + self.days) * 24


# Which rules notice a fault for what it is.
NOTICED_BY: Final[Mapping[str, frozenset[str]]] = {
    "dead phone": frozenset({"silence", "loss", "reason"}),
    "outage": frozenset({"loss", "reason"}),
    "bad deploy": frozenset({"loss", "reason"}),
    "fraud in a night": frozenset({"burst", "country"}),
    "slow fraud": frozenset({"burst", "country"}),
    "slow decay": frozenset({"loss", "reason"}),
    "new reason": frozenset({"loss", "reason"}),
}


def plant(chance: np.random.Generator) -> list[Fault]:
    """The faults of a year, one after another, with days without a fault between them."""
    busy = [name for name, calls in PHONES.items() if calls > 1]
    wanted = [Fault("dead phone", 0, 14, str(name)) for name in chance.permutation(busy)[:5]]
    wanted += [Fault("outage", 0, 0.4), Fault("outage", 0, 0.8), Fault("bad deploy", 0, 3), Fault("bad deploy", 0, 3)]
    wanted += [Fault("fraud in a night", 0, 0.3, str(name)) for name in chance.choice(list(PHONES), 2)]
    wanted += [Fault("slow fraud", 0, 2, str(name)) for name in chance.choice(list(PHONES), 2)]
    wanted += [
        Fault("slow decay", 0, 30, str(chance.choice(busy[:4]))),
        Fault("new reason", 0, 4),
        Fault("new reason", 0, 4),
    ]
    order = chance.permutation(len(wanted))
    spare = DAYS - QUIET_START - sum(one.days for one in wanted)
    gaps = chance.dirichlet(np.full(len(wanted), 4.0)) * spare
    day = float(QUIET_START)
    planted = []
    for index, gap in zip(order, gaps, strict=True):
        fault = wanted[index]
        begin = day + gap
        if fault.kind in ("outage", "bad deploy"):
            begin = np.floor(begin) + 10 / 24  # people change things in working hours
        if fault.kind == "fraud in a night":
            begin = np.floor(begin) + 1 / 24
        planted.append(replace(fault, day=float(begin)))
        day = begin + fault.days
    return planted


def simulate(seed: int) -> tuple[pd.DataFrame, list[Fault]]:
    """A year's attempts and its planted faults, equal for equal seeds."""
    chance = np.random.default_rng(seed)
    faults = plant(chance)
    rows = [row for name, calls in PHONES.items() for row in _calls_of(chance, name, calls)]
    rows += [_one_off(chance) for _ in range(ONE_OFF_ABROAD)]
    rows = [changed for row in rows if (changed := _suffer(chance, row, faults)) is not None]
    rows += [row for fault in faults if "fraud" in fault.kind for row in _fraud(chance, fault)]
    rows += [row for one in rows for row in _again(chance, one)]
    frame = make_frame(
        {
            "started_at": [START + timedelta(hours=row["hour"]) for row in rows],
            "client": [row["client"] for row in rows],
            "environment": ["prod"] * len(rows),
            "direction": [row["direction"] for row in rows],
            "other_party": [row["party"] for row in rows],
            "outcome": [row["outcome"] for row in rows],
            "reason": [row["reason"] for row in rows],
            "price": [0.02] * len(rows),
            "currency": ["USD"] * len(rows),
            "call_sid": [f"CA{number:032x}" for number in range(len(rows))],
        }
    )
    return frame, faults


Row = dict[str, Any]


def _calls_of(chance: np.random.Generator, name: str, calls: float) -> Iterator[Row]:
    regulars = [_number(chance) for _ in range(12)]
    for day in range(DAYS):
        mood = chance.gamma(4.0, 0.25) * (WEEKEND if (day + 3) % 7 >= 5 else 1.0)
        mood *= ON_A_HOLIDAY if day in HOLIDAYS else 1.0
        for hour in chance.choice(24, chance.poisson(calls * mood), p=BY_HOUR / BY_HOUR.sum()):
            outgoing = chance.random() < OUTGOING
            party = regulars[chance.integers(12)] if chance.random() < REGULARS else _number(chance)
            if outgoing and chance.random() < MEXICO:
                party = f"+5255{chance.integers(10**7, 10**8)}"
            ends, upto = ENDINGS[outgoing]
            outcome, reason = ends[int(np.searchsorted(upto, chance.random() * upto[-1], "right"))]
            yield {
                "hour": day * 24 + hour + chance.random(), "client": name,
                "direction": "outgoing" if outgoing else "incoming",
                "party": party, "outcome": outcome, "reason": reason,
            }  # fmt: skip


def _number(chance: np.random.Generator) -> str:
    return f"+1{AREAS[chance.integers(len(AREAS))]}555{chance.integers(0, 10_000):04}"


def _one_off(chance: np.random.Generator) -> Row:
    """A single legitimate call to a country that is otherwise never called."""
    country = chance.choice(["+4930", "+3314", "+8135", "+6129", "+4420"])
    party = f"{country}{chance.integers(10**6, 10**7)}"
    name = str(chance.choice(list(PHONES)))
    hour = float(chance.integers(0, DAYS * 24))
    row = {"hour": hour, "client": name, "direction": "outgoing"}
    return row | {"party": party, "outcome": "answered", "reason": ""}


def _suffer(chance: np.random.Generator, row: Row, faults: Iterable[Fault]) -> Row | None:
    """A call's outcome during a fault; None if it can't be placed."""
    for fault in faults:
        begin, end = fault.hours
        if not begin <= row["hour"] < end or fault.phone not in ("", row["client"]):
            continue
        outgoing = row["direction"] == "outgoing"
        match fault.kind:
            case "dead phone":
                return None if outgoing else row | {"outcome": "unregistered", "reason": "32009"}
            case "outage":
                return row | {"outcome": "failed", "reason": "11200"}
            case "bad deploy" if outgoing and chance.random() < 0.5:
                return row | {"outcome": "failed", "reason": "13223"}
            case "new reason" if outgoing and chance.random() < 0.25:
                return row | {"outcome": "failed", "reason": NEW_REASONS[int(begin) % 2]}
            case "slow decay" if not outgoing and chance.random() < 0.8 * (row["hour"] - begin) / (end - begin):
                return row | {"outcome": "unreachable", "reason": "32011"}
    return row


def _fraud(chance: np.random.Generator, fault: Fault) -> Iterator[Row]:
    begin, end = fault.hours
    each_hour = 40 if fault.kind == "fraud in a night" else 4
    prefix = str(chance.choice(["+5355", "+37167", "+25261", "+96650"]))
    for _ in range(chance.poisson(each_hour * (end - begin))):
        party = f"{prefix}{chance.integers(10**5, 10**6)}"
        outcome = str(chance.choice(["answered", "blocked"], p=[0.7, 0.3]))
        reason = "" if outcome == "answered" else "32203"
        yield {
            "hour": begin + chance.random() * (end - begin), "client": fault.phone, "direction": "outgoing",
            "party": party, "outcome": outcome, "reason": reason,
        }  # fmt: skip


def _again(chance: np.random.Generator, row: Row) -> Iterator[Row]:
    """After a failed call people dial again at once, and once more."""
    hour = row["hour"]
    while row["outcome"] != "answered" and chance.random() < 0.5:
        hour += chance.exponential(0.1)
        yield row | {"hour": hour}


@dataclass(frozen=True)
class Raised:
    """An alarm: kind of rule, subject, and hour of the year."""

    watches: str
    subject: str
    hour: float


def default_rules() -> Rules:
    """The rules that are used without a watch.yaml."""
    rules: Rules = YamlFile(SAMPLE / FILE).parse(Rules)
    return rules


def watch_year(
    frame: pd.DataFrame, rules: Rules, *, days: Sequence[int] = range(QUIET_START, DAYS), every: int = EVERY_H
) -> list[Raised]:
    """The alarms of the rules on calls in a year, checked every two hours."""
    log = CallLog.of(frame, ENVIRONMENTS)
    return _raised(rules, lambda now: judge_calls(rules.rules, log, now, HISTORY, ZONE), days, every)


def _raised(
    rules: Rules, find: Callable[[datetime], Mapping[str, list[Finding]]], days: Sequence[int], every: int
) -> list[Raised]:
    book, begun = Book(START, START), dict[str, Alarm]()
    for hour in range(days[0] * 24, (days[-1] + 1) * 24, every):
        now = START + timedelta(hours=hour)
        book = replace(look_up(book, rules, find(now), now, lambda rule, finding: ""), waiting=())
        begun |= {one.id: one for one in book.going_on}
    return [
        Raised(rules.rules[one.rule].watches, one.subject, (one.since - START) / timedelta(hours=1))
        for one in begun.values()
    ]


def watch_by_thresholds(
    frame: pd.DataFrame, *, days: Sequence[int] = range(QUIET_START, DAYS), every: int = EVERY_H
) -> list[Raised]:
    """The same year with typical fixed thresholds: two silent days, a fifth lost, 20 calls an hour."""
    log = CallLog.of(frame, ENVIRONMENTS)
    rule = {kind: Rule(watches=kind) for kind in ("silence", "loss", "reason", "burst", "country")}

    def find(now: datetime) -> dict[str, list[Finding]]:
        until = now.timestamp()
        day, hour = log.between(until - 24 * HOUR_S, until), log.between(until - HOUR_S, until)
        two = log.between(until - 48 * HOUR_S, until)
        found: dict[str, list[Finding]] = {kind: [] for kind in rule}

        def tell(kind: str, subject: str) -> None:
            found[kind].append(Finding(kind, subject, "", ""))

        for code, name in enumerate(log.phones):
            if not (two.alive & (two.phone == code)).any():
                tell("silence", name)
            if (hour.outgoing & (hour.phone == code)).sum() > 20:
                tell("burst", name)
            judged = day.judged & (day.phone == code)
            if judged.sum() >= 5 and (day.lost & judged).sum() > 0.2 * judged.sum():
                tell("loss", name)
        if day.judged.sum() >= 5 and (day.lost & day.judged).sum() > 0.2 * day.judged.sum():
            tell("loss", "prod")
        for code, count in zip(*np.unique(day.reason[day.lost], return_counts=True), strict=True):
            if count >= 5:
                tell("reason", log.reasons[code])
        for code in np.unique(day.country[day.outgoing]):
            if log.countries[code] not in ("", "US", "MX"):
                tell("country", log.countries[code])
        return found

    return _raised(Rules(rules=rule), find, days, every)


@dataclass(frozen=True)
class Verdict:
    """A watch's results for a year: the time to notice each fault (None: missed), and its false alarms."""

    noticed: Mapping[Fault, float | None]
    false: tuple[Raised, ...]
    months: float

    @property
    def false_a_month(self) -> float:
        """False alarms a month."""
        return len(self.false) / self.months


# An alarm is no false one so long after a fault: windows still hold it.
AFTERMATH_H: Final = 8 * 24


def judge_watch(faults: Sequence[Fault], raised: Sequence[Raised]) -> Verdict:
    """Compare alarms with the planted faults: one is found if a fitting rule names its phone while it lasts."""
    noticed: dict[Fault, float | None] = {}
    for fault in faults:
        begin, end = fault.hours
        hits = [one.hour - begin for one in raised if _fits(fault, one) and begin <= one.hour <= end + 24]
        noticed[fault] = min(hits, default=None)
    false = [one for one in raised if not any(_excused(fault, one) for fault in faults)]
    return Verdict(noticed, tuple(false), (DAYS - QUIET_START) / 30.4)


def _fits(fault: Fault, alarm: Raised) -> bool:
    about = alarm.subject in (fault.phone, "prod") or alarm.subject not in PHONES
    return alarm.watches in NOTICED_BY[fault.kind] and (not fault.phone or about)


def _excused(fault: Fault, alarm: Raised) -> bool:
    begin, end = fault.hours
    return begin <= alarm.hour <= end + AFTERMATH_H and (
        not fault.phone or alarm.subject not in PHONES or alarm.subject == fault.phone
    )


def table_of_year(ours: Sequence[Verdict], fixed: Sequence[Verdict]) -> str:
    """A row a kind of fault: planted, found, median time to notice, by the rules and by fixed thresholds."""
    rows: list[list[Any]] = []
    for kind in NOTICED_BY:
        cells: list[Any] = [kind]
        for verdicts in (ours, fixed):
            times = [time for one in verdicts for fault, time in one.noticed.items() if fault.kind == kind]
            found = [time for time in times if time is not None]
            cells += [len(times)] if verdicts is ours else []
            cells += [len(found), len(times) - len(found), _hours(found)]
        rows.append(cells)
    totals: list[Any] = [
        "all",
        *(sum(row[column] for row in rows) for column in (1, 2, 3)),
        "",
        *(sum(row[column] for row in rows) for column in (5, 6)),
        "",
    ]
    heads = [
        "planted fault",
        "planted",
        "found",
        "missed",
        "noticed after",
        "found, fixed",
        "missed, fixed",
        "noticed after, fixed",
    ]
    by = [f"{sum(one.false_a_month for one in verdicts) / len(verdicts):.2f}" for verdicts in (ours, fixed)]
    kinds = Counter(one.watches for verdict in ours for one in verdict.false)
    told = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common()) or "none"
    line = f"False alarms a month: {by[0]} by the rules ({told}, in {len(ours)} years), {by[1]} by fixed thresholds."
    return as_table(heads, [*rows, totals]) + f"\n\n{line}"


def _hours(times: Sequence[float]) -> str:
    if not times:
        return "–"
    hours = median(times)
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.1f} days"


def missed(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Problems: 5 % of the faults or more missed; more false alarms than the rules allow by chance (99 %)."""
    planted = sum(len(verdict.noticed) for verdict in verdicts)
    lost = [fault for verdict in verdicts for fault, time in verdict.noticed.items() if time is None]
    if len(lost) > MOST_MISSED * planted:
        yield from (f"{fault} was missed" for fault in lost)
    for number, verdict in enumerate(verdicts):
        rules = [rule for rule in default_rules().rules.values() if rule.watches in ON_CALLS]
        allowed = sum((DAYS - QUIET_START) / rule.false_alarm_days for rule in rules)
        if len(verdict.false) > allowed + 2.33 * allowed**0.5:
            yield f"year {number}: {len(verdict.false)} false alarms, where {allowed:.1f} are allowed"


def run_years(seeds: Sequence[int]) -> tuple[list[Verdict], list[Verdict]]:
    """The results for years with these seeds, by the default rules and by fixed thresholds."""
    years = [simulate(seed) for seed in seeds]
    rules = default_rules()
    return (
        [judge_watch(faults, watch_year(frame, rules)) for frame, faults in years],
        [judge_watch(faults, watch_by_thresholds(frame)) for frame, faults in years],
    )
