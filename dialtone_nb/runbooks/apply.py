"""Consent, apply, check, record: what follows a plan."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

from dialtone_nb.display.outputs import show
from dialtone_nb.display.widgets.consent_box import ConsentBox
from dialtone_nb.errors import (
    AbsentError,
    ApplyError,
    DialtoneError,
    Fault,
    InputError,
    StalePlanError,
)
from dialtone_nb.infrastructure.applied import Applied
from dialtone_nb.infrastructure.apply import LOOK_AGAIN_S, Outcome, Status, apply_changes
from dialtone_nb.infrastructure.claim import HeldClaim, Keeper, held, holder_name, variables_of
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Action, Change, Plan, check_consent
from dialtone_nb.infrastructure.record import (
    JOURNAL,
    Record,
    append,
    journal_entry,
    make_record,
    record_folder,
    save_record,
)
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Kind
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.runbooks.workspace import Proposal, Site
from dialtone_nb.server.folder import ClaimFolder

REHEARSED_CONSENT = "DIALTONE_REHEARSAL_CONSENT"
Observe = Callable[[Outcome | Change], None]
# What may come after the plan was made, and is looked at only now.
_GIVEN_AT_APPLY = ("consent", "break_claim")
# Plans that were carried out in this session, and None for one that is under way: none is good for a second time.
_taken: WeakKeyDictionary[Proposal, Applied | None] = WeakKeyDictionary()
_taking = threading.Lock()


def apply_plan(runbook: Runbook, proposal: Proposal) -> Applied | ConsentBox:
    """What came of the plan; where somebody is there to ask and gave no consent yet, the box that asks.

    A plan that was carried out is not carried out again: what is shown is that nothing is left to do.
    """
    if proposal in _taken:
        return _applied_before(_taken[proposal])
    _refuse_where_parameters_changed(runbook, proposal)
    consent = str(runbook.parameters.get("consent", "")) or _rehearsed_consent(proposal.plan)
    dead_holder = str(runbook.parameters.get("break_claim", ""))
    reports = runbook.project / record_folder(proposal.plan)

    def carry_on(given: str, observe: Observe) -> Applied:
        _refuse_where_parameters_changed(runbook, proposal)
        return _carry_out_once(
            proposal, given, runbook=runbook.name, reports=reports, observe=observe, break_claim=dead_holder
        )

    if runbook.attended and not consent and not proposal.plan.is_empty:
        return ConsentBox(proposal.plan, carry_on)
    applied = carry_on(consent, lambda _: None)
    if applied.exit_code == ApplyError.exit_code:
        # The page keeps what was done and what was not, above the one line that stops the run.
        show(applied)
    raise_where_broken(applied)
    return applied


def _refuse_where_parameters_changed(runbook: Runbook, proposal: Proposal) -> None:
    """Raise an `InputError`, before anything is done, where the plan was made with other parameters than hold now."""
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


def _carry_out_once(
    proposal: Proposal, consent: str, *, runbook: str, reports: Path, observe: Observe, break_claim: str
) -> Applied:
    """What came of the plan, which is then used up; where nothing was tried it is still good."""
    with _taking:
        is_first = proposal not in _taken
        before = _taken.setdefault(proposal, None)
    if not is_first:
        return _applied_before(before)
    try:
        applied = carry_out(
            proposal, consent, runbook=runbook, reports=reports, observe=observe, break_claim=break_claim
        )
    except BaseException:
        # Applied again it is refused, should anything have been done: another look then gives another plan.
        del _taken[proposal]
        raise
    if applied.outcomes:
        _taken[proposal] = applied
    else:
        del _taken[proposal]
    return applied


def _rehearsed_consent(plan: Plan) -> str:
    """Consent for all rehearsed plans of this session: how the notebooks in git come to show what an apply does."""
    return os.environ.get(REHEARSED_CONSENT, "") if plan.is_rehearsal else ""


def carry_out(
    proposal: Proposal,
    consent: str,
    *,
    runbook: str,
    reports: Path,
    observe: Observe = lambda _: None,
    break_claim: str = "",
) -> Applied:
    """What came of the plan; a `ConsentError` or `HeldError` before anything is done, where it may not be."""
    plan, site = proposal.plan, proposal.site
    if not check_consent(plan, consent) or plan.is_empty:
        return Applied(plan)
    work = Work(
        site.account,
        site.parameters.network.service.name,
        site.parameters.network.credential_list,
        proposal.existing.state,
        proposal.bundle,
        site.server,
        {**site.secrets},
    )

    def watch(event: Outcome | Change) -> None:
        append(reports / JOURNAL, journal_entry(plan, event))
        observe(event)

    outcomes = _apply_claimed(work, site, plan, proposal, watch, break_claim)
    complete = all(one.status is Status.DONE for one in outcomes)

    def recorded(found: str) -> Record:
        record = make_record(plan, outcomes, runbook=runbook, who=holder_name(), when=site.account.now(), check=found)
        save_record(reports, record)
        return record

    try:
        proposal.settle(outcomes)
        check = _check(proposal) if complete else None
        said = tuple(proposal.finish(outcomes)) if complete else ()
    except Exception as error:
        # What was done is on record, whatever stopped the look afterwards.
        recorded(f"failed: {site.account.transport.redact(str(error))}")
        raise
    return Applied(plan, tuple(outcomes), check, recorded("not made" if check is None else check.summary), said)


def _check(proposal: Proposal) -> Plan:
    """What is left to do, which should be nothing; planned a few times, as Twilio's lists lag behind by seconds."""
    check = proposal.again()
    for pause in LOOK_AGAIN_S:
        if check.is_empty:
            break
        proposal.site.account.wait(pause)
        check = proposal.again()
    return check


