"""Apply, check, record: what follows a plan once consent is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from dialtone_nb.apply import Outcome, Status, apply_changes
from dialtone_nb.claim import held, holder_name
from dialtone_nb.errors import ApplyError
from dialtone_nb.plan import Action, Change, Plan, check_consent
from dialtone_nb.record import JOURNAL, Record, append, journal_entry, make_record, save_record
from dialtone_nb.resources.model import Kind
from dialtone_nb.resources.work import Work
from dialtone_nb.runbooks.site import Proposal, Site

Observe = Callable[[Outcome | Change], None]


@dataclass(frozen=True)
class Applied:
    """What came of a plan: nothing yet, or an outcome for each change, the check and the record."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    check: Plan | None = None
    record: Record | None = None
    said: tuple[str, ...] = field(default=())

    @property
    def is_complete(self) -> bool:
        """Whether every change was done and planning once more finds nothing."""
        done = all(one.status is Status.DONE for one in self.outcomes)
        return self.plan.is_empty or (bool(self.outcomes) and done and self.check is not None and self.check.is_empty)

    @property
    def exit_code(self) -> int:
        """0 nothing to do or all done and checked, 2 not consented to, 4 partly applied."""
        if self.is_complete:
            return 0
        return 4 if self.outcomes else 2

    @property
    def summary(self) -> str:
        """One line of what happened."""
        if self.plan.is_empty:
            return f"{self.plan.title}: nothing to do"
        if not self.outcomes:
            return f"{self.plan.title}: {self.plan.summary}; nothing was done: no consent to {self.plan.fingerprint}"
        done = sum(one.status is Status.DONE for one in self.outcomes)
        if self.is_complete:
            return f"{self.plan.title}: all {done} changes done, the check found nothing left to do"
        if self.check is not None and done == len(self.outcomes):
            return f"{self.plan.title}: all {done} changes done, but the check finds {self.check.summary}"
        return f"{self.plan.title}: {done} of {len(self.outcomes)} changes done; run again to go on"


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
        {**site.secrets},
    )

    def watch(event: Outcome | Change) -> None:
        append(reports / JOURNAL, journal_entry(plan, event))
        observe(event)

    outcomes = _apply_claimed(work, site, plan, proposal, watch, break_claim)
    complete = all(one.status is Status.DONE for one in outcomes)
    check = proposal.again() if complete else None
    said = tuple(proposal.finish(outcomes)) if complete else ()
    found = "not made" if check is None else check.summary
    record = make_record(plan, outcomes, runbook=runbook, who=holder_name(), when=site.account.now(), check=found)
    save_record(reports, record)
    return Applied(plan, tuple(outcomes), check, record, said)


def _apply_claimed(
    work: Work, site: Site, plan: Plan, proposal: Proposal, watch: Observe, break_claim: str
) -> list[Outcome]:
    """The outcomes, with the environment claimed: before anything, or as soon as it is made."""
    first = [
        change
        for change in plan.changes
        if change.kind in {Kind.SERVICE, Kind.ENVIRONMENT} and change.action is Action.CREATE
    ]
    rest = [change for change in plan.changes if change not in first]
    outcomes = apply_changes(work, first, watch)
    if any(one.status is not Status.DONE for one in outcomes):
        return _in_order(plan, [*outcomes, *(Outcome(change, Status.NOT_DONE) for change in rest)])
    with ExitStack() as stack:
        environment = work.state.find(Kind.ENVIRONMENT, site.environment)
        if environment is not None:
            stack.enter_context(held(site.account, work.service_sid, environment.sid, break_of=break_claim))
        work.secrets = {**work.secrets, **proposal.make_secrets(plan)}
        outcomes += apply_changes(work, rest, watch)
    return _in_order(plan, outcomes)


def _in_order(plan: Plan, outcomes: Sequence[Outcome]) -> list[Outcome]:
    by_change = {one.change.id: one for one in outcomes}
    return [by_change[change.id] for change in plan.changes]


def raise_where_broken(applied: Applied) -> None:
    """Nothing where it went well or was not tried; an `ApplyError` that says what stopped it."""
    if applied.exit_code != ApplyError.exit_code:
        return
    errors = [one.error for one in applied.outcomes if one.error]
    raise ApplyError("; ".join([applied.summary, *errors]), applied.outcomes)
