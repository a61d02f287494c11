"""Explore: the recent calls of an environment, and one of them from its beginning to its end."""

from __future__ import annotations

from dialtone_nb.calls.call_story import Story, fetch_story
from dialtone_nb.calls.now import Snapshot, take_snapshot
from dialtone_nb.calls.twilio_source.frame import Phone
from dialtone_nb.calls.twilio_source.server_log import log_source
from dialtone_nb.display.call_story import Exploration
from dialtone_nb.display.widgets.call_explorer import CallExplorer
from dialtone_nb.errors import AbsentError, Fault, InputError
from dialtone_nb.runbooks.monitor import MOST_MINUTES
from dialtone_nb.runbooks.opening import Runbook


def explore_calls(runbook: Runbook) -> Exploration | CallExplorer:
    """The calls of the last minutes and the story of `call`, a SID, or of the newest; in JupyterLab to choose from."""
    minutes, wanted = int(runbook.parameters.minutes), str(runbook.parameters.call)
    if not 1 <= minutes <= MOST_MINUTES:
        raise InputError(Fault("parameter minutes", f"is {minutes}", f"write 1 to {MOST_MINUTES}, which is a day"))
    if wanted and not (wanted.startswith("CA") and len(wanted) == 34):
        raise InputError(Fault("parameter call", f"is {wanted!r}", "write a call's SID, CA and 32 digits, or nothing"))

    def tell(call_sid: str) -> Story:
        return _tell(runbook, call_sid)

    snapshot = _look(runbook, minutes)
    attempts = snapshot.attempts
    newest = str(attempts["call_sid"].iloc[0]) if len(attempts) else ""
    chosen = wanted or newest
    exploration = Exploration(
        runbook.environment, minutes, attempts, tell(chosen) if chosen else None, snapshot.emergency_calls
    )
    return CallExplorer(exploration, tell) if runbook.attended else exploration


def _tell(runbook: Runbook, call_sid: str) -> Story:
    declared = runbook.declared
    try:
        return fetch_story(
            runbook.account.client,
            call_sid,
            service=log_source(declared.network, runbook.account, runbook.project),
            ours={client.caller_id for client in declared.clients.values()},
            show_numbers=bool(runbook.parameters.show_numbers),
        )
    except AbsentError:
        raise InputError(Fault("parameter call", f"there is no call {call_sid} in this account")) from None


def _look(runbook: Runbook, minutes: int) -> Snapshot:
    declared, account = runbook.declared, runbook.account
    return take_snapshot(
        account.client,
        now=account.now(),
        minutes=minutes,
        environment=runbook.environment,
        phones={client.caller_id: Phone(name, client.environment) for name, client in declared.clients.items()},
        service=log_source(declared.network, runbook.account, runbook.project),
        clients=declared.clients,
        show_numbers=bool(runbook.parameters.show_numbers),
    )