def _apply_claimed(
    work: Work, site: Site, plan: Plan, proposal: Proposal, watch: Observe, break_claim: str
) -> list[Outcome]:
    """The outcomes, with the environment claimed: before anything, or as soon as it is made.

    Nothing is written before another look, within the claim, has given the same plan: whatever its age, somebody may
    have applied another one since it was made.
    """
    first = [
        change
        for change in plan.changes
        if change.kind in {Kind.SERVICE, Kind.ENVIRONMENT} and change.action is Action.CREATE
    ]
    rest = [change for change in plan.changes if change not in first]
    with ExitStack() as claim:

        def claimed() -> list[HeldClaim]:
            keepers = _keepers_of_claims(work, site)
            ours = [claim.enter_context(held(site.account, keeper, break_of=break_claim)) for keeper in keepers]

            def keep() -> None:
                for one in ours:
                    one.keep()

            work.keep_claim = keep
            return ours

        def sign(ours: Sequence[HeldClaim]) -> None:
            # The first keeper is that of the hosting that was looked at, which the plan is bound to.
            for number, one in enumerate(ours):
                one.sign(plan.fingerprint, after=None if number else proposal.existing.applied)

        try:
            ours = claimed()
        except AbsentError:
            raise _stale(plan, f"environment {site.environment} is gone") from None
        work.state = _look_again(proposal).state
        sign(ours)
        outcomes = apply_changes(work, first, watch)
        stopped = [Outcome(change, Status.NOT_DONE) for change in rest]
        if any(one.status is not Status.DONE for one in outcomes):
            return _in_order(plan, [*outcomes, *stopped])
        if not ours:
            try:
                sign(claimed())
            except DialtoneError as error:
                # Somebody else found the environment that was made just now before it could be claimed.
                told = site.account.transport.redact(str(error))
                return _in_order(plan, [*outcomes, *stopped[1:], Outcome(rest[0], Status.FAILED, error=told)])
        work.secrets = {**work.secrets, **proposal.make_secrets(plan)}
        outcomes += apply_changes(work, rest, watch)
    return _in_order(plan, outcomes)


def _keepers_of_claims(work: Work, site: Site) -> list[Keeper]:
    """Where this environment is claimed: at Twilio, in the folder of our own server, or at both while it moves."""
    keepers: list[Keeper] = []
    if site.parameters.network.self_hosted and site.server:
        keepers.append(ClaimFolder(site.server.folder, site.environment))
    if environment := work.state.find(Kind.ENVIRONMENT, site.environment):
        keepers.append(variables_of(site.account, work.service_sid, environment.sid))
    return keepers


def _look_again(proposal: Proposal) -> Existing:
    """What is there now, where it gives the plan that was consented to; else a `StalePlanError`."""
    existing = proposal.look()
    fresh = proposal.make(existing)
    if not _is_agreed(fresh, proposal.plan):
        raise _stale(proposal.plan, fresh.summary)
    return existing


def _is_agreed(fresh: Plan, plan: Plan) -> bool:
    """Whether a plan is the one that was agreed to, less updates that have come true by themselves.

    An emergency address that was pending is registered by now, say: to update it once more changes nothing. What was to
    be created or deleted and is there or gone already is somebody else's doing, and needs another look by a person.
    """
    gone = [change for change in plan.changes if change not in fresh.changes and change.action is Action.UPDATE]
    compared = {**fresh.compared, **{key: plan.compared[key] for one in gone if (key := str(one.id)) in plan.compared}}
    if [change for change in plan.changes if change not in gone] != list(fresh.changes):
        return False
    return replace(fresh, changes=plan.changes, compared=compared).fingerprint == plan.fingerprint


def _stale(plan: Plan, now: str) -> StalePlanError:
    return StalePlanError(
        f"consent: things have changed since plan {plan.fingerprint!r} was made, and nothing was done: "
        f"plan again and read that one (now: {now})"
    )


def _in_order(plan: Plan, outcomes: Sequence[Outcome]) -> list[Outcome]:
    by_change = {one.change.id: one for one in outcomes}
    return [by_change[change.id] for change in plan.changes]


def raise_where_broken(applied: Applied) -> None:
    """Raise an `ApplyError` that says what stopped it, where something did."""
    if applied.exit_code != ApplyError.exit_code:
        return
    errors = [one.error for one in applied.outcomes if one.error]
    raise ApplyError("; ".join([applied.summary, *errors]), applied.outcomes)
