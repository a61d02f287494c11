"""Consent, apply, check, record: what follows a plan on a runbook's page, and the table of what was applied before."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from dialtone_nb.display.applied import applied_html
from dialtone_nb.display.outputs import show
from dialtone_nb.display.widgets.consent_box import ConsentBox
from dialtone_nb.errors import ApplyError, Fault, InputError
from dialtone_nb.files.reports_folder import reports_folder
from dialtone_nb.infrastructure.apply import Observe
from dialtone_nb.infrastructure.apply_phases import apply_proposal
from dialtone_nb.infrastructure.plan import Plan
from dialtone_nb.infrastructure.record import Applied, load_records, record_folder
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.report.report_table import ReportTable
from dialtone_nb.runbooks.steps.opening import Runbook

REHEARSED_CONSENT = "DIALTONE_REHEARSAL_CONSENT"
COLUMNS = ("when (UTC)", "who", "runbook", "account", "environment", "plan", "change", "outcome", "seconds", "request")
# Parameters that may be set after the plan was made, and are read only now.
_GIVEN_AT_APPLY = ("consent", "break_claim")
# Plans that were applied in this session, with None for one under way: no plan is applied twice.
_taken: WeakKeyDictionary[Proposal, Applied | None] = WeakKeyDictionary()
_taking = threading.Lock()


@dataclass(frozen=True)
class ApplyParameters:
    """What an apply takes of a runbook's parameters; a runbook that does not declare these agrees to nothing."""

    consent: str = ""
    # Whose claim on the environment is taken over: a holder whose machine is known to be dead.
    break_claim: str = ""


def apply_plan(runbook: Runbook, proposal: Proposal) -> Applied | ConsentBox[Applied]:
    """What came of the plan, or in JupyterLab, where no consent was given yet, the box that asks for it.

    A plan is not carried out twice: the second time the result says that nothing is left to do.
    """
    if proposal in _taken:
        return _applied_before(_taken[proposal])
    _refuse_where_parameters_changed(runbook, proposal)
    parameters = runbook.parameters.read(ApplyParameters)
    consent = parameters.consent or rehearsed_consent(proposal.plan)
    reports = runbook.project / record_folder(proposal.plan)

    def carry_on(given: str, observe: Observe) -> Applied:
        _refuse_where_parameters_changed(runbook, proposal)
        return _apply_once(
            proposal, given, runbook=runbook.name, reports=reports, observe=observe, break_claim=parameters.break_claim
        )

    if runbook.attended and not consent and not proposal.plan.is_empty:
        return ConsentBox(proposal.plan, lambda given, box: carry_on(given, box.observe), applied_html)
    applied = carry_on(consent, lambda _: None)
    if applied.exit_code == ApplyError.exit_code:
        # The page keeps what was done and what was not, above the one line that stops the run.
        show(applied)
    raise_where_broken(applied)
    return applied


def _refuse_where_parameters_changed(runbook: Runbook, proposal: Proposal) -> None:
    """Raise an `InputError`, before anything is done, if parameters have changed since the plan was made."""
    now = runbook.parameters
    changed = [
        name for name, value in proposal.site.given.items() if name not in _GIVEN_AT_APPLY and now.get(name) != value
    ]
    if changed:
        problem = f"was made before {' and '.join(changed)} changed, and nothing was done"
        raise InputError(Fault("this plan", problem, "make it anew by running the cell above, then this one again"))


def _applied_before(applied: Applied | None) -> Applied:
    """What a plan that was carried out leaves to do: nothing, or an `InputError` that asks for a new plan."""
    if applied is not None and applied.check is not None and applied.check.is_empty:
        return Applied(applied.check)
    problem = "is being carried out" if applied is None else "was carried out as far as it went"
    raise InputError(Fault("this plan", problem, "make the plan anew by running the cell above, then this one again"))


def _apply_once(
    proposal: Proposal, consent: str, *, runbook: str, reports: Path, observe: Observe, break_claim: str
) -> Applied:
    """What came of the plan, which can't be applied again unless nothing was tried."""
    with _taking:
        is_first = proposal not in _taken
        before = _taken.setdefault(proposal, None)
    if not is_first:
        return _applied_before(before)
    try:
        applied = apply_proposal(
            proposal, consent, runbook=runbook, reports=reports, observe=observe, break_claim=break_claim
        )
    except BaseException:
        # If anything was done, applying it again is refused all the same: a new look gives another plan.
        del _taken[proposal]
        raise
    if applied.outcomes:
        _taken[proposal] = applied
    else:
        del _taken[proposal]
    return applied


def rehearsed_consent(plan: Plan) -> str:
    """Consent for all rehearsed plans of this session: how the notebooks in git come to show what an apply does."""
    return os.environ.get(REHEARSED_CONSENT, "") if plan.is_rehearsal else ""


def raise_where_broken(applied: Applied) -> None:
    """Raise an `ApplyError` that says what stopped it, where something did."""
    if applied.exit_code != ApplyError.exit_code:
        return
    errors = [one.error for one in applied.outcomes if one.error]
    raise ApplyError("; ".join([applied.summary, *errors]), applied.outcomes)


def tabulate_records(runbook: Runbook, last: int = 20) -> ReportTable:
    """One row for each change of the last runs, newest run first; `seconds` is how long a change took."""
    folder = runbook.project / reports_folder(rehearsed=runbook.account_kind == "rehearsal")
    return records_table(folder, last)


def records_table(folder: Path, last: int) -> ReportTable:
    """The same, for a folder that holds a record."""
    rows = [
        (
            record.when,
            record.who,
            record.runbook,
            record.account,
            record.environment,
            record.fingerprint,
            f"{change['action']} {change['kind']} {change['key']}",
            "; ".join(str(change[name]) for name in ("outcome", "note", "error") if change.get(name)),
            change["seconds"],
            change["request_id"],
        )
        for record in reversed(load_records(folder)[-last:])
        for change in record.changes
    ]
    return ReportTable.of(COLUMNS, rows, empty="No apply is recorded.")
