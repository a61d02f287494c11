"""A past for a rehearsed account: calls of a small network over some days, from a seed, and the truth about them.

The truth is written beside the state file, so that reports can be checked against it. First the attempts are drawn at
random (with a daily and weekly rhythm, and mishaps); then each is written as Twilio would have recorded it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.rehearsal.assumptions import RECORDED, Behaviour
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.call_prices import price_of
from dialtone_nb.rehearsal.state.call_records import CallRecord, next_call_sid, save_call
from dialtone_nb.rehearsal.state.clock import iso8601, rfc2822
from dialtone_nb.rehearsal.state.store import Store, Tables

DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0
DOMAIN = "dialtone-example-{environment}.sip.twilio.com"
LONGEST_TALK = 3_600.0


@dataclass(frozen=True, slots=True)
class PastPhone:
    """A phone; `share` is the relative weight of its traffic among the phones'."""

    name: str
    number: str
    environment: str
    share: float

    @property
    def address(self) -> str:
        """Its SIP address."""
        return f"sip:{self.name}@{DOMAIN.format(environment=self.environment)}"


# The phones of the sample network. As with real public telephones, a few carry most of the traffic.
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
# Relative frequency of calls in each hour of the day, UTC, for people who live in UTC-8.
HOURS = (9, 8, 7, 5, 4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 10, 10, 9)
WEEKEND = 0.65
INCOMING = 0.22
MISDIALLED = 0.04
# Outcomes of calls without a mishap, in per cent.
OUTGOING_ENDS = {"answered": 63, "no_answer": 17, "canceled": 11, "busy": 7, "failed": 2}
INCOMING_ENDS = {"answered": 52, "no_answer": 26, "canceled": 14, "busy": 5, "unreachable": 3}
AREAS = ("503", "971", "360", "206")
FRAUD_SHARE, FRAUD_AT_LEAST = 0.01, 12
# Assumed: Twilio does not document how long it keeps an idle function's process, or how long starting one takes.
FUNCTION_KEPT_S = 15 * 60.0
WARM_MS = 90.0  # median of a webhook's request duration
COLD_START_MS = 900.0  # on top of it, if a process has to be started
MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class PastCall:
    """One attempt; `started` is seconds since 1970, `ring` and `talk` are seconds, `talk` None if not answered."""

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
    """The network's mishaps; times are seconds since 1970, and pairs are beginning and end."""

    dead_phone: str
    dead_since: float
    outage: tuple[float, float]
    fraud_phone: str
    fraud: tuple[float, float]


def plan_mishaps(until: float, days: int) -> Mishaps:
    """Plan a phone that dies, an outage of three hours, and two hours of toll fraud."""
    begins, span = until - days * DAY, days * DAY
    outage, fraud = begins + 0.4 * span // HOUR * HOUR, begins + 0.75 * span // HOUR * HOUR
    return Mishaps(
        "ferry", begins + 0.6 * span // HOUR * HOUR, (outage, outage + 3 * HOUR), "garden", (fraud, fraud + 2 * HOUR)
    )


def imagine_past(until: float, days: int, calls: int, seed: int) -> Iterator[PastCall]:
    """Exactly `calls` attempts on the days before a moment, oldest first; the same for the same seed."""
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
    # Rejection sampling gives the rhythm of day and week. All calls have ended a quarter of an hour before `until`.
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


# The status that Twilio gives the dialled leg for each outcome.
STATUSES = {
    "answered": "completed",
    "no_answer": "no-answer",
    "busy": "busy",
    "canceled": "canceled",
    "failed": "failed",
    "blocked": "failed",
    "unreachable": "failed",
    "unregistered": "no-answer",
}
MESSAGES = {
    13224: "The dialled number is invalid or not supported",
    13227: "The country of the dialled number is not switched on",
    32009: "Your TwiML tried to Dial a Twilio SIP Registered User that is not currently registered",
    32011: "Error communicating with the SIP endpoint",
    32016: "The carrier did not answer in time",
}


def write_history(state: Path, *, days: int, calls: int, seed: int, behaviour: Behaviour = RECORDED) -> Path:
    """Fill a state file with a past, write the truth about it beside, and give back that file's path.

    Raises InputError if the account has calls already, because the truth would not include them.
    """
    store = Store(state, seed, behaviour)
    try:
        truth = fill_history(store, days=days, calls=calls, seed=seed)
    finally:
        store.close()
    written = state.with_name(f"{state.stem}.truth.json")
    written.write_bytes(orjson.dumps(truth))
    return written


