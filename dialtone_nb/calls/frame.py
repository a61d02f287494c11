"""One row per attempt: the columns of every call report, and how Twilio's call records become them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from dialtone_nb.calls.columns import COLUMNS, make_frame
from dialtone_nb.calls.outcomes import outcome_of
from dialtone_nb.calls.quality import Quality
from dialtone_nb.calls.sift import Record, parse_price, parse_time, parse_whole, sift_alerts, sift_calls
from dialtone_nb.e164 import is_e164
from dialtone_nb.sip import SIP_DOMAIN_SUFFIX, parse_sip_uri


@dataclass(frozen=True, slots=True)
class Phone:
    """One of our phones, as a number leads to it."""

    client: str
    environment: str


def frame_calls(
    calls: Iterable[Record],
    alerts: Iterable[Record],
    events: Iterable[Record] = (),
    *,
    phones: Mapping[str, Phone] | None = None,
    quality: Quality,
) -> pd.DataFrame:
    """One row per parent call among Twilio's call records, judged by its dialled legs, alerts and own log events."""
    by_sid = sift_calls(calls, quality)
    legs: defaultdict[str, list[Record]] = defaultdict(list)
    for call in by_sid.values():
        if call.get("parent_call_sid"):
            legs[call["parent_call_sid"]].append(call)
    orphans = [sid for sid in legs if sid not in by_sid]
    quality.note(
        "dialled legs whose parent call was not fetched",
        "left out: they belong to a call of an earlier day",
        sum(len(legs[sid]) for sid in orphans),
        next(iter(orphans), ""),
    )
    codes: dict[str, str] = {}
    for alert in sift_alerts(alerts, quality):
        codes.setdefault(alert.get("resource_sid") or "", str(alert.get("error_code") or ""))
    refusals = {
        event["call_sid"]: str(event.get("reason") or "dial plan")
        for event in events
        if event.get("call_sid") and str(event.get("event", "")).endswith("-refused")
    }
    parents = [call for call in by_sid.values() if not call.get("parent_call_sid")]
    rows = [row_of(parent, legs[parent["sid"]], codes, refusals, phones or {}) for parent in parents]
    return make_frame({name: [row[name] for row in rows] for name in COLUMNS})


def row_of(
    parent: Record,
    legs: Sequence[Record],
    codes: Mapping[str, str],
    refusals: Mapping[str, str],
    phones: Mapping[str, Phone],
) -> dict[str, Any]:
    """One attempt: a parent call and the legs that it dialled."""
    leg = _deciding_leg(legs)
    code = codes.get(leg["sid"], "") if leg else ""
    code = code or codes.get(parent["sid"], "")
    ends = _ends(parent, leg, phones)
    outcome, reason = _judge(parent, leg, code, refusals.get(parent["sid"], ""))
    price, currency = _price([parent, *legs])
    decided = leg if leg and outcome == "answered" else None
    return {
        "call_sid": parent["sid"],
        "started_at": started_at(parent),
        **ends,
        "outcome": outcome,
        "reason": reason or None,
        "duration_s": parse_whole(decided.get("duration")) if decided else None,
        "price": price,
        "currency": currency,
    }


def _deciding_leg(legs: Sequence[Record]) -> Record | None:
    """The leg that was answered; else the last that was dialled."""
    ordered = sorted(legs, key=lambda leg: (started_at(leg), leg["sid"]))
    answered = [leg for leg in ordered if leg["status"] in ("completed", "in-progress")]
    return (answered or ordered)[-1] if ordered else None


def _judge(parent: Record, leg: Record | None, code: str, refusal: str) -> tuple[str, str]:
    if refusal:
        return "refused", refusal
    if leg:
        return outcome_of(leg["status"], code), code
    # Nothing was dialled. That a parent completed says only that our TwiML was carried out; a call that was placed
    # through the API is itself the leg, though.
    if parent["status"] == "completed" and parent.get("direction") != "outbound-api":
        lost = outcome_of("failed", code)
        return (lost, code) if code else ("unknown", "")
    return outcome_of(parent["status"], code), code


def _ends(parent: Record, leg: Record | None, phones: Mapping[str, Phone]) -> dict[str, Any]:
    """Who called whom: a call from a Twilio SIP domain is outgoing, and its user part is the phone."""
    caller, domain = parse_sip_uri(parent.get("from") or "")
    if domain.endswith(SIP_DOMAIN_SUFFIX) or parent.get("direction") == "trunking-originating":
        dialled = _party(leg.get("to") if leg else parent.get("to"))
        return {
            "environment": environment_of(domain),
            "client": caller or None,
            "direction": "outgoing",
            "other_party": dialled,
        }
    rung = leg or (parent if parent.get("direction") == "outbound-api" else None)
    client, domain = parse_sip_uri((rung.get("to") if rung else "") or "")
    # A call that dialled nothing still came for somebody: whose number it was.
    owner = phones.get(parent.get("to") or "")
    return {
        "environment": environment_of(domain) or (owner.environment if owner else None),
        "client": client or (owner.client if owner else None),
        "direction": "incoming",
        "other_party": _party(parent.get("from")),
    }


def environment_of(domain: str) -> str | None:
    """The environment of one of our SIP domains: the last part of its name, for no environment's name has a dash."""
    if not domain.endswith(SIP_DOMAIN_SUFFIX):
        return None
    return domain.removesuffix(SIP_DOMAIN_SUFFIX).rpartition("-")[2] or None


def _party(address: str | None) -> str | None:
    if not address or is_e164(address):
        return address or None
    user, host = parse_sip_uri(address)
    if not host:
        return address
    return user if host.endswith(SIP_DOMAIN_SUFFIX) else f"{user}@{host}"


def _price(records: Sequence[Record]) -> tuple[float | None, str | None]:
    """What all legs together cost, as a positive amount; unknown while any of them is not settled."""
    prices = [parse_price(record.get("price")) for record in records]
    currency = next((record.get("price_unit") for record in records if record.get("price_unit")), None)
    if any(price is None for price in prices):
        return None, currency
    return round(-sum(price for price in prices if price is not None), 6) + 0.0, currency


def started_at(call: Record) -> Any:
    """When a call started, or was queued, in UTC: Twilio's RFC 2822 date as a time; NaT where there is none."""
    return _timestamp(call.get("start_time") or call.get("date_created"))


@lru_cache(maxsize=100_000)
def _timestamp(text: object) -> Any:
    at = parse_time(text)
    return pd.Timestamp(at).tz_convert("UTC") if at else pd.NaT
