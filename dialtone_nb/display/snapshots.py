"""How a look at an environment is shown: phones, calls, alerts and log, each a table; as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialtone_nb.calls.now import PhoneSeen, PhoneState, Snapshot
from dialtone_nb.display.call_story import (
    ATTEMPT_HEADS,
    EMERGENCY_HEADS,
    attempt_cells,
    emergency_cells,
    moment_head,
)
from dialtone_nb.display.rendering import render

# A colour's class and a sign for each state, for whoever sees no colours.
_ROLES = {
    PhoneState.THERE: ("done", "✓"),
    PhoneState.TALKING: ("done", "☎"),
    PhoneState.MISSING: ("failed", "✗"),
    PhoneState.UNKNOWN: ("", "?"),
}
_HEADS = {
    "Emergency calls": EMERGENCY_HEADS,
    "Phones": ("phone", "state", "told by", "what to do"),
    "Calls": ATTEMPT_HEADS,
    "Alerts": ("code", "meaning"),
    "Function log": ("phone", "event"),
}

Rows = Sequence[tuple[Sequence[str], str]]


def snapshot_text(snapshot: Snapshot) -> str:
    """The look for a terminal: a line a phone, call, alert and log line."""
    lines = [snapshot.summary]
    for title, rows in _parts(snapshot).items():
        lines += [title, *(f"  {'  '.join(filter(None, cells))}" for cells, _ in rows)] if rows else [f"{title}: none"]
    return "\n".join(lines)


def snapshot_html(snapshot: Snapshot) -> str:
    """The look as tables."""
    parts = [(title, _head(title, snapshot), rows) for title, rows in _parts(snapshot).items()]
    return render("snapshot", snapshot=snapshot, parts=parts)


def _parts(snapshot: Snapshot) -> dict[str, Rows]:
    emergencies = [(emergency_cells(one), "" if one.is_test else "failed") for one in snapshot.emergency_calls]
    return {
        # What somebody must know at once; where there was none it is not looked for either.
        **({"Emergency calls": emergencies} if emergencies else {}),
        "Phones": [_phone(phone, snapshot) for phone in snapshot.phones],
        "Calls": [(attempt_cells(one), "") for one in snapshot.attempts.to_dict("records")],
        "Alerts": [((_clock(alert.at), alert.code, alert.about), "") for alert in snapshot.alerts],
        "Function log": [((_clock(line.at), line.phone, line.what), "") for line in snapshot.log],
    }


def _head(title: str, snapshot: Snapshot) -> Sequence[str]:
    if title == "Phones":
        return (*_HEADS[title], "registration") if _tells_registrations(snapshot) else _HEADS[title]
    return (moment_head(snapshot.at.tzinfo), *_HEADS[title])


def _tells_registrations(snapshot: Snapshot) -> bool:
    return any(phone.registration for phone in snapshot.phones)


def _phone(phone: PhoneSeen, snapshot: Snapshot) -> tuple[Sequence[str], str]:
    role, sign = _ROLES[phone.state]
    told = f"{phone.told_by}, {_ago(phone.at, snapshot.at)}" if phone.at else phone.told_by
    registration = [phone.registration] if _tells_registrations(snapshot) else []
    return (f"{sign} {phone.name}", phone.state, told, phone.repair, *registration), role


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _ago(at: datetime, now: datetime) -> str:
    minutes = max(int((now - at).total_seconds()) // 60, 0)
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
