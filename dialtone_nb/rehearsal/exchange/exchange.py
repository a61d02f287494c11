"""The exchange: takes an order for a call, lets it in or turns it away, and tells what came of it."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dialtone_nb.rehearsal.alerting import raise_alert
from dialtone_nb.rehearsal.api.ip_access_control_lists import is_let_in
from dialtone_nb.rehearsal.api.sip_domains import auth_type
from dialtone_nb.rehearsal.call_records import CallRecord, start_call
from dialtone_nb.rehearsal.exchange.carrying import Carrying, Entry, Legged
from dialtone_nb.rehearsal.exchange.orders import Order
from dialtone_nb.rehearsal.exchange.parameters import PHONE_ADDRESS
from dialtone_nb.rehearsal.exchange.phones import CALLS, chosen_domain, may
from dialtone_nb.rehearsal.exchange.reach import owned_number
from dialtone_nb.rehearsal.exchange.webhooks import Asker
from dialtone_nb.rehearsal.refusal import Refusal, not_modelled
from dialtone_nb.rehearsal.store import Store, Tables

BETWEEN_CALLS_S = 1.0
# RFC 3261's way to write digits into a SIP URI: Twilio shows # as %23.
SIP_USER_SAFE = "+*-_.!~'()&=$,;?/"


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A call that never became one: no record, only SIP's answer and perhaps an alert."""

    sip_response: int
    code: int | None
    reason: str


class Exchange:
    """Carries calls, one at a time: each moves the one clock."""

    def __init__(self, store: Store, base: str) -> None:
        self._store = store
        self._asker = Asker(base, store.identity.auth_token)
        self._one_at_a_time = threading.Lock()
        # One thread of its own: were those that all share full of waiting calls, none would be left to start functions.
        self._queue = ThreadPoolExecutor(1, "rehearsal calls")

    def close(self) -> None:
        """Let its connections go."""
        self._queue.shutdown(wait=False, cancel_futures=True)
        self._asker.close()

    def queue(self, order: Order) -> Future[dict[str, Any]]:
        """What will come of a call, once those before it are over."""
        return self._queue.submit(self.place, order)

    def place(self, order: Order) -> dict[str, Any]:
        """What came of a call, as JSON: it is over when this returns."""
        with self._one_at_a_time:
            entry = self._let_in(order)
            if isinstance(entry, TurnedAway):
                return self._told_away(entry)
            with self._store.transaction() as tables:
                parent = start_call(
                    tables, entry.from_, entry.to, "inbound", "ringing", phone_number_sid=entry.number_sid or None
                )
            carrying = Carrying(self._store, self._asker, entry, parent, order.far_side)
            carrying.run()
            with self._store.transaction() as tables:
                # Nobody dials again at once; and so no two calls start in the same second.
                tables.advance(BETWEEN_CALLS_S)
            return self._told(carrying)

    def _let_in(self, order: Order) -> Entry | TurnedAway:
        with self._store.transaction() as tables:
            return _from_phone(tables, order) if order.client else _from_number(tables, order)

    def _told_away(self, turned: TurnedAway) -> dict[str, Any]:
        alerts = [{"code": turned.code, "message": turned.reason}] if turned.code else []
        return {
            "call_sid": None,
            "status": "refused",
            "sip_response": turned.sip_response,
            "reason": turned.reason,
            "answered": False,
            "duration_s": 0,
            "heard": [],
            "children": [],
            "webhooks": [],
            "alerts": alerts,
        }

    def _told(self, carrying: Carrying) -> dict[str, Any]:
        parent = carrying.parent
        sids = {parent.sid, *(leg.record.sid for leg in carrying.legs)}
        with self._store.transaction() as tables:
            alerts = [alert for alert in tables.list("alert", "") if alert.body["resource_sid"] in sids]
        alerts.sort(key=lambda alert: (alert.created, alert.name, alert.nth))
        return {
            "call_sid": parent.sid,
            "from": parent.from_,
            "to": parent.to,
            "status": parent.status,
            "answered": parent.answered is not None,
            "duration_s": parent.duration,
            "heard": carrying.heard,
            "children": [_told_leg(leg) for leg in carrying.legs],
            "webhooks": carrying.webhooks,
            "alerts": [
                {
                    "sid": alert.sid,
                    "code": int(alert.body["error_code"]),
                    "level": alert.body["log_level"],
                    "message": alert.body["message"],
                    "resource_sid": alert.body["resource_sid"],
                }
                for alert in alerts
            ],
        }


def _told_leg(leg: Legged) -> dict[str, Any]:
    record: CallRecord = leg.record
    return {
        "call_sid": record.sid,
        "from": record.from_,
        "to": record.to,
        "status": record.status,
        "duration_s": record.duration,
        "sip_response": leg.sip_response,
        "sip_headers": leg.headers,
        "emergency": leg.emergency or None,
    }


def _from_phone(tables: Tables, order: Order) -> Entry | TurnedAway:
    domain = chosen_domain(tables, order.client, CALLS, order.domain)
    if domain and auth_type(tables, domain) == "IP_ACL":
        raise not_modelled(f"calls to {domain.name}, which has an IP access control list and no credential list")
    if domain is None or not may(tables, domain, order.client, CALLS):
        where = domain.name if domain else "any SIP domain"
        reason = f"SIP: bad user credentials: no credential list mapped for calls at {where} holds {order.client}"
        raise_alert(tables, 32202, domain.sid if domain else "", reason)
        return TurnedAway(403, 32202, reason)
    if not is_let_in(tables, domain, PHONE_ADDRESS):
        reason = f"SIP: {PHONE_ADDRESS}, which the phone calls from, is in no IP access control list of {domain.name}"
        raise_alert(tables, 32201, domain.sid, reason)
        return TurnedAway(403, 32201, reason)
    body = domain.body
    return Entry(
        from_=f"sip:{order.client}@{domain.name}",
        to=f"sip:{quote(order.dial, safe=SIP_USER_SAFE)}@{domain.name}",
        voice_url=body["voice_url"] or "",
        voice_method=body["voice_method"],
        fallback_url=body["voice_fallback_url"] or "",
        fallback_method=body["voice_fallback_method"],
        callback_url=body["voice_status_callback_url"] or "",
        callback_method=body["voice_status_callback_method"],
        domain=domain,
        username=order.client,
    )


def _from_number(tables: Tables, order: Order) -> Entry | TurnedAway:
    if not order.from_.startswith("+"):
        raise Refusal(20001, f"from must be E.164, with a plus sign; it is {order.from_!r}")
    number = owned_number(tables, order.to)
    if number is None:
        return TurnedAway(404, None, f"{order.to} is not in service: this account does not have it")
    body = number.body
    return Entry(
        from_=order.from_,
        to=order.to,
        voice_url=body["voice_url"] or "",
        voice_method=body["voice_method"],
        fallback_url=body["voice_fallback_url"] or "",
        fallback_method=body["voice_fallback_method"],
        callback_url=body["status_callback"] or "",
        callback_method=body["status_callback_method"],
        number_sid=number.sid,
    )
