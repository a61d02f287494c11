"""A past that never was: calls of a small network over some days, with its rhythm and its mishaps, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0
DOMAIN = "dialtone-example-{environment}.sip.twilio.com"
LONGEST_TALK = 3_600.0


@dataclass(frozen=True, slots=True)
class PastPhone:
    """A phone; `share` is how much of the traffic is its own, in comparison with the others."""

    name: str
    number: str
    environment: str
    share: float

    @property
    def address(self) -> str:
        """Its SIP address."""
        return f"sip:{self.name}@{DOMAIN.format(environment=self.environment)}"


# The phones of the sample network. What is busy and what is not follows from real public telephones: a few carry most.
PHONES = (
    PastPhone("workbench", "+15035550101", "stage", 0.4),
    PastPhone("van", "+15035550102", "stage", 0.3),
    PastPhone("lobby", "+15035550103", "prod", 6.0),
    PastPhone("library", "+15035550104", "prod", 4.0),
    PastPhone("clinic", "+15035550105", "prod", 2.5),
    PastPhone("makerspace", "+15035550106", "prod", 1.2),
    PastPhone("ferry", "+15035550107", "prod", 2.0),
    PastPhone("garden", "+15035550108", "prod", 0.6),
)
# How likely a call is in each hour of the day, UTC, for people who live eight hours behind it.
HOURS = (9, 8, 7, 5, 4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 10, 10, 9)
WEEKEND = 0.65
INCOMING = 0.22
MISDIALLED = 0.04
# What comes of calls that nothing befalls, in hundredths.
OUTGOING_ENDS = {"answered": 63, "no_answer": 17, "canceled": 11, "busy": 7, "failed": 2}
INCOMING_ENDS = {"answered": 52, "no_answer": 26, "canceled": 14, "busy": 5, "unreachable": 3}
AREAS = ("503", "971", "360", "206")
FRAUD_SHARE, FRAUD_AT_LEAST = 0.01, 12
MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class PastCall:
    """One attempt as it really was; times are seconds since 1970, `talk` is None where nobody answered."""

    started: float
    phone: PastPhone
    direction: str
    other_party: str
    outcome: str
    code: int | None
    ring: float
    talk: float | None


@dataclass(frozen=True, slots=True)
class Mishaps:
    """What befell the network, and when: spans in seconds since 1970."""

    dead_phone: str
    dead_since: float
    outage: tuple[float, float]
    fraud_phone: str
    fraud: tuple[float, float]


def plan_mishaps(until: float, days: int) -> Mishaps:
    """A phone that died, an outage of three hours, and a night of calls that somebody else would have earned by."""
    begins, span = until - days * DAY, days * DAY
    outage, fraud = begins + 0.4 * span // HOUR * HOUR, begins + 0.75 * span // HOUR * HOUR
    return Mishaps(
        "ferry", begins + 0.6 * span // HOUR * HOUR, (outage, outage + 3 * HOUR), "garden", (fraud, fraud + 2 * HOUR)
    )


def imagine_past(until: float, days: int, calls: int, seed: int) -> Iterator[PastCall]:
    """Exactly so many attempts on the days before a moment, oldest first; the same again from the same seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret hangs on it
    mishaps = plan_mishaps(until, days)
    frauds = min(max(round(calls * FRAUD_SHARE), FRAUD_AT_LEAST), calls)
    moments = sorted(
        [(_moment(chance, until, days), False) for _ in range(calls - frauds)]
        + [(chance.uniform(*mishaps.fraud), True) for _ in range(frauds)]
    )
    for started, is_fraud in moments:
        yield _fraud(chance, started, mishaps) if is_fraud else _ordinary(chance, started, mishaps)


def _moment(chance: random.Random, until: float, days: int) -> float:
    # Drawn again until it fits the rhythm of day and week. The last quarter of an hour is left for calls to end in.
    while True:
        at = chance.uniform(until - days * DAY, until - LONGEST_TALK - 15 * MINUTE)
        when = datetime.fromtimestamp(at, UTC)
        likely = HOURS[when.hour] / max(HOURS) * (WEEKEND if when.weekday() >= 5 else 1.0)
        if chance.random() < likely:
            return float(int(at))


def _fraud(chance: random.Random, started: float, mishaps: Mishaps) -> PastCall:
    phone = next(one for one in PHONES if one.name == mishaps.fraud_phone)
    number = f"+187655501{chance.randrange(100):02}"
    return PastCall(float(int(started)), phone, "outgoing", number, "blocked", 13227, 0.0, None)


def _ordinary(chance: random.Random, started: float, mishaps: Mishaps) -> PastCall:
    is_incoming = chance.random() < INCOMING
    is_dead = started >= mishaps.dead_since
    able = [one for one in PHONES if is_incoming or not (is_dead and one.name == mishaps.dead_phone)]
    phone = chance.choices(able, [one.share for one in able])[0]
    other = f"+1{chance.choice(AREAS)}55501{chance.randrange(100):02}"
    outcome, code = _end(chance, is_incoming=is_incoming)
    if mishaps.outage[0] <= started < mishaps.outage[1]:
        outcome, code = ("unreachable", 32011) if is_incoming else ("failed", 32016)
    if is_incoming and is_dead and phone.name == mishaps.dead_phone:
        outcome, code = "unregistered", 32009
    if not is_incoming and code == 13224:
        other = other[:-2]
    is_rung = outcome in {"answered", "no_answer", "canceled"}
    ring = {"no_answer": 30.0, "busy": 1.0}.get(outcome, float(chance.randint(2, 20)) if is_rung else 0.0)
    talk = min(max(1.0, float(round(chance.lognormvariate(4.2, 1.1)))), LONGEST_TALK) if outcome == "answered" else None
    return PastCall(started, phone, "incoming" if is_incoming else "outgoing", other, outcome, code, ring, talk)


def _end(chance: random.Random, *, is_incoming: bool) -> tuple[str, int | None]:
    if not is_incoming and chance.random() < MISDIALLED:
        return "failed", 13224
    ends = INCOMING_ENDS if is_incoming else OUTGOING_ENDS
    outcome = chance.choices(list(ends), list(ends.values()))[0]
    return outcome, 32011 if outcome == "unreachable" else None
