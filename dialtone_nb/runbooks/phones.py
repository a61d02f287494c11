"""Phones: every declared phone on one page: state, last call, sheet, emergency drill, and what to run for it."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from dialtone_nb.account.rehearsal_control import fetch_registrations
from dialtone_nb.calls.load import TWILIO, load_calls
from dialtone_nb.calls.measures.last_seen import life_by_phone
from dialtone_nb.calls.now import REMEMBERED, PhoneSeen, see_phones
from dialtone_nb.calls.twilio_source.frame import phones_by_number
from dialtone_nb.calls.twilio_source.server_log import log_source
from dialtone_nb.display.rendering import PROJECT_LINK
from dialtone_nb.display.telephony.phones import PhoneOverview, PhoneRow
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.phone_files import sheet_file
from dialtone_nb.runbooks.test_calls import list_set_up
from dialtone_nb.values.emergency import TEST_LINE


def overview_phones(runbook: Runbook) -> PhoneOverview:
    """Every phone of the environment, or of all, those that need somebody first; only reading."""
    declared, account = runbook.declared, runbook.account
    now, zone = account.now(), ZoneInfo(declared.network.time_zone)
    data = load_calls(
        TWILIO,
        account,
        time_zone=declared.network.time_zone,
        service=log_source(declared.network, account, runbook.project),
        phones=phones_by_number(declared),
    )
    attempts = data.frame
    life = life_by_phone(data.signs(), pd.Timestamp(now))
    # A rehearsal finds the sheets of accounts before this one; those of phones that it has not set up are no use.
    sheets = list_set_up(account, declared) if account.is_rehearsal else set(declared.clients)
    rows = []
    for environment in [runbook.environment] if runbook.environment else declared.network.environments:
        recent = attempts[attempts["started_at"] >= now - REMEMBERED]
        seen = see_phones(declared.clients_in(environment), recent, fetch_registrations(account, environment))
        rows += [
            _row(runbook, one, attempts[attempts["client"] == one.name], life, zone, has_sheet=one.name in sheets)
            for one in seen
        ]
    return PhoneOverview(runbook.environment, now.astimezone(zone), account.is_rehearsal, tuple(rows))


def _row(
    runbook: Runbook, seen: PhoneSeen, attempts: pd.DataFrame, life: pd.DataFrame, zone: ZoneInfo, *, has_sheet: bool
) -> PhoneRow:
    client = runbook.declared.clients[seen.name]
    last = attempts.iloc[-1].to_dict() if len(attempts) else None
    drills = attempts[(attempts["direction"] == "outgoing") & (attempts["other_party"] == TEST_LINE)]
    return PhoneRow(
        seen,
        client.environment,
        client.caller_id,
        client.device,
        bool(seen.name in life.index and life.loc[seen.name, "is_silent"]),
        _told(last, zone),
        client.calls_emergency,
        client.has_test_line,
        _moment(drills["started_at"].iloc[-1], zone) if len(drills) else "",
        _sheet(runbook, seen.name, client.environment) if has_sheet else "",
    )


def _told(attempt: Mapping[Hashable, object] | None, zone: ZoneInfo) -> str:
    if attempt is None:
        return ""
    outcome = str(attempt["outcome"]).replace("_", " ")
    return f"{_moment(attempt['started_at'], zone)}, {attempt['direction']}: {outcome}"


def _moment(at: object, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if isinstance(at, datetime) else ""


def _sheet(runbook: Runbook, name: str, environment: str) -> str:
    """Where the phone's sheet can be opened from; empty where none was written yet."""
    sheet = sheet_file(runbook.project, environment, name, rehearsed=runbook.account.is_rehearsal)
    if not sheet.exists():
        return ""
    return f"{PROJECT_LINK}{Path(os.path.relpath(sheet, runbook.project)).as_posix()}"
