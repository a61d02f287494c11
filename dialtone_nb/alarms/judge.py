"""Calls -> findings. One test for all that is counted: had nothing changed, how likely would at least this much be?

Every rule on calls asks that by Fisher's exact test: the last window beside the days before it, where a number that is
dialled again within an hour counts once. It speaks where the answer is less likely than one false alarm in the rule's
`false_alarm_days` allows, divided by its phones and windows (Bonferroni). A count has no threshold of its own, so the
same rule holds for a phone with one call a day and for one with a hundred.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from dialtone_nb.alarms.rules import Rule, duration_of
from dialtone_nb.calls.attempts.outcomes import JUDGED, LOST, RANG, RANG_ON, code_of
from dialtone_nb.calls.emergency_calls import EmergencyCall
from dialtone_nb.calls.measures.last_seen import ENOUGH_SIGNS, SHORTEST_HABIT
from dialtone_nb.calls.measures.outliers import chance_of
from dialtone_nb.calls.measures.rates import FEW, Z_95, Rate
from dialtone_nb.values.phone_numbers import country_of

Values = Mapping[str, str]
Array = np.ndarray[Any, Any]
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S
WEEK_H: Final = 7 * 24
# Beyond it, how unlikely something is says no more.
MANY: Final = 1_000_000
# Fewer calls than this are no burst, whatever the phone is used to.
FEWEST_IN_A_BURST: Final = 5
# Fewer days say nothing of a month's pace.
FEWEST_DAYS: Final = 7
# The end of life of a runtime's Node.js (nodejs.org, Previous Releases), after which it gets no security fixes.
RUNTIME_ENDS: Final = MappingProxyType(
    {"node20": date(2026, 4, 30), "node22": date(2027, 4, 30), "node24": date(2028, 4, 30)}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule finds of one subject: an event, which has its own time, or a state, which lasts until it is over."""

    rule: str
    subject: str
    title: str
    evidence: str
    values: Values = field(default_factory=dict)
    event_at: datetime | None = None
    repair: str = ""

    @property
    def words(self) -> str:
        """The evidence, with the repair where one is known."""
        return f"{self.evidence}; repair: {self.repair}" if self.repair else self.evidence


