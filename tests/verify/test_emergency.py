"""Emergency calls in verify: phones at the wrong domain, and phones without a test call for a year."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from dialtone_nb.verify.checks import CheckState
from dialtone_nb.verify.emergency import fetch_drills
from tests.verify.conftest import Stage

OTHER = "dialtone-example-nonemergency-stage.sip.twilio.com"


def test_a_phone_that_is_registered_at_the_other_domain_is_found(stage: Stage) -> None:
    """Its emergency calls would fail there; a phone without an address may use either."""
    stage.tell("/clients/workbench", registered=True, domain=OTHER)
    stage.tell("/clients/van", registered=True, domain=OTHER)
    check = stage.faults()["SIP domain of workbench"]
    assert (check.state, check.found) == (
        CheckState.WRONG,
        f"registered at {OTHER}, which has no emergency calling",
    )
    assert "dialtone-example-stage.sip.twilio.com" in check.repair
    assert "SIP domain of van" not in stage.faults()


def test_a_phone_that_called_through_the_other_domain_is_found(stage: Stage) -> None:
    """If its registration is unknown, its last call decides."""
    stage.tell("/clients/workbench", registered=False)
    stage.tell("/calls", client="workbench", dial="5035550199", domain=OTHER)
    stage.tell("/clients/workbench", registered=False)
    assert stage.faults()["SIP domain of workbench"].found.startswith("calls through")


def test_a_phone_without_a_drill_is_listed(stage: Stage) -> None:
    """A year after a call to 933 it is listed again."""
    (drill,) = [check for check in stage.verify().checks if check.name == "drill of workbench"]
    assert (drill.state, drill.found[:13]) == (CheckState.GOOD, "933 answered ")
    for call in stage.client.calls.list(to="+1933"):
        stage.client.calls(call.sid).delete()
    check = stage.faults()["drill of workbench"]
    assert (check.state, check.found) == (CheckState.UNKNOWN, "none in the last year")
    assert "dial 933 from it" in check.repair


def test_of_phones_that_share_a_number_the_one_that_dialled_is_meant(stage: Stage) -> None:
    """They have one caller ID; the parent call says which phone it was."""
    parameters = stage.site.parameters
    workbench = parameters.clients["workbench"]
    also = workbench.model_copy(update={"incoming": False})
    shared = replace(parameters, clients={**parameters.clients, "attic": also})
    assert list(fetch_drills(stage.site.account, shared, stage.site.account.now())) == ["workbench"]
    later = datetime(2099, 1, 1, tzinfo=UTC)
    assert fetch_drills(stage.site.account, shared, later) == {}
