"""Consent is valid for one apply of its plan, even if the account returns to an earlier state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import pytest

from dialtone_nb.errors import ConsentError, DialtoneError, HeldError, InputError, StalePlanError
from dialtone_nb.infrastructure.record import Applied
from dialtone_nb.infrastructure.resources.variables import APPLIED
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.runbooks.steps.apply import apply_plan
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook
from tests.infrastructure.conftest import OpenDesk
from tests.infrastructure.desk import (
    LIST,
    SERVICE,
    VAN,
    WORKBENCH,
    Desk,
    lines,
    prod_promoted,
    stage_deployed,
    van_set_up,
)

Propose = Callable[[Desk], Proposal]


def edited_and_deployed(desk: Desk) -> None:
    """Stage has a second build."""
    desk.edit("/decide")
    desk.do(desk.deploy())


def deployed_twice(desk: Desk) -> None:
    """An account with the second of two builds in prod."""
    desk.after(stage_deployed, prod_promoted, edited_and_deployed, prod_promoted)


def ahead(desk: Desk) -> None:
    """An account with a build in stage that prod does not have."""
    desk.after(stage_deployed, prod_promoted, edited_and_deployed)


def set_up(desk: Desk) -> None:
    """An account with a phone of stage set up, with its own number."""
    desk.after(stage_deployed, van_set_up)


# What is there at first, what is agreed to once, and what brings the same state back.
CYCLES: dict[str, tuple[Callable[[Desk], object], Propose, tuple[Propose, ...]]] = {
    "rotate": (set_up, lambda desk: desk.set_up("van", "rotate"), ()),
    "buy": (
        lambda desk: desk.after(stage_deployed),
        lambda desk: desk.set_up("van", buy=VAN),
        (lambda desk: desk.delete("client", client="van", release=[VAN]),),
    ),
    "release": (
        set_up,
        lambda desk: desk.delete("client", client="van", release=[VAN]),
        (lambda desk: desk.set_up("van", buy=VAN),),
    ),
    "suspend": (set_up, lambda desk: desk.set_up("van", "suspend"), (lambda desk: desk.set_up("van"),)),
    "delete": (
        set_up,
        lambda desk: desk.delete("environment"),
        (lambda desk: desk.deploy(), lambda desk: desk.set_up("van")),
    ),
    "roll back": (
        deployed_twice,
        lambda desk: desk.promote(build="previous"),
        (lambda desk: desk.promote(build="previous"),),
    ),
    "promote": (
        ahead,
        lambda desk: desk.promote(),
        (lambda desk: desk.promote(build="previous"),),
    ),
}


@pytest.mark.parametrize("name", CYCLES)
def test_a_fingerprint_applies_once(desk: Desk, name: str) -> None:
    """When the earlier state is restored, the same changes are another plan, and the old consent is refused."""
    begin, propose, back = CYCLES[name]
    begin(desk)
    proposal = propose(desk)
    fingerprint = proposal.plan.fingerprint
    assert desk.carry_out(proposal, fingerprint).exit_code == 0
    for one in back:
        desk.do(one(desk))
    again = propose(desk)
    assert lines(again.plan) == lines(proposal.plan)
    desk.requests()
    with pytest.raises(ConsentError, match="another plan's"):
        desk.carry_out(again, fingerprint)
    with pytest.raises(StalePlanError):
        desk.carry_out(proposal, fingerprint)
    # At most the claim was made, and given back.
    writes = {method: count for method, count in desk.requests().items() if method != "GET"}
    assert writes in ({"POST": 1, "DELETE": 1}, {})


@pytest.mark.parametrize("consent", ["fingerprint", "rehearsal"])
def test_a_password_changed_by_somebody_else_makes_a_rotation_stale(desk: Desk, consent: str) -> None:
    """Passwords can't be compared, but the credential's date_updated can."""
    set_up(desk)
    proposal = desk.set_up("van", "rotate")
    listed = next(one for one in desk.client.sip.credential_lists.list() if one.friendly_name == LIST)
    credentials = desk.client.sip.credential_lists(listed.sid).credentials
    credentials(credentials.list()[0].sid).update(password="Another-password-1")
    with pytest.raises(StalePlanError):
        desk.carry_out(proposal, proposal.plan.fingerprint if consent == "fingerprint" else consent)


@pytest.mark.parametrize(
    ("prepare", "propose", "told"),
    [
        (set_up, lambda desk: desk.set_up("van", "rotate"), "changes a password"),
        (set_up, lambda desk: desk.set_up("van", "suspend"), "deletes"),
        (lambda desk: desk.after(stage_deployed), lambda desk: desk.set_up("van", buy=VAN), "buys a number"),
        (set_up, lambda desk: desk.delete("client", client="van", release=[VAN]), "releases a number and deletes"),
        (set_up, lambda desk: desk.delete("environment"), "deletes"),
    ],
)
def test_what_is_grave_takes_the_fingerprint_everywhere(
    desk: Desk, prepare: Callable[[Desk], object], propose: Propose, told: str
) -> None:
    """An environment's name is not enough to rotate, buy, release or delete; no request is sent."""
    prepare(desk)
    proposal = propose(desk)
    desk.requests()
    with pytest.raises(ConsentError, match=rf"this plan .*{told}.*so the name stage is not enough.*'plan-") as refused:
        desk.carry_out(proposal, "stage")
    assert len(refused.value.lines()) == 1
    assert desk.requests() == {}
    assert desk.carry_out(proposal, proposal.plan.fingerprint).exit_code == 0