@dataclass(frozen=True, eq=False)
class CallLog:
    """Attempts in columns, oldest first: what the rules count. Of the other party they have only the country."""

    phones: tuple[str, ...]
    environments: Values
    reasons: tuple[str, ...]
    countries: tuple[str, ...]
    at: Array  # seconds since 1970
    phone: Array  # index in `phones`, -1 for none of ours
    reason: Array
    country: Array
    outgoing: Array
    alive: Array  # a sign of life of the phone
    judged: Array
    lost: Array
    first: Array  # no redial within an hour
    price: Array
    currency: Array

    @classmethod
    def of(cls, frame: pd.DataFrame, environments: Values) -> CallLog:
        """The log of attempts whose numbers are not masked; `environments` has that of each phone, by name."""
        frame = frame.sort_values("started_at", kind="stable")
        phones = tuple(environments)
        outgoing = (frame["direction"] == "outgoing").to_numpy(bool)
        outcome, reason = frame["outcome"], frame["reason"].fillna("").astype(str)
        party = frame["other_party"].fillna("").astype(str)
        rang = outcome.isin(RANG) & (reason != RANG_ON)
        at = frame["started_at"].astype("datetime64[s, UTC]").astype("int64").to_numpy()
        reasons, reason_codes = _coded(reason)
        parties, party_codes = _coded(party)
        countries, country_codes = _coded(pd.Series([_country(one) for one in parties], dtype=str))
        again = pd.Series(at).groupby([frame["client"].fillna("").to_numpy(), outgoing, party_codes]).diff()
        return cls(
            phones,
            environments,
            reasons,
            countries,
            at,
            pd.Categorical(frame["client"], categories=list(phones)).codes.astype("int64"),
            reason_codes,
            country_codes[party_codes],
            outgoing,
            (outgoing | rang.to_numpy(bool)),
            outcome.isin(JUDGED).to_numpy(bool),
            outcome.isin(LOST).to_numpy(bool),
            ~(again < HOUR_S).to_numpy() | (party == "").to_numpy(),
            frame["price"].fillna(0.0).to_numpy(float),
            frame["currency"].fillna("").astype(str).to_numpy(),
        )

    def between(self, since: float, until: float) -> CallLog:
        """The attempts from one moment (in seconds since 1970) up to another."""
        part = slice(*np.searchsorted(self.at, [since, until], "left"))
        columns = {name: value[part] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return CallLog(self.phones, self.environments, self.reasons, self.countries, **columns)


def judge_calls(
    rules: Mapping[str, Rule], log: CallLog, now: datetime, history: timedelta, zone: ZoneInfo
) -> dict[str, list[Finding]]:
    """What each of the rules on calls finds in the log, which goes back as far as `history`."""
    until = now.timestamp()
    look = _Look(log.between(until - history.total_seconds(), until), until, zone)
    return {
        name: [Finding(name, *told) for told in _JUDGES[rule.watches](rule, look)]
        for name, rule in rules.items()
        if rule.watches in ON_CALLS
    }


@dataclass(frozen=True, eq=False)
class _Look:
    log: CallLog
    until: float
    zone: ZoneInfo

    @property
    def days(self) -> float:
        """How many days there are calls of."""
        first = self.log.at[0] if len(self.log.at) else self.until
        return max((self.until - float(first)) / DAY_S, 1.0)

    def alive_hours(self, code: int) -> Array:
        """The hours since 1970 in which a phone gave a sign of life."""
        return np.unique(self.log.at[(self.log.phone == code) & self.log.alive] // HOUR_S)

    def phones(self, rule: Rule) -> list[int]:
        """The phones that a rule watches, as the log has them."""
        return [code for code, name in enumerate(self.log.phones) if not rule.phones or name in rule.phones]


_Told = tuple[str, str, str, Values]


def _silence(rule: Rule, look: _Look) -> Iterator[_Told]:
    """Phones whose last sign of life is longer ago than both their own habit and the other phones' calls explain.

    Two tests, and both have to be sure: of all signs of life since then none is this phone's, whose share was larger
    (a holiday quiets every phone, and no share); and none of these hours has one, which in the weeks before had.
    """
    log, now_h = look.log, int(look.until // HOUR_S)
    lately = log.at >= look.until - SHORTEST_HABIT.total_seconds()
    heard = set(np.unique(log.phone[lately & log.alive]))
    watched = look.phones(rule)
    for code in watched:
        if code in heard or len(own := look.alive_hours(code)) < ENOUGH_SIGNS:
            continue
        last = int(own[-1])
        others = [look.alive_hours(other) for other in range(len(log.phones)) if other != code]
        before = sum(int((one <= last).sum()) for one in others)
        since = sum(int((one > last).sum()) for one in others)
        chance = _none_of(since, len(own), before + since)
        chance = max(chance if before else 0.0, _quiet_hours(own, last, now_h))
        # A phone is put to the test once in each of its quiet spells, of which there are as many as signs of life.
        if chance < 1 / (rule.false_alarm_days * len(watched) * max(len(own) / look.days, 1.0)):
            name, days = log.phones[code], (now_h - last) / 24
            title = f"{name} has been silent for {_days(days)}"
            often = len(own) / max((last - int(own[0])) / 24, 1.0)
            evidence = (
                f"no sign of life since {_at(last * HOUR_S, look.zone)}; "
                f"before, it was heard in {often:.1f} hours a day; the others had {since} meanwhile; {_odds(chance)}"
            )
            yield name, title, evidence, _values(log, code)


def _quiet_hours(own: Array, last: int, now_h: int) -> float:
    """How likely none of the hours since the last sign has one, by the same hours of the weeks before."""
    gap = np.arange(last + 1, now_h)
    past = np.arange(int(own[0]), last + 1)
    alike = past[np.isin(past % WEEK_H, gap % WEEK_H)]
    alive = int(np.isin(alike, own).sum())
    return _none_of(len(gap), alive, len(alike) - alive + len(gap))


def _none_of(drawn: int, marked: int, others: int) -> float:
    """How likely none of the drawn is marked, of all that are marked and all others (hypergeometric)."""
    unmarked = max(others, drawn)
    return math.exp(
        math.lgamma(unmarked + 1)
        - math.lgamma(unmarked - drawn + 1)
        - math.lgamma(unmarked + marked + 1)
        + math.lgamma(unmarked + marked - drawn + 1)
    )


def _loss(rule: Rule, look: _Look) -> Iterator[_Told]:
    """Environments and phones that lose more calls than before; if both do, the one that explains more.

    If one phone of an environment loses calls, the finding is about that phone; if several do, it is about the
    environment, once, not about each phone.
    """
    log = look.log
    watched = look.phones(rule)
    environments = [] if rule.phones else list(dict.fromkeys(log.environments[log.phones[code]] for code in watched))
    subjects = len(watched) + len(environments)
    losing = {code: told for code in watched if (told := _losing(rule, look, [code], log.phones[code], subjects))}
    for environment in environments:
        codes = [code for code in watched if log.environments[log.phones[code]] == environment]
        its_own = [code for code in codes if code in losing]
        if len(its_own) != 1 and (told := _losing(rule, look, codes, environment, subjects)):
            losing = {code: one for code, one in losing.items() if code not in codes}
            yield told
    yield from losing.values()


def _losing(rule: Rule, look: _Look, codes: list[int], subject: str, subjects: int) -> _Told | None:
    log = look.log
    used = np.isin(log.phone, codes) & log.judged & log.first
    more = _more(rule, look, used & log.lost, used, subjects)
    if more is None:
        return None
    window, now, then, chance = more
    values = _values(log, codes[0]) if subject in log.phones else {"environment": subject}
    title = f"{subject} loses {now.numerator} of {now.denominator} calls"
    return subject, title, f"in {_window(window)}; before, {then}; {_odds(chance)}", values


def _reason(rule: Rule, look: _Look) -> Iterator[_Told]:
    """Reasons of lost calls that are new or have grown."""
    log = look.log
    for code, count in zip(*np.unique(log.reason[log.lost & log.first], return_counts=True), strict=True):
        reason = log.reasons[code]
        if not reason or count < 2:
            continue
        own = (log.reason == code) & log.lost & log.first
        if told := _more(rule, look, own, log.first, len(log.reasons)):
            window, now, then, chance = told
            word = "is new" if not then.numerator else "grows"
            title = f"the reason {reason} {word}: {code_of(reason).meaning}"
            evidence = f"{now} of all calls in {_window(window)}; before, {then}; {_odds(chance)}"
            yield reason, title, evidence, {"reason": reason}


def _country(party: str) -> str:
    number = party
    for prefix in ("011", "00"):
        if party.startswith(prefix) and len(party) > 9:
            number = "+" + party.removeprefix(prefix)
            break
    return country_of(number) if number.startswith("+") else ""


def _countries(rule: Rule, look: _Look) -> Iterator[_Told]:
    """Countries that were never called before, or are called much more often than before.

    One that is new is held against all countries that ever were: where each week brings one, it is no news.
    """
    log = look.log
    used = log.outgoing & log.first
    for code in np.unique(log.country[used]):
        country = log.countries[code]
        own = used & (log.country == code)
        if country and (told := _more(rule, look, own, used, 1, new=log.country)):
            window, now, then, chance = told
            phones = [log.phones[one] for one in np.unique(log.phone[own & (log.phone >= 0)])]
            word = "called again and again" if then.numerator else "called for the first time"
            title = f"{country} is {word}: {now.numerator} calls in {_window(window)}"
            evidence = f"by {', '.join(phones) or 'no phone of ours'}; {now} of all outgoing calls; {_odds(chance)}"
            yield country, title, evidence, {"country": country, "phone": phones[0] if len(phones) == 1 else ""}


def _more(
    rule: Rule, look: _Look, own: Array, used: Array, subjects: int, new: Array | None = None
) -> tuple[timedelta, Rate, Rate, float] | None:
    """The first window in which more are the subject's own than before, beyond chance: its rate, and that before."""
    log = look.log
    for window in map(duration_of, rule.windows):
        begin = int(np.searchsorted(log.at, look.until - window.total_seconds()))
        now = Rate(int(own[begin:].sum()), int(used[begin:].sum()))
        then = Rate(int(own[:begin].sum()), int(used[:begin].sum()))
        if now.numerator < 2 or then.is_few:
            continue
        usual = then.numerator
        if new is not None and not usual:
            usual = len(np.unique(new[:begin][used[:begin]]))
        if now.numerator * then.denominator < rule.times_as_many * usual * now.denominator:
            continue
        all_own, all_used = now.numerator + usual, now.denominator + then.denominator
        chance = chance_of(now.numerator, now.denominator, all_own, all_used)
        # A window is put to the test as often as it fits into the rule's days.
        tests = rule.false_alarm_days / max(window / timedelta(days=1), 1.0)
        if chance < 1 / (tests * subjects * len(rule.windows)):
            return window, now, then, chance
    return None


def _burst(rule: Rule, look: _Look) -> Iterator[_Told]:
    """Phones that place more calls in a row than usual.

    Of all calls placed in earlier hours some had another one after them in the same hour; of these calls all but one.
    """
    log = look.log
    watched = look.phones(rule)
    for code in watched:
        own = log.at[log.outgoing & (log.phone == code)]
        if len(own) < FEWEST_IN_A_BURST:
            continue
        for window in map(duration_of, rule.windows):
            seconds = window.total_seconds()
            count = int((own >= look.until - seconds).sum())
            if count < FEWEST_IN_A_BURST:
                continue
            earlier = own[own < look.until - seconds]
            spells = len(np.unique(earlier // seconds))
            if len(earlier) < ENOUGH_SIGNS:
                # A phone that is new is held against all of them.
                placed, by = log.at[log.outgoing], log.phone[log.outgoing]
                past = placed < look.until - seconds
                earlier = placed[past]
                spells = len(np.unique(np.stack([by[past], earlier // seconds]), axis=1).T)
            followed = len(earlier) - spells
            chance = chance_of(count - 1, count, count - 1 + followed, count + len(earlier))
            a_day = max(spells / look.days, 1.0)
            if len(earlier) >= FEW and chance < 1 / (rule.false_alarm_days * len(watched) * len(rule.windows) * a_day):
                name = log.phones[code]
                title = f"{name} has placed {count} calls in {_window(window)}"
                usual = f"before, {len(earlier) / spells:.1f} in {_window(window)} in which it calls at all"
                yield name, title, f"{usual}; {_odds(chance)}", _values(log, code)
                break


def _spend(rule: Rule, look: _Look) -> Iterator[_Told]:
    """A month whose calls cost more than its budget, or will at this pace, by the lower bound of a mean day's cost."""
    log = look.log
    today = datetime.fromtimestamp(look.until, look.zone)
    month = today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (month + timedelta(days=32)).replace(day=1)
    cost = np.where(log.currency == rule.currency, np.abs(log.price), 0.0)
    spent = float(cost[log.at >= month.timestamp()].sum())
    label, money = f"{month:%Y-%m}", f"{rule.budget:,.2f} {rule.currency}"
    if spent > rule.budget:
        yield label, f"calls of {label} cost {spent:,.2f} of {money}", "over the budget; a sum, no estimate", {}
        return
    days = np.arange(math.ceil(look.until / DAY_S) - min(int(look.days), 28), math.ceil(look.until / DAY_S)) * DAY_S
    if len(days) < FEWEST_DAYS:
        return
    by_day = np.histogram(log.at, bins=[*days, days[-1] + DAY_S], weights=cost)[0]
    sure = max(float(by_day.mean() - Z_95 * by_day.std(ddof=1) / math.sqrt(len(by_day))), 0.0)
    left = (end - today) / timedelta(days=1)
    if spent + sure * left > rule.budget:
        title = f"calls of {label} will cost more than {money}"
        evidence = f"{spent:,.2f} so far, and at least {sure:,.2f} on a mean day (95 %), with {left:.0f} days to go"
        yield label, title, evidence, {}


_JUDGES: Final = {
    "silence": _silence,
    "loss": _loss,
    "reason": _reason,
    "burst": _burst,
    "country": _countries,
    "spend": _spend,
}
ON_CALLS: Final = frozenset(_JUDGES)


def judge_emergencies(name: str, rule: Rule, calls: Sequence[EmergencyCall], environments: Values) -> list[Finding]:
    """Each emergency call, as an event: it is certain, and sent once. A call to the test line is not one."""
    found = []
    for call in calls:
        if call.is_test or (rule.phones and call.phone not in rule.phones):
            continue
        who = call.phone or "a phone that is not known"
        title = f"{who} called {call.number or 'an emergency number'}: {call.ended}"
        evidence = f"at {call.at:%Y-%m-%d %H:%M %Z}; {call.address}; calls back to {call.call_back or 'nobody'}"
        values = {"phone": call.phone, "environment": environments.get(call.phone, "")}
        found.append(Finding(name, f"{who} {call.at:%Y-%m-%dT%H:%M:%S}", title, evidence, values, call.at))
    return found


def judge_ends(name: str, rule: Rule, runtime: str, today: date) -> list[Finding]:
    """What ends within the rule's time: a date of its own, and the runtime of network.yaml."""
    dates = dict(rule.dates)
    if end := RUNTIME_ENDS.get(runtime):
        dates.setdefault(f"runtime {runtime}", end)
    found = []
    for what, end in dates.items():
        left = (end - today).days
        if timedelta(days=left) <= duration_of(rule.before):
            title = f"{what} ends on {end}" if left >= 0 else f"{what} ended on {end}"
            found.append(Finding(name, what, title, f"{left} days left" if left >= 0 else f"{-left} days ago"))
    return found


def _coded(texts: pd.Series[str]) -> tuple[tuple[str, ...], Array]:
    codes, known = pd.factorize(texts)
    return tuple(map(str, known)), np.asarray(codes)


def _values(log: CallLog, code: int) -> Values:
    name = log.phones[code]
    return {"phone": name, "environment": log.environments[name]}


def _odds(chance: float) -> str:
    """How rarely chance would cause this, in words."""
    looks = 1 / max(chance, 1e-12)
    often = f"{looks:,.0f}" if looks < MANY else f"more than {MANY:,}"
    return f"chance alone would bring this about once in {often} such looks"


def _window(window: timedelta) -> str:
    hours = int(window / timedelta(hours=1))
    return f"{hours} h" if hours <= 24 else f"{hours / 24:g} days"


def _days(days: float) -> str:
    return f"{days * 24:.0f} hours" if days < 3 else f"{days:.1f} days"


def _at(seconds: float, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone(zone):%Y-%m-%d %H:%M}"
