"""Explore: what happens if a phone dials, the recent calls of an environment, and one of them from beginning to end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from dialtone_nb.calls.call_story import Story, fetch_story
from dialtone_nb.calls.twilio_source.server_log import log_source
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import Table
from dialtone_nb.display.telephony.call_story import Exploration
from dialtone_nb.display.telephony.what_if import WhatIf
from dialtone_nb.display.widgets.call_explorer import CallExplorer
from dialtone_nb.display.widgets.what_if_box import WhatIfBox
from dialtone_nb.errors import AbsentError, Fault, InputError
from dialtone_nb.infrastructure.live_table import fetch_live_table, read_serving_table
from dialtone_nb.infrastructure.site import own_server
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.what_if import KeypadResult, ask_dial_plan, usual_strings
from dialtone_nb.runbooks.monitor import check_minutes, look
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.values.sids import is_sid

# The form in which the monitor names a call.
_SID_END: Final = re.compile(r"[0-9a-f]{6,31}")


@dataclass(frozen=True)
class ExploreParameters:
    """What exploring calls takes of a runbook's parameters."""

    minutes: int = 60
    call: str = ""
    show_numbers: bool = False


def ask_what_if(runbook: Runbook, client: str, *dialled: str) -> WhatIf | WhatIfBox:
    """What happens for each string that the phone dials; in JupyterLab with a field to try others, and other phones.

    Where no string is given, one of each kind of call is tried. The table that is live in the phone's environment
    answers; where nothing is live yet, the one of the files.
    """
    declared = runbook.declared.clients
    if client not in declared:
        raise InputError(Fault(f"client {client}", "is not a phone in clients.yaml", suggest(client, list(declared))))

    @cache
    def table_of(environment: str) -> tuple[Table, str]:
        return _table_of(runbook, environment)

    def ask(name: str, keys: str) -> KeypadResult:
        table, _ = table_of(declared[name].environment)
        return ask_dial_plan(runbook.declared, table, name, keys)

    table, asked = table_of(declared[client].environment)
    answers = tuple(ask(client, keys) for keys in dialled or usual_strings(runbook.declared, table, client).values())
    what_if = WhatIf(client, asked, answers)
    return WhatIfBox(what_if, list(declared), ask) if runbook.attended else what_if


def _table_of(runbook: Runbook, environment: str) -> tuple[Table, str]:
    """The table that answers in an environment, and what it is called."""
    network, files = runbook.declared.network, compile_table(runbook.declared)
    server = own_server(runbook.declared, files, runbook.account, runbook.project)
    if network.self_hosted and server:
        live = read_serving_table(server.folder, environment)
    else:
        live = fetch_live_table(runbook.account, network.service.name, environment)
    if live is None:
        return files, f"the files: nothing is live in {environment}"
    return live, f"the dial plan that is live in {environment}"


def explore_calls(runbook: Runbook) -> Exploration | CallExplorer:
    """The calls of the last minutes and the story of `call` or of the newest; in JupyterLab to choose from."""
    given = runbook.parameters.read(ExploreParameters)
    wanted = given.call
    check_minutes(given.minutes)
    if wanted and not (is_sid(wanted, "call") or _SID_END.fullmatch(wanted)):
        raise InputError(Fault("parameter call", f"is {wanted!r}", "write a call's SID, CA and 32 digits, or nothing"))

    def tell(call_sid: str) -> Story:
        return _tell(runbook, call_sid, show_numbers=given.show_numbers)

    snapshot = look(runbook, given.minutes, show_numbers=given.show_numbers)
    attempts = snapshot.attempts
    newest = str(attempts["call_sid"].iloc[0]) if len(attempts) else ""
    chosen = (wanted if is_sid(wanted, "call") else _ending(wanted, attempts["call_sid"], given.minutes)) or newest
    exploration = Exploration(
        runbook.environment, given.minutes, attempts, tell(chosen) if chosen else None, snapshot.emergency_calls
    )
    return CallExplorer(exploration, tell) if runbook.attended else exploration


def _ending(end: str, call_sids: Iterable[str], minutes: int) -> str:
    """The one call whose SID ends so; an `InputError` where there is none, or several."""
    found = [sid for sid in call_sids if sid.endswith(end)] if end else [""]
    if len(found) != 1:
        problem = f"{len(found) or 'no'} calls of the last {minutes} minutes end in {end}"
        raise InputError(Fault("parameter call", problem, "write the whole SID, or look further back with `minutes`"))
    return found[0]


def _tell(runbook: Runbook, call_sid: str, *, show_numbers: bool) -> Story:
    declared = runbook.declared
    try:
        return fetch_story(
            runbook.account.client,
            call_sid,
            service=log_source(declared.network, runbook.account, runbook.project),
            ours=set(declared.numbers),
            show_numbers=show_numbers,
        ).by_clocks(ZoneInfo(declared.network.time_zone))
    except AbsentError:
        raise InputError(Fault("parameter call", f"there is no call {call_sid} in this account")) from None
