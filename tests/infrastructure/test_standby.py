"""Functions that stand by for our own server: only the fallback, or all of them, kept up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from dialtone_nb.account.rehearsal_control import place_call
from dialtone_nb.calls.load import load_calls
from dialtone_nb.calls.now import take_snapshot
from dialtone_nb.calls.twilio_source.frame import phones_by_number
from dialtone_nb.calls.twilio_source.server_log import log_source
from dialtone_nb.errors import InputError
from dialtone_nb.infrastructure.live_table import fetch_live_table, read_serving_table
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.functions import FUNCTION
from dialtone_nb.infrastructure.resources.model import Group
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.services import SERVICE as SERVICE_TYPE
from dialtone_nb.infrastructure.resources.variables import VARIABLE
from dialtone_nb.runbooks.verify import verify_site
from dialtone_nb.service.bundle import MANIFEST
from dialtone_nb.verify.checks import Check, CheckState
from tests.faults.accounts import TRUNK_PASSWORD, serving
from tests.infrastructure.desk import SERVICE, STAGE, WORKBENCH, Desk, kinds, lines

REPAIRED = "This line is being repaired. Please try again later."


@pytest.fixture
def own(desk: Desk) -> Iterator[Desk]:
    """A desk whose network.yaml says self_hosted, and a server for stage."""
    desk.host("self_hosted")
    with serving(desk):
        yield desk


def dialled(desk: Desk, number: str) -> Mapping[str, Any]:
    """The end of a phone's call."""
    return place_call(desk.account, {"client": "workbench", "dial": number, "domain": STAGE})


def checked(desk: Desk, environment: str = "stage") -> dict[str, Check]:
    """The results of verify by the checks' names."""
    return {check.name: check for check in verify_site(desk.site(environment)).checks}


def test_a_server_that_is_down_loses_no_emergency_call(desk: Desk) -> None:
    """Deploy creates only the fallback function, free of charge: it dials 911, and tells others of the repair."""
    desk.host("self_hosted")
    with serving(desk):
        proposal = desk.deploy()
        code = {kind: count for kind, count in kinds(proposal.plan).items() if kind.group is Group.CODE}
        assert (code[SERVICE_TYPE], code[ENVIRONMENT], code[FUNCTION], code[DEPLOYMENT]) == (1, 1, 2, 1)
        assert VARIABLE not in code
        (note,) = (note for note in proposal.plan.notes if "our own server fails" in note)
        assert "costs nothing while it is not asked" in note
        desk.do(proposal)
        desk.do(desk.set_up("workbench", buy=WORKBENCH))
        functions = desk.client.serverless.v1.services(SERVICE).functions.list()
        assert {one.friendly_name for one in functions} == {"/fallback", MANIFEST}
        assert desk.domain().voice_fallback_url == desk.url("stage", "/fallback")
        assert desk.number(WORKBENCH).voice_fallback_url == desk.url("stage", "/fallback")
        assert desk.deploy().plan.is_empty
        assert checked(desk)["answers of /fallback"].state is CheckState.GOOD
    assert checked(desk)["server of stage"].meaning == "every call takes the fallback"
    assert [leg["to"] for leg in dialled(desk, "911")["children"]] == ["+1911"]
    assert dialled(desk, "5035550199")["heard"] == [REPAIRED]
    assert place_call(desk.account, {"from": "+12065550142", "to": WORKBENCH})["heard"] == [REPAIRED]


def test_calls_that_the_function_answered_are_told_so(desk: Desk) -> None:
    """Report and monitor also read its log: 911 comes first, whoever connected it."""
    desk.host("self_hosted")
    with serving(desk):
        desk.do(desk.deploy())
        desk.do(desk.set_up("workbench", buy=WORKBENCH))
    dialled(desk, "911")
    dialled(desk, "5035550199")
    service, phones = log_source(desk.parameters.network, desk.account, desk.project), phones_by_number(desk.parameters)
    frame = load_calls("twilio", desk.account, service=service, phones=phones).frame
    assert list(zip(frame["other_party"], frame["outcome"], frame["reason"], strict=True)) == [
        ("911", "answered", "fallback"),
        ("503555••••", "fallback", "11200"),
    ]
    seen = take_snapshot(
        desk.client,
        now=desk.account.now(),
        minutes=60,
        environment="stage",
        phones=phones,
        service=service,
        clients=desk.parameters.clients,
    )
    assert [(one.number, one.reason, one.call_back) for one in seen.emergency_calls] == [("911", "fallback", WORKBENCH)]
    assert "outgoing-fallback · our service could not be asked, its fallback was · rule emergency" in seen.log[1].what


def test_calls_that_our_own_server_answered_for_the_functions_are_told_so(desk: Desk) -> None:
    """With no build live any longer the server answers the call, and its log is read beside the functions'."""
    with serving(desk):
        _both_hostings(desk, "functions", ("stage",))
        desk.do(desk.set_up("workbench", buy=WORKBENCH))
        environment = desk.client.serverless.v1.services(SERVICE).environments(desk.environment_sid("stage"))
        environment.deployments.create()
        assert [leg["to"] for leg in dialled(desk, "5035550199")["children"]] == ["+15035550199"]
    service = log_source(desk.parameters.network, desk.account, desk.project)
    calls = load_calls("twilio", desk.account, service=service, phones=phones_by_number(desk.parameters))
    (attempt,) = calls.frame.to_dict("records")
    assert (attempt["outcome"], attempt["reason"]) == ("answered", "fallback")


