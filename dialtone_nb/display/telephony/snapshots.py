"""Render a look at an environment, as text and as HTML: tables of phones, calls, alerts and log lines."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from dialtone_nb.calls.now import PhoneSeen, PhoneState, Snapshot
from dialtone_nb.display.rendering import render
from dialtone_nb.display.telephony.call_story import (
    ATTEMPT_HEADS,
    EMERGENCY_HEADS,
    attempt_cells,
    emergency_cells,
    moment_head,
)

# For each state a colour's class, and a sign for readers who see no colours.
_ROLES = {
    PhoneState.THERE: ("done", "✓"),
    PhoneState.TALKING: ("done", "☎"),
    PhoneState.MISSING: ("failed", "✗"),
    PhoneState.UNKNOWN: ("", "?"),
}
_HEADS = {
    "Emergency calls": EMERGENCY_HEADS,
    "Phones": ("phone", "state", "told by", "what to do"),
    "In progress": (*ATTEMPT_HEADS, "explore"),
    "Calls": (*ATTEMPT_HEADS, "explore"),
    "Alerts": ("code", "meaning"),
    "Function log": ("phone", "event"),
}

# How much of a call's SID tells it from the others of a day; `explore` takes that for its `call`.
_SID_END = 6


class Row(NamedTuple):
    """A row of a table: its cells, the class that colours it, the sign before the first, the end of a call's SID."""

    cells: Sequence[str]
    role: str = ""
    sign: str = ""
    call: str = ""


Rows = Sequence[Row]


def snapshot_text(snapshot: Snapshot) -> str:
    """The look for a terminal: one line for each phone, call, alert and log line."""
    lines = [snapshot.summary]
    for title, rows in _parts(snapshot).items():
        lines += [title, *map(_line, rows)] if rows else [f"{title}: none"]
    return "\n".join(lines)


def _line(row: Row) -> str:
    call = f"…{row.call}" if row.call else ""
    return f"  {'  '.join(filter(None, (f'{row.sign} {row.cells[0]}'.lstrip(), *row.cells[1:], call)))}"


def snapshot_html(snapshot: Snapshot) -> str:
    """The look as tables."""
    parts = [(title, _head(title, snapshot), rows) for title, rows in _parts(snapshot).items()]
    return render("snapshot", snapshot=snapshot, parts=parts)


def _parts(snapshot: Snapshot) -> dict[str, Rows]:
    emergencies = [Row(emergency_cells(one), "" if one.is_test else "failed") for one in snapshot.emergency_calls]
    calls = snapshot.attempts.to_dict("records")
    now = [_call(one, "done") for one in calls if one["outcome"] == "in_progress"]
    return {
        # What somebody must know at once; without such calls there is no heading for them.
        **({"Emergency calls": emergencies} if emergencies else {}),
        **({"In progress": now} if now else {}),
        "Phones": [_phone(phone, snapshot) for phone in snapshot.phones],
        "Calls": [_call(one) for one in calls if one["outcome"] != "in_progress"],
        "Alerts": [Row((_clock(alert.at), alert.code, alert.about)) for alert in snapshot.alerts],
        "Function log": [Row((_clock(line.at), line.phone, line.what)) for line in snapshot.log],
    }


def _call(attempt: Mapping[Hashable, Any], role: str = "") -> Row:
    return Row(attempt_cells(attempt), role, call=str(attempt["call_sid"])[-_SID_END:])


def _head(title: str, snapshot: Snapshot) -> Sequence[str]:
    if title == "Phones":
        return (*_HEADS[title], "registration") if _tells_registrations(snapshot) else _HEADS[title]
    return (moment_head(snapshot.at.tzinfo), *_HEADS[title])


def _tells_registrations(snapshot: Snapshot) -> bool:
    return any(phone.registration for phone in snapshot.phones)


def _phone(phone: PhoneSeen, snapshot: Snapshot) -> Row:
    role, sign = _ROLES[phone.state]
    told = f"{phone.told_by}, {_ago(phone.at, snapshot.at)}" if phone.at else phone.told_by
    registration = [phone.registration] if _tells_registrations(snapshot) else []
    return Row((phone.name, phone.state, told, phone.repair, *registration), role, sign)


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _ago(at: datetime, now: datetime) -> str:
    minutes = max(int((now - at).total_seconds()) // 60, 0)
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
