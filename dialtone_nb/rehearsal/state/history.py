"""Fills a rehearsed account with a past, and writes the truth about it beside it, to check reports against."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.rehearsal.assumptions import RECORDED, Behaviour
from dialtone_nb.rehearsal.exchange.pricing import inbound_price, leg_price
from dialtone_nb.rehearsal.exchange.target_checks import owned_number
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.call_records import CallRecord, save_call
from dialtone_nb.rehearsal.state.clock import iso8601
from dialtone_nb.rehearsal.state.past import DAY, DOMAIN, Mishaps, PastCall, imagine_past, plan_mishaps
from dialtone_nb.rehearsal.state.store import Store, Tables

# The status of the dialled leg with which Twilio tells each outcome.
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
    """The file that holds the truth about the calls that the account has from now on.

    An account that has calls already is refused with an InputError: the truth must be the whole of it.
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
    """The truth about the calls that an account without any has from now on."""
    with store.transaction() as tables:
        if tables.sql.execute("SELECT 1 FROM calls LIMIT 1").fetchone():
            fault = Fault(str(store.path), "is an account with calls already", "name another file with --state")
            raise InputError(fault)
        until = tables.now()
        attempts = [_write(tables, call) for call in imagine_past(until, days, calls, seed)]
    return {
        "seed": seed,
        "since": iso8601(until - days * DAY),
        "until": iso8601(until),
        "mishaps": _readable(plan_mishaps(until, days)),
        "totals": {name: _count(attempts, name) for name in ("outcome", "client", "direction", "environment", "day")},
        "attempts": attempts,
    }


def _readable(mishaps: Mishaps) -> dict[str, Any]:
    return {
        "dead phone": {"client": mishaps.dead_phone, "since": iso8601(mishaps.dead_since)},
        "outage": {"since": iso8601(mishaps.outage[0]), "until": iso8601(mishaps.outage[1])},
        "fraud": {
            "client": mishaps.fraud_phone,
            "since": iso8601(mishaps.fraud[0]),
            "until": iso8601(mishaps.fraud[1]),
        },
    }


def _count(attempts: list[dict[str, Any]], name: str) -> dict[str, int]:
    return dict(sorted(Counter(str(one[name]) for one in attempts).items()))


def _write(tables: Tables, call: PastCall) -> dict[str, Any]:
    """The truth about one attempt, once its parent call, its leg and its alert are in the account."""
    domain = DOMAIN.format(environment=call.phone.environment)
    number = owned_number(tables, call.phone.number)
    if call.direction == "outgoing":
        ends = (call.phone.address, f"sip:{call.other_party.removeprefix('+1')}@{domain}")
        leg_ends = (call.phone.number, call.other_party)
    else:
        ends, leg_ends = (call.other_party, call.phone.number), (call.other_party, call.phone.address)
    ended = call.started + call.ring + (call.talk or 0.0)
    answered = None if call.talk is None else call.started + call.ring
    parent = CallRecord(
        _sid(tables, "", *ends),
        *ends,
        "inbound",
        "canceled" if call.outcome == "canceled" else "completed",
        call.started,
        phone_number_sid=number.sid if number and call.direction == "incoming" else None,
        answered=answered,
        ended=ended,
    )
    leg = CallRecord(
        _sid(tables, parent.sid, *leg_ends),
        *leg_ends,
        "outbound-dial",
        STATUSES[call.outcome],
        call.started,
        parent_call_sid=parent.sid,
        answered=answered,
        ended=ended,
    )
    parent = _priced(parent, inbound_price(parent, is_sip=call.direction == "outgoing"))
    leg = _priced(leg, leg_price(leg))
    save_call(tables, parent)
    save_call(tables, leg)
    if call.code is not None:
        raise_alert(tables, call.code, leg.sid, MESSAGES[call.code], at=ended)
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
        "price": None if parent.price is None or leg.price is None else round(parent.price + leg.price, 5),
    }


def _sid(tables: Tables, parent_sid: str, from_: str, to: str) -> str:
    # As a call's SID is made when it is placed, and counted with those.
    name = f"{from_} {to}"
    return tables.identity.sid("CA", "call", parent_sid, name, tables.next_nth("call", parent_sid, name))


def _priced(record: CallRecord, price: float | None) -> CallRecord:
    return replace(record, price=price)
