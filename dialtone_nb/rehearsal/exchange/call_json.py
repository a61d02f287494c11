"""The outcome of a call, as JSON for the client that placed it."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.exchange.call import LiveCall
from dialtone_nb.rehearsal.exchange.call_log import LiveLeg
from dialtone_nb.rehearsal.exchange.call_setup import CallRefused
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedLine
from dialtone_nb.rehearsal.state.alerts import alerts_about
from dialtone_nb.rehearsal.state.store import Tables


def tell_call(tables: Tables, call: LiveCall) -> dict[str, Any]:
    """A call that is over, as JSON: its record and legs, what was heard on them, its webhooks and alerts."""
    record = call.own.record
    sids = {record.sid, *(leg.record.sid for leg in call.legs)}
    alerts = [alert for sid in sids for alert in alerts_about(tables, sid)]
    alerts.sort(key=lambda alert: (alert.created, alert.name, alert.nth))
    return {
        "call_sid": record.sid,
        "from": record.from_,
        "to": record.to,
        "status": record.status,
        "answered": record.answered is not None,
        "duration_s": record.duration,
        "heard": _heard(call.own),
        "children": [_tell_leg(leg) for leg in call.legs],
        "webhooks": call.applications.asked,
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


def tell_refused(refused: CallRefused) -> dict[str, Any]:
    """A call that was refused before it had a record, as JSON."""
    alerts = [{"code": refused.code, "message": refused.reason}] if refused.code else []
    return {
        "call_sid": None,
        "status": "refused",
        "sip_response": refused.sip_response,
        "reason": refused.reason,
        "answered": False,
        "duration_s": 0,
        "heard": [],
        "children": [],
        "webhooks": [],
        "alerts": alerts,
    }


def _tell_leg(leg: LiveLeg) -> dict[str, Any]:
    outgoing = leg.outgoing
    return {
        "call_sid": leg.record.sid,
        "from": leg.record.from_,
        "to": leg.record.to,
        "status": leg.record.status,
        "duration_s": leg.record.duration,
        "sip_response": leg.sip_response,
        "sip_headers": outgoing.sip_headers if outgoing else {},
        "emergency": (outgoing and outgoing.emergency) or None,
        "heard": _heard(leg),
    }


def _heard(leg: LiveLeg) -> list[str]:
    return leg.line.heard if isinstance(leg.line, SimulatedLine) else []
