"""Registrations and calls -> the intervals in which each phone was known to be on or off."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import DELIVERED
from dialtone_nb.phones.registrations.intervals import (
    CALL_HOLDS,
    Evidence,
    Interval,
    Known,
    evidence_of,
    find_intervals,
)
from dialtone_nb.phones.registrations.lines import RegistrationState
from dialtone_nb.phones.registrations.store import Registration

# Twilio's errors for calls to a phone that is not there, by outcome.
AWAY: Final = {"unregistered": "32009 not registered", "unreachable": "32011 can't be reached"}
# Columns of the attempts that are needed.
COUNTED: Final = ("started_at", "client", "direction", "outcome", "duration_s")
_TIMES: Final = ("at", "since", "until")


def frame_registrations(registrations: Iterable[Registration]) -> pd.DataFrame:
    """Registrations as a frame, a column for each of their fields."""
    return _frame(Registration, registrations)


def know_phones(
    registrations: pd.DataFrame, attempts: pd.DataFrame, clients: Iterable[str], since: datetime, until: datetime
) -> pd.DataFrame:
    """The intervals of each phone, by phone and time, with columns client, known, since, until, reason, told_by.

    Attempts have the columns of a call report; the alerts 32009 and 32011 are in their outcomes.
    """
    evidence = [*map(evidence_of, _registrations_of(registrations)), *evidence_of_attempts(attempts)]
    return _frame(Interval, find_intervals(evidence, clients, since, until))


def intervals_of(frame: pd.DataFrame) -> list[Interval]:
    """The intervals in a frame of `know_phones`."""
    rows = frame[_names(Interval)].itertuples(index=False, name=None)
    return [Interval(client, Known(known), *rest) for client, known, *rest in rows]


def evidence_of_attempts(attempts: pd.DataFrame) -> list[Evidence]:
    """Evidence from calls: a phone that placed one or rang was there; one that Twilio did not reach was not."""
    known = attempts[attempts["client"].notna() & (attempts["client"] != "")]
    found = (_evidence(row) for row in known.to_dict("records"))
    return [one for one in found if one]


def _evidence(row: dict[Hashable, Any]) -> Evidence | None:
    at, outcome, client = row["started_at"], str(row["outcome"]), str(row["client"])
    if not isinstance(at, datetime) or pd.isna(at):
        return None
    if row["direction"] == "outgoing" or outcome in DELIVERED:
        seconds = row.get("duration_s")
        talked = timedelta(seconds=seconds) if isinstance(seconds, int) else timedelta()
        told_by = "placed a call" if row["direction"] == "outgoing" else "was called"
        return Evidence(at, client, True, at + talked + CALL_HOLDS, told_by)
    if outcome in AWAY:
        return Evidence(at, client, False, at + CALL_HOLDS, "was called", AWAY[outcome])
    return None


def _registrations_of(frame: pd.DataFrame) -> list[Registration]:
    rows = frame[_names(Registration)].itertuples(index=False, name=None)
    return [Registration(at, client, RegistrationState(state), *rest) for at, client, state, *rest in rows]


def _names(kind: type[Registration] | type[Interval]) -> list[str]:
    return [field.name for field in fields(kind)]


def _frame(
    kind: type[Registration] | type[Interval], ones: Iterable[Registration] | Iterable[Interval]
) -> pd.DataFrame:
    names = _names(kind)
    frame = pd.DataFrame([asdict(one) for one in ones], columns=names)
    return frame.astype({name: "datetime64[us, UTC]" for name in _TIMES if name in names})