def fill_history(store: Store, *, days: int, calls: int, seed: int) -> dict[str, Any]:
    """Fill an account without calls with a past, and give back the truth about it; InputError if it has calls."""
    with store.transaction() as tables:
        if tables.sql.execute("SELECT 1 FROM calls LIMIT 1").fetchone():
            fault = Fault(str(store.path), "is an account with calls already", "name another file with --state")
            raise InputError(fault)
        until = tables.now()
        past = list(imagine_past(until, days, calls, seed))
        attempts = [_write(tables, *one) for one in zip(past, imagine_webhooks(past, seed), strict=True)]
    return {
        "seed": seed,
        "since": iso8601(until - days * DAY),
        "until": iso8601(until),
        "mishaps": _readable(plan_mishaps(until, days)),
        "totals": {name: _count(attempts, name) for name in ("outcome", "client", "direction", "environment", "day")},
        "attempts": attempts,
    }


def _readable(mishaps: Mishaps) -> dict[str, Any]:
    def span(times: tuple[float, float]) -> dict[str, str]:
        return {"since": iso8601(times[0]), "until": iso8601(times[1])}

    return {
        "dead phone": {"client": mishaps.dead_phone, "since": iso8601(mishaps.dead_since)},
        "outage": span(mishaps.outage),
        "fraud": {"client": mishaps.fraud_phone, **span(mishaps.fraud)},
    }


def _count(attempts: list[dict[str, Any]], name: str) -> dict[str, int]:
    return dict(sorted(Counter(str(one[name]) for one in attempts).items()))


@dataclass(frozen=True, slots=True)
class PastWebhook:
    """A call's first webhook request: its duration in milliseconds, and whether it was a cold start."""

    ms: int
    is_cold: bool


def imagine_webhooks(past: Sequence[PastCall], seed: int) -> Iterator[PastWebhook]:
    """The first webhook request of each call, in order; a cold start if the environment's function was idle."""
    chance = random.Random(f"webhooks {seed}")  # noqa: S311 - no secret hangs on it
    asked: dict[str, float] = {}
    for call in past:
        environment = call.phone.environment
        is_cold = call.started - asked.get(environment, 0.0) >= FUNCTION_KEPT_S
        took = WARM_MS * chance.lognormvariate(0, 0.25) + (COLD_START_MS * chance.uniform(0.8, 1.4) if is_cold else 0)
        # The function is requested again when the dialled call ends.
        over = call.started + call.ring + (call.talk or 0.0)
        asked[environment] = max(asked.get(environment, 0.0), over)
        yield PastWebhook(round(took), is_cold)


def _write(tables: Tables, call: PastCall, webhook: PastWebhook) -> dict[str, Any]:
    """Write an attempt's parent call, leg, webhook event and alert into the account, and give back its truth."""
    is_outgoing = call.direction == "outgoing"
    if is_outgoing:
        domain = DOMAIN.format(environment=call.phone.environment)
        ends = (call.phone.address, f"sip:{call.other_party.removeprefix('+1')}@{domain}")
        leg_ends = (call.phone.number, call.other_party)
    else:
        ends, leg_ends = (call.other_party, call.phone.number), (call.other_party, call.phone.address)
    number = None if is_outgoing else tables.find("phone_number", "", call.phone.number)
    times: dict[str, Any] = {
        "started": call.started,
        "answered": None if call.talk is None else call.started + call.ring,
        "ended": call.started + call.ring + (call.talk or 0.0),
    }
    status = "canceled" if call.outcome == "canceled" else "completed"
    parent = _save(tables, *ends, "inbound", status, "", phone_number_sid=number.sid if number else None, **times)
    leg = _save(tables, *leg_ends, "outbound-dial", STATUSES[call.outcome], parent.sid, **times)
    path = "/sip-outgoing" if is_outgoing else "/sip-incoming"
    request = {"method": "POST", "url": f"https://dialtone-{call.phone.environment}.twil.io{path}", "parameters": {}}
    response = {
        "response_code": 200,
        "request_duration": webhook.ms,
        "content_type": "text/xml",
        "response_body": "",
        "date_created": rfc2822(call.started),
    }
    tables.add("EV", "call_event", parent.sid, "", {"request": request, "response": response}, at=call.started)
    if call.code is not None:
        raise_alert(tables, call.code, leg.sid, MESSAGES[call.code], at=leg.ended)
    return {
        "call_sid": parent.sid,
        "started_at": iso8601(call.started),
        "day": iso8601(call.started)[:10],
        "environment": call.phone.environment,
        "client": call.phone.name,
        "direction": call.direction,
        "other_party": call.other_party,
        "outcome": call.outcome,
        "reason": None if call.code is None else str(call.code),
        "duration_s": None if call.talk is None else int(call.talk),
        "webhook_ms": webhook.ms,
        "is_cold": webhook.is_cold,
        "price": None if parent.price is None or leg.price is None else round(parent.price + leg.price, 5),
    }


def _save(tables: Tables, from_: str, to: str, direction: str, status: str, parent_sid: str, **more: Any) -> CallRecord:
    sid = next_call_sid(tables, parent_sid, from_, to)
    call = CallRecord(sid, parent_sid or None, from_, to, status, direction=direction, **more)
    return save_call(tables, replace(call, price=price_of(call)))
