"""Monitor: an environment's phones, calls, alerts and function log, live for whoever watches, one look otherwise."""

from __future__ import annotations

from dialtone_nb.calls.now import Snapshot, fetch_registrations, take_snapshot
from dialtone_nb.calls.twilio_source.frame import Phone
from dialtone_nb.calls.twilio_source.server_log import log_source
from dialtone_nb.display.snapshots import snapshot_html
from dialtone_nb.display.widgets.live import LiveView
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.runbooks.opening import Runbook

MOST_MINUTES = 24 * 60


def watch(runbook: Runbook) -> Snapshot | LiveView:
    """One look where nobody is there; in JupyterLab a view that is refreshed until it is stopped."""
    minutes, every = int(runbook.parameters.minutes), int(runbook.parameters.every)
    if not 1 <= minutes <= MOST_MINUTES:
        raise InputError(Fault("parameter minutes", f"is {minutes}", f"write 1 to {MOST_MINUTES}, which is a day"))
    if every < 1:
        raise InputError(Fault("parameter every", f"is {every}", "write how many seconds to wait, 1 or more"))
    if runbook.attended:
        return LiveView(lambda: snapshot_html(look(runbook)), every)
    return look(runbook)


def look(runbook: Runbook) -> Snapshot:
    """What is to be seen now."""
    declared, account = runbook.declared, runbook.account
    return take_snapshot(
        account.client,
        now=account.now(),
        minutes=int(runbook.parameters.minutes),
        environment=runbook.environment,
        phones={client.caller_id: Phone(name, client.environment) for name, client in declared.clients.items()},
        service=log_source(declared.network, runbook.account, runbook.project),
        registrations=fetch_registrations(account, runbook.environment),
        clients=declared.clients,
        show_numbers=bool(runbook.parameters.show_numbers),
    )
