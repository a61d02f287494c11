"""What is known of phones on the days of a report, from their registrations, if these were kept, and from the calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl

from dialtone_nb.calls.attempts.call_data import CallData
from dialtone_nb.calls.attempts.schema import pandas_of
from dialtone_nb.calls.load import TWILIO, CallRunbook
from dialtone_nb.calls.measures.known_phones import COUNTED, frame_registrations, know_phones
from dialtone_nb.phones.registrations.store import load_told

# Evidence holds for at most a day, so evidence of the day before is needed too.
BEFORE = timedelta(days=1)
LONGEST = timedelta(days=366)


def load_known_phones(runbook: CallRunbook, calls: CallData) -> pd.DataFrame:
    """The intervals of each phone with registrations on the report's days; empty on the rehearsal and for files."""
    since, until = _span(calls)
    is_real = runbook.parameters.account == TWILIO and runbook.parameters.source == TWILIO
    declared = runbook.declared
    told = load_told(runbook.project, declared.network, since - BEFORE, until) if is_real else []
    clients = sorted({one.client for one in told} & set(declared.clients))
    attempts = (
        calls.gather(_of(clients), pl.concat, COUNTED) if clients else pl.DataFrame(schema=dict.fromkeys(COUNTED))
    )
    return know_phones(frame_registrations(told), pandas_of(attempts), clients, since, until)


def _of(clients: list[str]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda attempts: attempts.filter(pl.col("client").cast(pl.String).is_in(clients))


def _span(calls: CallData) -> tuple[datetime, datetime]:
    """The beginning of the report's first day, and the end of its last day or now."""
    zone, now = ZoneInfo(calls.time_zone), datetime.now(UTC)

    def midnight(day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)

    until = min(midnight(calls.last_day + timedelta(days=1)), now) if calls.last_day else now
    since = midnight(calls.first_day) if calls.first_day else until - timedelta(days=30)
    return max(min(since, until), until - LONGEST), until
