"""An apply from the consent to a plan to the record of what came of it, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from dialtone_nb.errors import AbsentError, DialtoneError, StalePlanError
from dialtone_nb.files.lines import append
from dialtone_nb.infrastructure.apply import LOOK_AGAIN_S, ChangeOutcome, Observe, Status, apply_changes
from dialtone_nb.infrastructure.claim import HeldClaim, Keeper, held, variables_of
from dialtone_nb.infrastructure.plan import Change, Plan, check_consent
from dialtone_nb.infrastructure.record import (
    JOURNAL,
    Applied,
    ApplyRecord,
    journal_entry,
    make_record,
    save_record,
)
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.model import Action, ApplyContext
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.server.folder import ClaimFolder
from dialtone_nb.values.holder import holder_name

# An apply is in one phase after the other and never goes back. An error ends it in the phase where it comes up, and the
# process may end at any moment. Nothing has to be repaired by hand after either: the next run looks, finds by their
# natural keys what is there, and plans the rest. What a run that ends in a phase leaves behind:
#
#   phase        what it does                                 ends with                    leaves behind
#   -----------  -------------------------------------------  ---------------------------  -----------------------------
#   consent      compares what was given with the plan that   ConsentError; without        nothing
#                was read                                     consent nothing is applied
#   claim        writes a claim beside the environment, at    HeldError: somebody else's;  its claim: others wait until
#                Twilio or in our own server's folder         StalePlanError: it is gone   it runs out or is broken
#   second look  plans once more, within the claim            StalePlanError: the plan is  the claim
#                                                             another one now
#   sign         writes the plan's fingerprint, to which the  StalePlanError: another one  the claim; a consent that
#                next plan is bound                           was applied meanwhile        fits no plan any more
#   place        makes the service and the environment; only  FAILED or UNKNOWN; the rest  an environment where nothing
#                then can a new one be claimed and signed     is NOT_DONE                  is live
#   passwords    makes the passwords, in private files        OSError                      a pending password: the next
#                                                                                          run sends the same one
#   changes      change by change; journal.jsonl has each as  FAILED, UNKNOWN or Ctrl+C;   what is done; uploads that
#                it starts and as it ends                     the rest is NOT_DONE         the next run adopts; a claim
#   release      deletes the claims                           no error: they run out       the claim
#   settle       puts passwords that Twilio has now into the  an error that is on record   passwords that are pending
#                phones' private files                                                     still, as after `passwords`
#   check        plans until nothing is left to do            an error that is on record   no record; the journal has
#                                                                                          every change
#   record       writes sheets, and a line of record.jsonl    OSError                      as after `check`
#
# Why in this order. The claim comes before the second look, else somebody could apply between the two. The fingerprint
# is signed before the first change and not after the last: nobody can use the consent to a run that broke off half way
# again, without having read what is left. Passwords are on disk before Twilio hears of them, as Twilio never gives one
# back. The claim is released before the check, which only reads, and waits for lists that lag behind.


def apply_proposal(
    proposal: Proposal,
    consent: str,
    *,
    runbook: str,
    reports: Path,
    observe: Observe = lambda _: None,
    break_claim: str = "",
) -> Applied:
    """What came of the plan; a `ConsentError` or `HeldError` before anything is done, where it may not be."""
    plan, account = proposal.plan, proposal.site.account
    agreed = check_consent(plan, consent)
    if plan.is_empty:
        return Applied(plan, said=tuple(proposal.when_nothing_to_do()))
    if not agreed:
        return Applied(plan)

    def watch(event: ChangeOutcome | Change) -> None:
        if isinstance(event, Change):
            observe(event)  # before it is in the journal: an observer that asks to stop keeps it from starting
        append(reports / JOURNAL, journal_entry(plan, event))
        if isinstance(event, ChangeOutcome):
            observe(event)

    outcomes = _Apply(proposal, watch, break_claim).outcomes()
    complete = all(one.status is Status.DONE for one in outcomes)

    def recorded(found: str) -> ApplyRecord:
        record = make_record(plan, outcomes, runbook=runbook, who=holder_name(), when=account.now(), check=found)
        save_record(reports, record)
        return record

    try:
        proposal.after_apply(outcomes)
        check = _check(proposal) if complete else None
        said = tuple(proposal.after_check(outcomes)) if complete else ()
    except Exception as error:
        # Record what was done, whatever stopped the check afterwards.
        recorded(f"failed: {account.transport.redact(str(error))}")
        raise
    return Applied(plan, tuple(outcomes), check, recorded("not made" if check is None else check.summary), said)


def _check(proposal: Proposal) -> Plan:
    """What is left to do, which should be nothing. Twilio's lists lag by seconds, so it is planned a few times."""
    check = proposal.check()
    for pause in LOOK_AGAIN_S:
        if check.is_empty:
            break
        proposal.site.account.wait(pause)
        check = proposal.check()
    return check


