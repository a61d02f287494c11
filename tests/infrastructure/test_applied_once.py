"""A plan is applied once: running its cell again makes no change, or asks for a new plan."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

import pytest

from dialtone_nb.display.widgets.consent_box import ConsentBox
from dialtone_nb.errors import ApplyError, ConsentError, InputError
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.claim import CLAIM
from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.record import JOURNAL, Applied
from dialtone_nb.runbooks.steps.apply import apply_plan
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook
from tests.infrastructure.desk import SERVICE, Desk


def opened(desk: Desk, consent: str, *, attended: bool = False) -> Runbook:
    """A runbook with this consent."""
    parameters = ParameterValues({"consent": consent})
    return cast(Runbook, SimpleNamespace(parameters=parameters, project=desk.reports, attended=attended, name="deploy"))


def test_a_plan_that_was_carried_out_leaves_nothing_to_do(desk: Desk) -> None:
    """The second time Twilio gets no request, though the plan still lists its changes."""
    runbook, proposal = opened(desk, "rehearsal"), desk.deploy()
    assert cast(Applied, apply_plan(runbook, proposal)).is_complete
    desk.requests()
    again = cast(Applied, apply_plan(runbook, proposal))
    assert again.summary == "Deploy stage: nothing to do"
    assert desk.requests() == {}


def test_a_plan_that_stopped_part_of_the_way_is_not_taken_up_again(desk: Desk) -> None:
    """It is partly applied; a new plan has the remaining changes, and succeeds."""
    runbook, proposal = opened(desk, "rehearsal"), desk.deploy()
    desk.fault("failed-build")
    with pytest.raises(ApplyError):
        apply_plan(runbook, proposal)
    with pytest.raises(InputError, match="make the plan anew"):
        apply_plan(runbook, proposal)
    assert cast(Applied, apply_plan(runbook, desk.deploy())).is_complete


def test_a_refused_consent_leaves_the_plan_good(desk: Desk) -> None:
    """No change was made, so the same plan may get consent afterwards."""
    proposal = desk.deploy()
    with pytest.raises(ConsentError):
        apply_plan(opened(desk, "plan-00000000"), proposal)
    assert cast(Applied, apply_plan(opened(desk, ""), proposal)).exit_code == 2
    assert cast(Applied, apply_plan(opened(desk, "rehearsal"), proposal)).is_complete


def test_whoever_is_there_is_asked_once(desk: Desk) -> None:
    """The box appears without consent; after the apply it does not appear again."""
    proposal = desk.deploy()
    runbook = opened(desk, "", attended=True)
    assert isinstance(apply_plan(runbook, proposal), ConsentBox)
    assert cast(Applied, apply_plan(opened(desk, "rehearsal"), proposal)).is_complete
    assert cast(Applied, apply_plan(runbook, proposal)).plan.is_empty


def test_whoever_interrupts_finds_what_was_done_and_the_claim_released(desk: Desk) -> None:
    """Running changes end, no others start, and the next plan has the rest."""
    done: list[Change] = []

    def interrupt(event: ChangeOutcome | Change) -> None:
        if isinstance(event, ChangeOutcome):
            done.append(event.change)
        elif len(done) >= 3:
            raise KeyboardInterrupt

    applied = desk.carry_out(desk.deploy(), observe=interrupt)
    assert [one.change for one in applied.outcomes if one.status is Status.DONE] == [
        change for change in applied.plan.changes if change in done
    ]
    assert {one.status for one in applied.outcomes} == {Status.DONE, Status.NOT_DONE}
    assert applied.exit_code == ApplyError.exit_code
    journal = [json.loads(line) for line in (desk.reports / JOURNAL).read_text("utf-8").splitlines()]
    started = [line["key"] for line in journal if line["event"] == "starts"]
    assert sorted(started) == sorted(change.key for change in done)
    service = desk.client.serverless.v1.services(SERVICE)
    variables = service.environments(desk.environment_sid("stage")).variables.list()
    assert CLAIM not in {one.key for one in variables}
    assert desk.do(desk.deploy()).is_complete
