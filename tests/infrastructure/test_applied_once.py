"""A plan is carried out once: running its cell again does nothing, or asks for a new plan."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from dialtone_nb.display.widgets.consent_box import ConsentBox
from dialtone_nb.errors import ApplyError, ConsentError, InputError
from dialtone_nb.infrastructure.record import Applied
from dialtone_nb.runbooks.apply import apply_plan
from dialtone_nb.runbooks.opening import ParameterValues, Runbook
from tests.infrastructure.desk import Desk


def opened(desk: Desk, consent: str, *, attended: bool = False) -> Runbook:
    """A runbook with this consent."""
    parameters = ParameterValues({"consent": consent})
    return cast(Runbook, SimpleNamespace(parameters=parameters, project=desk.reports, attended=attended, name="deploy"))


def test_a_plan_that_was_carried_out_leaves_nothing_to_do(desk: Desk) -> None:
    """The second time nothing is asked of Twilio, though the plan still lists its changes."""
    runbook, proposal = opened(desk, "rehearsal"), desk.deploy()
    assert cast(Applied, apply_plan(runbook, proposal)).is_complete
    desk.requests()
    again = cast(Applied, apply_plan(runbook, proposal))
    assert again.summary == "Deploy stage: nothing to do"
    assert desk.requests() == {}


def test_a_plan_that_stopped_part_of_the_way_is_not_taken_up_again(desk: Desk) -> None:
    """What it would make is there in part; a new plan holds the rest, and goes through."""
    runbook, proposal = opened(desk, "rehearsal"), desk.deploy()
    desk.fault("failed-build")
    with pytest.raises(ApplyError):
        apply_plan(runbook, proposal)
    with pytest.raises(InputError, match="make the plan anew"):
        apply_plan(runbook, proposal)
    assert cast(Applied, apply_plan(runbook, desk.deploy())).is_complete


def test_a_refused_consent_leaves_the_plan_good(desk: Desk) -> None:
    """Nothing was done, so the same plan may be agreed to afterwards."""
    proposal = desk.deploy()
    with pytest.raises(ConsentError):
        apply_plan(opened(desk, "plan-00000000"), proposal)
    assert cast(Applied, apply_plan(opened(desk, ""), proposal)).exit_code == 2
    assert cast(Applied, apply_plan(opened(desk, "rehearsal"), proposal)).is_complete


def test_whoever_is_there_is_asked_once(desk: Desk) -> None:
    """Without consent the box comes; after the plan was carried out it does not come again."""
    proposal = desk.deploy()
    runbook = opened(desk, "", attended=True)
    assert isinstance(apply_plan(runbook, proposal), ConsentBox)
    assert cast(Applied, apply_plan(opened(desk, "rehearsal"), proposal)).is_complete
    assert cast(Applied, apply_plan(runbook, proposal)).plan.is_empty
