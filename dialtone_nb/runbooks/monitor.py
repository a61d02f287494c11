"""Monitor: an environment's phones, calls, alerts and function log, live for whoever watches, one look otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from dialtone_nb.account.rehearsal_control import fetch_registrations
from dialtone_nb.calls.now import Snapshot, take_snapshot
from dialtone_nb.calls.twilio_source.frame import phones_by_number
from dialtone_nb.calls.twilio_source.server_log import log_source
from dialtone_nb.display.telephony.snapshots import snapshot_html
from dialtone_nb.display.widgets.live import LiveView
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.verify.registrations import phones_known

MOST_MINUTES = 24 * 60


@dataclass(frozen=True)
class MonitorParameters:
    """What watching takes of a runbook's parameters."""

    minutes: int = 60
    every: int = 10
    show_numbers: bool = False


def watch(runbook: Runbook) -> Snapshot | LiveView:
    """One look where nobody is there; in JupyterLab a view that is refreshed until it is stopped."""
    given = runbook.parameters.read(MonitorParameters)
    check_minutes(given.minutes)
    if given.every < 1:
        raise InputError(Fault("parameter every", f"is {given.every}", "write how many seconds to wait, 1 or more"))

    def look_now() -> Snapshot:
        return look(runbook, given.minutes, show_numbers=given.show_numbers, registrations=_registrations(runbook))

    return LiveView(lambda: snapshot_html(look_now()), given.every) if runbook.attended else look_now()


def check_minutes(minutes: int) -> None:
    """Raise an `InputError` if this many minutes are out of range."""
    if not 1 <= minutes <= MOST_MINUTES:
        raise InputError(Fault("parameter minutes", f"is {minutes}", f"write 1 to {MOST_MINUTES}, which is a day"))


def look(
    runbook: Runbook, minutes: int, *, show_numbers: bool, registrations: Mapping[str, str] | None = None
) -> Snapshot:
    """What happened in the last minutes, with the given registrations of phones."""
    declared, account = runbook.declared, runbook.account
    return take_snapshot(
        account.client,
        now=account.now(),
        minutes=minutes,
        environment=runbook.environment,
        phones=phones_by_number(declared),
        service=log_source(declared.network, account, runbook.project),
        registrations=registrations,
        clients=declared.clients,
        show_numbers=show_numbers,
    ).by_clocks(ZoneInfo(declared.network.time_zone))


def _registrations(runbook: Runbook) -> dict[str, str]:
    """What is known of registrations: from the rehearsal itself, or from the phones' logs that `listen` kept."""
    if runbook.account.is_rehearsal:
        return fetch_registrations(runbook.account, runbook.environment)
    known = phones_known(runbook.project, runbook.declared, runbook.account.now())
    return {name: phone.words for name, phone in known.items()}
