"""Promote and roll back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialtone_nb.errors import ConsentError, InputError
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.sip_domains import CALLS_MAPPING, REGISTRATIONS_MAPPING, SIP_DOMAIN
from dialtone_nb.service.bundle import TABLE
from tests.infrastructure.desk import LOBBY, SERVICE, Desk, kinds, lines, prod_promoted, stage_deployed


def test_first_promote_makes_the_environment_and_the_second_is_empty(desk: Desk) -> None:
    """The first promote creates prod with stage's build; the next plan is empty."""
    desk.after(stage_deployed)
    proposal = desk.promote()
    assert kinds(proposal.plan) == {
        ENVIRONMENT: 1,
        DEPLOYMENT: 1,
        SIP_DOMAIN: 2,
        CALLS_MAPPING: 2,
        REGISTRATIONS_MAPPING: 2,
    }
    desk.do(proposal)
    assert desk.live("prod") == desk.live("stage")
    assert desk.domain("dialtone-example-prod.sip.twilio.com").voice_url == desk.url("prod", "/sip-outgoing")
    desk.requests()
    assert desk.promote().plan.is_empty
    assert set(desk.requests()) == {"GET"}
    assert desk.deploy().plan.is_empty


def test_promote_moves_the_build_that_is_live_not_the_files(desk: Desk) -> None:
    """Files edited after the deploy are not promoted, as the plan says."""
    desk.after(stage_deployed)
    desk.edit("/decide")
    proposal = desk.promote()
    assert "the files differ from what is live in stage" in proposal.plan.notes[0]
    desk.do(proposal)
    assert desk.live("prod") == desk.live("stage")


def test_promote_shows_which_client_entry_changes(desk: Desk) -> None:
    """The diff names the phone whose entry changed, and the change."""
    desk.after(stage_deployed, prod_promoted)
    desk.declare("ferry", call_time_limit_s=777)
    desk.do(desk.deploy())
    proposal = desk.promote()
    assert lines(proposal.plan) == ["update deployment prod: code"]
    detail = "\n".join(proposal.plan.changes[0].detail)
    assert f"~ {TABLE}" in detail
    assert "ferry" in detail
    assert '"call_time_limit_s": 777' in detail
    assert "/decide" not in detail


def test_promote_shows_which_functions_change(desk: Desk) -> None:
    """The diff names each changed module, with its lines."""
    desk.after(stage_deployed, prod_promoted)
    desk.edit("/decide", "\n// one more line\n")
    desk.do(desk.deploy())
    detail = desk.promote().plan.changes[0].detail
    assert "~ /decide" in detail
    assert "+// one more line" in detail


def test_promote_shows_who_may_ask_a_function(desk: Desk) -> None:
    """A module whose visibility changed is in the diff with the old and new one."""
    desk.after(stage_deployed, prod_promoted)
    module = desk.bundle.modules["/decide"]
    opened = {**desk.bundle.modules, "/decide": replace(module, visibility="public")}
    desk.bundle = replace(desk.bundle, modules=opened)
    desk.do(desk.deploy())
    assert desk.promote().plan.changes[0].detail == ("~ /decide (private → public)",)


def test_rolling_back_and_again_goes_between_the_two_last_builds(desk: Desk) -> None:
    """The first roll back makes the previous build live; the second the newer one again."""
    desk.after(stage_deployed, prod_promoted)
    first = desk.live("prod")
    desk.edit("/decide")
    desk.do(desk.deploy())
    desk.do(desk.promote())
    second = desk.live("prod")
    assert second != first
    proposal = desk.promote(build="previous")
    assert proposal.plan.title == "Roll back prod"
    assert lines(proposal.plan) == ["update deployment prod: code"]
    assert "-// edited" in proposal.plan.changes[0].detail
    desk.do(proposal)
    assert desk.live("prod") == first
    desk.do(desk.promote(build="previous"))
    assert desk.live("prod") == second
    assert desk.live("stage") == second