class _Apply:
    """An apply under way: the phases from claim to release."""

    def __init__(self, proposal: Proposal, watch: Observe, break_claim: str) -> None:
        self._proposal, self._plan, self._site = proposal, proposal.plan, proposal.site
        self._watch, self._break_claim = watch, break_claim
        network = self._site.parameters.network
        self._context = ApplyContext(
            self._site.account,
            SERVICE.id(network.service.name),
            CREDENTIAL_LIST.id(network.credential_list),
            proposal.existing.state,
            self._site.functions(proposal.existing.has_functions(self._site.environment)),
            self._site.server,
            self._site.secrets,
            self._site.private,
        )

    def outcomes(self) -> list[ChangeOutcome]:
        """What became of every change, in the plan's order."""
        changes = self._plan.changes
        place = [one for one in changes if one.action is Action.CREATE and one.kind in {SERVICE, ENVIRONMENT}]
        rest = [one for one in changes if one not in place]
        with ExitStack() as release:
            try:
                claims = self._claim(release)
            except AbsentError:
                raise self._stale(f"environment {self._site.environment} is gone") from None
            self._look_again()
            self._sign(claims)
            outcomes = apply_changes(self._context, place, self._watch)
            if any(one.status is not Status.DONE for one in outcomes):
                return self._in_order(outcomes)
            if not claims:
                try:
                    self._sign(self._claim(release))
                except DialtoneError as error:
                    # Somebody else found the environment that was made just now before it could be claimed.
                    told = self._site.account.transport.redact(str(error))
                    return self._in_order([*outcomes, ChangeOutcome(rest[0], Status.FAILED, error=told)])
            self._context.secrets = {**self._context.secrets, **self._proposal.passwords()}
            outcomes += apply_changes(self._context, rest, self._watch)
        return self._in_order(outcomes)

    def _claim(self, release: ExitStack) -> list[HeldClaim]:
        """The claims of this apply, until they are released; none where the environment is still to be made."""
        claims = [
            release.enter_context(held(self._site.account, keeper, break_of=self._break_claim))
            for keeper in self._keepers()
        ]

        def keep() -> None:
            for one in claims:
                one.keep()

        self._context.keep_claim = keep
        return claims

    def _keepers(self) -> list[Keeper]:
        """Where this environment is claimed: at Twilio, in the folder of our own server, or at both while it moves."""
        site, keepers = self._site, list[Keeper]()
        if site.parameters.network.self_hosted and site.server:
            keepers.append(ClaimFolder(site.server.folder, site.environment))
        if environment := self._context.state.find(ENVIRONMENT, site.environment):
            keepers.append(variables_of(site.account, self._context.service_sid, environment.sid))
        return keepers

    def _look_again(self) -> None:
        """Take over what is there now, if it gives the plan that was consented to; else raise a `StalePlanError`."""
        fresh = self._proposal.replan()
        if not _is_agreed(fresh.plan, self._plan):
            raise self._stale(fresh.plan.summary)
        self._context.state = fresh.existing.state

    def _sign(self, claims: Sequence[HeldClaim]) -> None:
        # The first keeper is that of the hosting that was looked at, which the plan is bound to.
        for number, one in enumerate(claims):
            one.sign(self._plan.fingerprint, after=None if number else self._proposal.existing.applied)

    def _stale(self, now: str) -> StalePlanError:
        return StalePlanError(
            f"consent: things have changed since plan {self._plan.fingerprint!r} was made, and nothing was done: "
            f"plan again and read that one (now: {now})"
        )

    def _in_order(self, outcomes: Sequence[ChangeOutcome]) -> list[ChangeOutcome]:
        """An outcome for each change of the plan; what was not tried is not done."""
        by_change = {one.change.id: one for one in outcomes}
        return [by_change.get(one.id, ChangeOutcome(one, Status.NOT_DONE)) for one in self._plan.changes]


def _is_agreed(fresh: Plan, plan: Plan) -> bool:
    """Whether a plan is the one that was agreed to, less updates that have come true by themselves.

    For example, an emergency address that was pending is registered by now: updating it again would change nothing. But
    what was to be created and exists, or was to be deleted and is gone, is somebody else's doing: a person has to look.
    """
    gone = [change for change in plan.changes if change not in fresh.changes and change.action is Action.UPDATE]
    compared = {**fresh.compared, **{key: plan.compared[key] for one in gone if (key := str(one.id)) in plan.compared}}
    if [change for change in plan.changes if change not in gone] != list(fresh.changes):
        return False
    return replace(fresh, changes=plan.changes, compared=compared).fingerprint == plan.fingerprint