def test_a_phone_that_is_new_is_known_to_the_fallback_at_once(own: Desk) -> None:
    """Its set-up also deploys the function with the phone's caller ID."""
    own.do(own.deploy())
    own.do(own.set_up("workbench", buy=WORKBENCH))
    own.declare("workbench", caller_id="+15035550109")
    assert {"update served table stage: code", "update deployment stage: code"} <= {*lines(own.deploy().plan)}


def test_verify_finds_a_fallback_that_is_gone_or_answers_otherwise(own: Desk) -> None:
    """By the plan, and by its answers to signed requests."""
    own.do(own.deploy())
    environment = own.client.serverless.v1.services(SERVICE).environments(own.environment_sid("stage"))
    environment.deployments.create()
    found = checked(own)
    assert found["answers of /fallback"].state is CheckState.WRONG
    rest = found["rest of the plan for stage"]
    assert (rest.state, rest.found) == (CheckState.WRONG, "create deployment stage")
    own.do(own.deploy())
    assert checked(own)["answers of /fallback"].state is CheckState.GOOD


def test_an_operator_may_want_no_function_at_twilio(desk: Desk) -> None:
    """Deploy creates none and sets no fallback URL; delete removes an existing one."""
    desk.host("self_hosted")
    with serving(desk):
        desk.do(desk.deploy())
        desk.host("self_hosted", fallback_function=False)
        proposal = desk.deploy()
        assert all("voice_fallback_url" in line for line in lines(proposal.plan))
        assert any("live still, and not wanted" in note for note in proposal.plan.notes)
        desk.do(proposal)
        assert desk.domain().voice_fallback_url == ""
        desk.do(desk.delete("other_hosting"))
        assert desk.client.serverless.v1.services.list() == []
        assert desk.deploy().plan.is_empty
        assert "answers of /fallback" not in checked(desk)


def test_functions_are_left_with_the_fallback_alone_and_made_whole_when_the_hosting_moves_back(desk: Desk) -> None:
    """At every moment a fallback exists; a build with only the fallback is never promoted."""
    desk.trunk_password = TRUNK_PASSWORD
    desk.do(desk.deploy())
    desk.do(desk.set_up("workbench", buy=WORKBENCH))
    desk.host("self_hosted")
    with serving(desk):
        desk.do(desk.deploy())
        assert desk.domain().voice_fallback_url == desk.url("stage", "/sip-outgoing")
        proposal = desk.delete("other_hosting")
        assert {"update deployment stage: code", "delete variable stage/TRUNK_PASSWORD"} <= {*lines(proposal.plan)}
        desk.do(proposal)
        for thing in (desk.domain(), desk.number(WORKBENCH)):
            assert thing.voice_fallback_url == desk.url("stage", "/fallback")
        assert desk.deploy().plan.is_empty
        assert desk.delete("other_hosting").plan.is_empty
        desk.host("functions")
        with pytest.raises(InputError, match="has no live build"):
            desk.promote()
        back = desk.deploy()
        assert {"update deployment stage: code", "create variable stage/TRUNK_PASSWORD"} <= {*lines(back.plan)}
        desk.do(back)
        assert desk.domain().voice_url == desk.url("stage", "/sip-outgoing")
        assert [leg["to"] for leg in dialled(desk, "5035550199")["children"]] == ["+15035550199"]
        with pytest.raises(InputError, match="has the fallback alone"):
            desk.promote("stage", build="previous")


def test_what_our_own_server_had_goes_with_its_environment_and_service(own: Desk) -> None:
    """Delete also removes the function, and says if another environment needs the service."""
    own.do(own.deploy())
    own.do(own.delete("service"))
    assert own.client.serverless.v1.services.list() == []
    assert own.domain() is None


def tables(desk: Desk, environment: str) -> tuple[Any, Any]:
    """The tables that functions and our own server would use."""
    return (
        fetch_live_table(desk.account, SERVICE, environment),
        read_serving_table(desk.server.folder, environment),
    )


@pytest.mark.parametrize("hosting", ["functions", "self_hosted"])
def test_a_promote_keeps_the_other_hosting_in_step(desk: Desk, hosting: Any) -> None:
    """Both serve the promoted table, not the files'; verify checks both, and a roll back reverts both."""
    with serving(desk), serving(desk, "prod"):
        _both_hostings(desk, hosting)
        before = tables(desk, "prod")
        assert before[0] == before[1]
        desk.declare("lobby", call_time_limit_s=777)
        desk.do(desk.deploy())
        moved = tables(desk, "stage")
        assert moved[0] == moved[1] != before[0]
        desk.declare("lobby", call_time_limit_s=888)  # in the files alone: no promote moves it
        proposal = desk.promote()
        assert {SERVED_TABLE, DEPLOYMENT} <= {*kinds(proposal.plan)}
        desk.do(proposal)
        assert tables(desk, "prod") == moved
        assert desk.promote().plan.is_empty
        desk.declare("lobby", call_time_limit_s=777)
        found = checked(desk, "prod")
        for name in ("answers of /sip-outgoing", "answers of /sip-outgoing at the fallback"):
            assert found[name].state is CheckState.GOOD, found[name]
        desk.do(desk.promote(build="previous"))
        assert tables(desk, "prod") == before


def _both_hostings(desk: Desk, hosting: Any, environments: Sequence[str] = ("stage", "prod")) -> None:
    """Have both hostings answer in these environments, with this one in use."""
    for chosen in ("self_hosted" if hosting == "functions" else "functions", hosting):
        desk.host(chosen)
        desk.do(desk.deploy())
        if "prod" in environments:
            desk.do(desk.promote())