def test_roll_back_takes_the_last_deployment_though_many_fell_into_one_second(desk: Desk) -> None:
    """Deployments with equal date_created are ordered as Twilio lists them."""
    desk.after(stage_deployed)
    sids = [desk.live("stage")]
    for number in range(4):
        desk.edit("/decide", f"\n// {number}\n")
        desk.do(desk.deploy())
        sids.append(desk.live("stage"))
    service = desk.client.serverless.v1.services("dialtone").environments(desk.environment_sid("stage"))
    for sid in sids:  # the clock stands still meanwhile
        service.deployments.create(build_sid=sid) if sid != desk.live("stage") else None
    service.deployments.create(build_sid=sids[1])
    desk.do(desk.promote("stage", build="previous"))
    assert desk.live("stage") == sids[-1]


def test_a_named_build_can_be_promoted(desk: Desk) -> None:
    """A build's SID selects that build."""
    desk.after(stage_deployed)
    first = desk.live("stage")
    for _ in range(5):
        desk.edit("/decide")
        desk.do(desk.deploy())
    desk.do(desk.promote("stage", build=first))
    assert desk.live("stage") == first


def test_promote_tells_how_variables_differ_and_shows_no_value(desk: Desk) -> None:
    """Variables are not part of a build: the plan names those that are missing or differ, without values."""
    desk.after(stage_deployed, prod_promoted)
    for environment, values in {
        "stage": {"COLOUR": "green", "SAME": "x"},
        "prod": {"COLOUR": "red", "SAME": "x"},
    }.items():
        variables = (
            desk.client.serverless.v1.services(SERVICE).environments(desk.environment_sid(environment)).variables
        )
        for name, value in values.items():
            variables.create(key=name, value=value)
    variables.create(key="ALONE", value="1")
    proposal = desk.promote()
    assert proposal.plan.is_empty
    assert "variables that prod has and stage has not (a promote moves none): ALONE" in proposal.plan.notes
    assert "variables whose values differ between stage and prod: COLOUR" in proposal.plan.notes
    assert not any("green" in note or "red" in note.split() for note in proposal.plan.notes)


def test_promote_needs_something_to_promote(desk: Desk) -> None:
    """A source without a live build, the target itself, and an unknown one are refused; so is a first roll back."""
    with pytest.raises(InputError, match="environment stage: has no live build; deploy stage first"):
        desk.promote()
    desk.do(desk.deploy())
    with pytest.raises(InputError, match="source of promote: is 'prod', the environment itself"):
        desk.promote(source="prod")
    with pytest.raises(InputError, match="'stagee' is not an environment; declared are stage, prod"):
        desk.promote(source="stagee")
    with pytest.raises(InputError, match="environment stage: had no other build live before"):
        desk.promote("stage", build="previous")
    with pytest.raises(InputError, match="environment prod: had no other build live before"):
        desk.promote(build="previous")


@pytest.mark.parametrize("build", ["previus", "ZB1", f"ZB{'0' * 32}", f"../ZB{'0' * 32}"])
def test_a_build_that_is_none_is_told_with_what_may_be_given(desk: Desk, build: str) -> None:
    """Who rolls back is in a hurry, and Twilio's 404 of a path says nothing."""
    desk.after(stage_deployed)
    with pytest.raises(
        InputError, match=r"^parameter build of promote: .*; write previous, which rolls back"
    ) as caught:
        desk.promote("stage", build=build)
    assert build in str(caught.value)


def test_promote_points_the_numbers_of_its_environment(desk: Desk) -> None:
    """Creating prod includes the URLs of its owned numbers."""
    desk.client.incoming_phone_numbers.create(phone_number=LOBBY)
    desk.do(desk.deploy())
    assert desk.number(LOBBY).voice_url == ""
    desk.do(desk.promote())
    assert desk.number(LOBBY).voice_url == desk.url("prod", "/sip-incoming")


def test_name_of_a_protected_environment_is_no_consent(desk: Desk) -> None:
    """The error for prod's name has the fingerprint, and no request is sent."""
    desk.after(stage_deployed)
    proposal = desk.promote()
    desk.requests()
    with pytest.raises(
        ConsentError, match=rf"prod is protected, so its name is not enough.*{proposal.plan.fingerprint}"
    ):
        desk.carry_out(proposal, "prod")
    assert desk.requests() == {}
    assert desk.carry_out(proposal, proposal.plan.fingerprint).is_complete