def test_an_address_is_made_once_by_two_plans_of_one_moment(desk: Desk, open_desk: OpenDesk) -> None:
    """Addresses may share a name, so Twilio itself would accept both."""
    desk.after(stage_deployed)
    other = open_desk()
    mine, theirs = desk.set_up("workbench", buy=WORKBENCH), other.set_up("workbench", buy=WORKBENCH)
    desk.do(mine)
    with pytest.raises(StalePlanError):
        other.carry_out(theirs)
    assert len(desk.client.addresses.list()) == 1


@pytest.mark.parametrize("hosting", ["functions", "self_hosted"])
def test_two_first_deploys_at_once_make_one_of_everything(
    desk: Desk, open_desk: OpenDesk, hosting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second to create the environment or its claim stops."""
    if hosting == "self_hosted":
        monkeypatch.setattr("dialtone_nb.infrastructure.resources.served_tables.NOTICED_S", 0.1)
    desks = [desk, open_desk()]
    for one in desks:
        one.host(hosting)  # type: ignore[arg-type]
    proposals = [one.deploy() for one in desks]
    together = threading.Barrier(2)

    def apply(number: int) -> int:
        together.wait()
        try:
            return desks[number].carry_out(proposals[number]).exit_code
        except DialtoneError as error:
            return error.exit_code

    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(apply, range(2)))
    assert codes[-1] in (3, 4)
    for made in (desk.client.sip.credential_lists.list(), desk.client.serverless.v1.services.list()):
        assert len(made) <= 1


def test_an_environment_that_somebody_found_first_is_left_to_them(desk: Desk, open_desk: OpenDesk) -> None:
    """If another operator has created and claimed the environment, the run stops and reports its outcomes."""
    other = open_desk()
    was_there: list[object] = []

    def watch(event: object) -> None:
        environments = desk.client.serverless.v1.services(SERVICE).environments
        if not was_there and str(getattr(event, "status", "")) == "done" and environments.list():
            was_there.append(other.do(other.deploy()))

    applied = desk.carry_out(desk.deploy(), observe=watch)
    assert applied.exit_code == 4
    assert any("somebody else applied a plan here meanwhile" in one.error for one in applied.outcomes)
    assert other.deploy().plan.is_empty


def test_the_mark_is_of_the_last_plan_and_no_business_of_a_reader(desk: Desk) -> None:
    """Plans do not show it as a variable, nor compare it between environments."""
    desk.after(stage_deployed)
    proposal = desk.promote()
    desk.do(proposal)
    variables = desk.client.serverless.v1.services(SERVICE).environments(desk.environment_sid("prod")).variables
    assert [(one.key, one.value) for one in variables.list()] == [(APPLIED, proposal.plan.fingerprint)]
    desk.edit("/decide")
    assert APPLIED not in desk.deploy().plan.json()
    assert APPLIED not in "".join(desk.promote().plan.notes)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", ["500", "timeout-after", "reset-after"])
def test_lost_answer_to_the_mark_is_looked_for(desk: Desk, open_desk: OpenDesk, fault: str, times: int) -> None:
    """The mark is created or changed once, and the apply continues."""
    quick = open_desk(timeout_s=0.3)
    for nth in (2, 1):
        # The first write to the variables of a new environment is the claim; later the mark has a path of its own.
        quick.fault(fault, "POST", "/Variables$" if nth == 2 else "/Variables/ZV", nth=nth, times=times)
        proposal = quick.deploy()
        quick.do(proposal)
        variables = desk.client.serverless.v1.services(SERVICE).environments(desk.environment_sid("stage")).variables
        assert [(one.key, one.value) for one in variables.list()] == [(APPLIED, proposal.plan.fingerprint)]
        quick.edit("/decide")


def test_the_same_plan_applied_by_two_threads_is_applied_once(desk: Desk) -> None:
    """Two cells or a double click: one is told that the other is running, and nothing is made twice."""
    desk.after(stage_deployed)
    proposal = desk.set_up("workbench", buy=WORKBENCH)
    parameters = ParameterValues({"consent": "rehearsal"})
    runbook = SimpleNamespace(parameters=parameters, project=desk.reports, attended=False, name="client_setup")
    together = threading.Barrier(2)

    def apply(_: int) -> str:
        together.wait()
        try:
            return cast(Applied, apply_plan(cast(Runbook, runbook), proposal)).summary
        except (InputError, HeldError) as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(apply, range(2)))
    assert sum("changes done" in one for one in said) == 1
    assert len(desk.client.addresses.list()) == 1
