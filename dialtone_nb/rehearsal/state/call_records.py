"""Call records, of parent calls and dialled legs alike, in a table of their own because there may be very many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

from dialtone_nb.rehearsal.state.store import Tables

# Seconds after a call's end until its price is known. Twilio takes minutes to hours.
SETTLED_AFTER = 1800.0


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call; times are seconds since 1970, and `price` is positive, in US dollars.

    `dialled` is when a call that the API placed left its queue.
    """

    # The fields of COLUMNS, in their order: lists are filtered and ordered by these.
    sid: str
    parent_call_sid: str | None
    from_: str
    to: str
    status: str
    started: float
    ended: float | None
    # The fields that are stored as JSON, in the column `body`.
    direction: str
    phone_number_sid: str | None = None
    answered: float | None = None
    price: float | None = None
    dialled: float | None = None

    @property
    def duration(self) -> int:
        """Seconds from answer to end; 0 if it was never answered."""
        return 0 if self.answered is None or self.ended is None else round(self.ended - self.answered)

    @property
    def settled(self) -> float | None:
        """The time when the price becomes known; None if there is none."""
        return None if self.ended is None or self.price is None else self.ended + SETTLED_AFTER


COLUMNS = 'sid, parent_call_sid, "from", "to", status, started, ended, body'
NAMES = [one.name for one in fields(CallRecord)]
COLUMN_FIELDS, BODY_FIELDS = NAMES[:7], NAMES[7:]


def _record(row: Sequence[Any]) -> CallRecord:
    *columns, body = row
    return CallRecord(*columns, **orjson.loads(body))


def save_call(tables: Tables, call: CallRecord) -> CallRecord:
    """Insert or replace a call."""
    columns = [getattr(call, name) for name in COLUMN_FIELDS]
    body = {name: getattr(call, name) for name in BODY_FIELDS}
    tables.sql.execute(
        f"INSERT OR REPLACE INTO calls ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
        (*columns, orjson.dumps(body)),
    )
    return call


def next_call_sid(tables: Tables, parent_call_sid: str, from_: str, to: str) -> str:
    """The SID of a new call, derived from caller, called party, and the number of earlier calls between them."""
    name = f"{from_} {to}"
    return tables.identity.sid("CA", "call", parent_call_sid, name, tables.next_nth("call", parent_call_sid, name))


def start_call(
    tables: Tables,
    from_: str,
    to: str,
    direction: str,
    status: str,
    *,
    parent_call_sid: str | None = None,
    phone_number_sid: str | None = None,
) -> CallRecord:
    """Add a call that starts now."""
    sid = next_call_sid(tables, parent_call_sid or "", from_, to)
    call = CallRecord(
        sid, parent_call_sid, from_, to, status, tables.now(), None, direction, phone_number_sid=phone_number_sid
    )
    return save_call(tables, call)


def change_call(tables: Tables, call: CallRecord, **changes: Any) -> CallRecord:
    """Change these fields of a call."""
    return save_call(tables, replace(call, **changes))


def find_call(tables: Tables, sid: str) -> CallRecord | None:
    """The call with this SID, or None."""
    row = tables.sql.execute(f"SELECT {COLUMNS} FROM calls WHERE sid = ?", (sid,)).fetchone()  # noqa: S608 - a constant
    return _record(row) if row else None


def remove_call(tables: Tables, sid: str) -> None:
    """Delete a call and its events."""
    for event in tables.list("call_event", sid):
        tables.remove(event.sid)
    tables.sql.execute("DELETE FROM calls WHERE sid = ?", (sid,))


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a column with a value, in SQL."""

    comparison: str
    value: Any


def walk_calls(
    tables: Tables, conditions: Sequence[Condition], *, after: str = "", before: str = ""
) -> Iterator[CallRecord]:
    """The calls that meet all conditions, newest first: those after the call with a SID, or, backwards, before one."""
    wheres = [condition.comparison for condition in conditions]
    values = [condition.value for condition in conditions]
    place = find_call(tables, after or before) if after or before else None
    if place:
        wheres.append(f"(started, sid) {'<' if after else '>'} (?, ?)")
        values += [place.started, place.sid]
    order = "ASC" if before else "DESC"
    where = f"WHERE {' AND '.join(wheres)}" if wheres else ""
    rows = tables.sql.execute(
        f"SELECT {COLUMNS} FROM calls {where} ORDER BY started {order}, sid {order}",  # noqa: S608 - our own words
        values,
    )
    return map(_record, rows)
