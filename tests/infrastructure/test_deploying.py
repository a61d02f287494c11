"""Deploy from end to end: first, repeated, after a change, over resources of others, after a loss."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from dialtone_nb.account.account import CONTROL
from dialtone_nb.errors import InputError, StalePlanError
from dialtone_nb.infrastructure.apply import Status
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.model import Action
from dialtone_nb.infrastructure.resources.variables import APPLIED
from dialtone_nb.service.bundle import MANIFEST, TABLE
from tests.infrastructure.desk import (
    LIST,
    SERVICE,
    STAGE,
    STAGE_NONEMERGENCY,
    VAN,
    WORKBENCH,
    Desk,
    kinds,
    lines,
    stage_deployed,
    statuses,
)


def test_first_deploy_makes_everything_and_the_second_asks_without_writing(desk: Desk) -> None:
    """After a first deploy the plan is empty, and making it sends no write request."""
    applied = desk.do(desk.deploy())
    assert {one.change.action for one in applied.outcomes} == {Action.CREATE}
    assert (
        applied.summary == f"Deploy stage: all {len(applied.outcomes)} changes done, the check found nothing left to do"
    )
    desk.requests()
    again = desk.deploy()
    assert again.plan.is_empty, lines(again.plan)
    assert set(desk.requests()) == {"GET"}
    assert desk.carry_out(again).exit_code == 0
    assert desk.requests() == {}


def test_what_a_first_deploy_made_is_what_the_files_say(desk: Desk) -> None:
    """Both domains use the list, have registration enabled and the live function's URL; one has emergency calling."""
    desk.after(stage_deployed)
    listed = desk.client.sip.credential_lists.list()[0]
    for name, emergency in ((STAGE, True), (STAGE_NONEMERGENCY, False)):
        domain = desk.domain(name)
        assert domain.voice_url == desk.url("stage", "/sip-outgoing")
        assert (domain.sip_registration, domain.emergency_calling_enabled, domain.secure) == (True, emergency, False)
        auth = desk.client.sip.domains(domain.sid).auth
        assert [one.sid for one in auth.calls.credential_list_mappings.list()] == [listed.sid]
        assert [one.sid for one in auth.registrations.credential_list_mappings.list()] == [listed.sid]
    service = desk.client.serverless.v1.services(SERVICE)
    build = service.builds(desk.live("stage")).fetch()
    assert {one["path"] for one in build.function_versions} == {*desk.bundle.modules, MANIFEST}
    assert {one.friendly_name for one in service.functions.list()} == {*desk.bundle.modules, MANIFEST}
    variables = service.environments(desk.environment_sid("stage")).variables.list()
    assert [one.key for one in variables] == [APPLIED]


def test_one_changed_module_is_all_that_is_uploaded(desk: Desk) -> None:
    """A change in one function uploads it and the manifest, builds and deploys; the plan has its diff."""
    desk.after(stage_deployed)
    desk.edit("/decide")
    proposal = desk.deploy()
    digest = proposal.plan.compared["files"]
    assert lines(proposal.plan) == [
        "update function version /decide: sha256",
        "update function version /manifest: sha256",
        f"create build {digest}",
        "update deployment stage: code",
    ]
    assert proposal.plan.changes[0].detail[-1] == "+// edited"
    desk.requests()
    desk.do(proposal)
    # Claim (make, release), the plan's mark, two uploads, a build, a deployment, and the clock is not counted.
    writes = {method: count for method, count in desk.requests().items() if method != "GET"}
    assert writes == {"POST": 6, "DELETE": 1}


def test_files_as_they_were_before_bring_the_old_build_back(desk: Desk) -> None:
    """If a build of the same code exists it is deployed again, without upload or build."""
    desk.after(stage_deployed)
    first, bundle = desk.live("stage"), desk.bundle
    desk.edit("/decide")
    desk.do(desk.deploy())
    desk.bundle = bundle
    proposal = desk.deploy()
    assert lines(proposal.plan) == ["update deployment stage: code"]
    desk.do(proposal)
    assert desk.live("stage") == first


def test_another_runtime_is_another_build_of_the_same_versions(desk: Desk) -> None:
    """A changed runtime needs a build of the same versions, without an upload."""
    desk.after(stage_deployed)
    desk.bundle = replace(desk.bundle, runtime="node20")
    proposal = desk.deploy()
    assert kinds(proposal.plan) == {BUILD: 1, DEPLOYMENT: 1}
    desk.do(proposal)
    build = desk.client.serverless.v1.services(SERVICE).builds(desk.live("stage")).fetch()
    assert build.runtime == "node20"


def test_things_made_by_hand_are_adopted(desk: Desk) -> None:
    """Existing domains, lists and services are used, and updated where they differ."""
    desk.client.sip.credential_lists.create(LIST)
    domain = desk.client.sip.domains.create(STAGE, friendly_name="made by hand", voice_url="https://example.org/old")
    service = desk.client.serverless.v1.services.create(unique_name=SERVICE, friendly_name="by hand")
    proposal = desk.deploy()
    planned = lines(proposal.plan)
    assert "update service dialtone: friendly_name, include_credentials" in planned
    differs = "emergency_calling_enabled, friendly_name, sip_registration, voice_fallback_url, voice_url"
    assert f"update SIP domain {STAGE}: {differs}" in planned
    assert not any(CREDENTIAL_LIST.name in line for line in planned)
    desk.do(proposal)
    assert desk.domain().sid == domain.sid
    assert [one.sid for one in desk.client.serverless.v1.services.list()] == [service.sid]
    assert len(desk.client.sip.credential_lists.list()) == 1


def test_service_that_the_official_toolkit_made_is_adopted(desk: Desk) -> None:
    """The toolkit's `stage-environment` is recognised by its suffix; its functions get new versions."""
    services = desk.client.serverless.v1.services
    service = services.create(unique_name=SERVICE, friendly_name=SERVICE, include_credentials=True)
    environment = services(service.sid).environments.create("stage-environment", domain_suffix="stage")
    functions = {path: services(service.sid).functions.create(path).sid for path in ("/sip-outgoing", "/test")}
    versions = [_upload(desk, service.sid, sid, path) for path, sid in functions.items()]
    build = services(service.sid).builds.create(function_versions=versions, runtime="node22")
    while services(service.sid).builds(build.sid).build_status().fetch().status == "building":
        pass
    services(service.sid).environments(environment.sid).deployments.create(build_sid=build.sid)
    proposal = desk.deploy()
    planned = lines(proposal.plan)
    assert "update service dialtone: include_credentials" in planned
    assert "update function version /sip-outgoing: sha256, visibility" in planned
    assert "update deployment stage: code" in planned
    assert any("/test" in note for note in proposal.plan.notes)
    assert not any(line.startswith("create environment") for line in planned)
    desk.do(proposal)
    environments = services(service.sid).environments.list()
    assert [(one.sid, one.unique_name) for one in environments] == [(environment.sid, "stage-environment")]
    paths = [one.friendly_name for one in services(service.sid).functions.list()]
    assert sorted(paths) == sorted({*desk.bundle.modules, MANIFEST, "/test"})
    assert desk.deploy().plan.is_empty
    desk.do(desk.delete("environment"))
    assert services(service.sid).environments.list() == []


def _upload(desk: Desk, service: str, function: str, path: str) -> str:
    url = f"https://serverless-upload.twilio.com/v1/Services/{service}/Functions/{function}/Versions"
    answer = desk.account.transport.send(
        "POST",
        url,
        data={"Path": path, "Visibility": "public"},
        files={"Content": ("f.js", b"exports.handler = (c, e, done) => done(null, '');", "application/javascript")},
        auth=(desk.account.sid, desk.account.credentials.password),
    )
    return str(answer.json()["sid"])


def test_service_deleted_behind_its_back_takes_domains_and_numbers_along(desk: Desk) -> None:
    """A recreated service has new URLs; domains and numbers get them in the same plan."""
    desk.after(stage_deployed)
    for number in (WORKBENCH, VAN):
        desk.client.incoming_phone_numbers.create(phone_number=number)
    desk.do(desk.deploy())
    old = desk.url("stage", "/sip-incoming")
    assert desk.number(VAN).voice_url == old
    desk.client.serverless.v1.services(SERVICE).delete()
    proposal = desk.deploy()
    planned = lines(proposal.plan)
    for name in (STAGE, STAGE_NONEMERGENCY):
        assert f"update SIP domain {name}: voice_fallback_url, voice_url" in planned
    for number in (WORKBENCH, VAN):
        assert f"update phone number {number}: voice_fallback_url, voice_url" in planned
    desk.do(proposal)
    assert desk.url("stage", "/sip-incoming") != old
    assert desk.number(WORKBENCH).voice_url == desk.number(VAN).voice_url == desk.url("stage", "/sip-incoming")
    assert desk.domain().voice_url == desk.domain(STAGE_NONEMERGENCY).voice_url == desk.url("stage", "/sip-outgoing")


def test_what_nobody_declared_is_reported_and_left_alone(desk: Desk) -> None:
    """Undeclared numbers, credentials, variables and functions are notes in the plan, and not changed."""
    desk.after(stage_deployed)
    number = desk.client.incoming_phone_numbers.create(phone_number="+15035550111", voice_url="https://example.org/")
    listed = desk.client.sip.credential_lists.list()[0]
    desk.client.sip.credential_lists(listed.sid).credentials.create("stranger", "Abcdefghijk1")
    environment = desk.client.serverless.v1.services(SERVICE).environments(desk.environment_sid("stage"))
    environment.variables.create(key="COLOUR", value="green")
    proposal = desk.deploy()
    assert proposal.plan.is_empty
    notes = "\n".join(proposal.plan.notes)
    for stranger in ("stranger", "+15035550111", "COLOUR"):
        assert stranger in notes
    desk.edit(TABLE)
    desk.do(desk.deploy())
    assert desk.client.incoming_phone_numbers(number.sid).fetch().voice_url == "https://example.org/"
    assert [one.key for one in environment.variables.list()] == ["COLOUR", APPLIED]


def test_number_bought_elsewhere_is_pointed_at_the_service(desk: Desk) -> None:
    """A declared number that the account owns gets the incoming function's URL; one of another environment does not."""
    desk.after(stage_deployed)
    for number in (VAN, "+15035550103"):
        desk.client.incoming_phone_numbers.create(phone_number=number)
    proposal = desk.deploy()
    assert lines(proposal.plan) == [f"update phone number {VAN}: voice_fallback_url, voice_url"]
    desk.do(proposal)


def test_failed_build_tells_why_and_what_was_live_stays(desk: Desk) -> None:
    """The error has Twilio's reason; live build and domains stay; the next deploy succeeds."""
    desk.after(stage_deployed)
    live = desk.live("stage")
    desk.edit("/decide")
    desk.fault("failed-build")
    applied = desk.carry_out(desk.deploy())
    assert applied.exit_code == 4
    assert statuses(applied) == {Status.DONE: 2, Status.FAILED: 1, Status.NOT_DONE: 1}
    (error,) = (one.error for one in applied.outcomes if one.error)
    assert "error 82003: Dependency installation failed" in error
    assert "what was live stays live" in error
    assert desk.live("stage") == live
    desk.do(desk.deploy())
    assert desk.live("stage") != live


def test_slow_build_is_waited_for(desk: Desk) -> None:
    """A build may take minutes."""
    desk.fault("slow-build")
    desk.do(desk.deploy())


def test_files_go_straight_to_a_protected_environment_only_when_forced_by_name(desk: Desk) -> None:
    """Once prod is in use, changed files are deployed to it only if `force` has its name."""
    desk.do(desk.deploy("prod"))  # nobody uses it yet
    assert desk.deploy("prod").plan.is_empty
    desk.edit("/decide")
    for force in ("", "stage", "yes"):
        with pytest.raises(InputError, match=r"environment prod: is protected and in use.* set force to 'prod'"):
            desk.deploy("prod", force=force)
    desk.do(desk.deploy("prod", force="prod"))


def test_settings_of_a_protected_environment_need_no_force(desk: Desk) -> None:
    """A changed setting of prod's domain is restored by a plain deploy, without a change of code."""
    desk.do(desk.deploy("prod"))
    name = "dialtone-example-prod.sip.twilio.com"
    desk.client.sip.domains(desk.domain(name).sid).update(secure=True)
    proposal = desk.deploy("prod")
    assert lines(proposal.plan) == [f"update SIP domain {name}: secure"]
    desk.do(proposal)


def test_trunk_password_is_a_variable_that_follows_the_operators_environment(desk: Desk) -> None:
    """The trunk's password is set and, if changed, set again; without one in the environment it stays as it is."""
    desk.trunk_password = "first-trunk-secret"
    desk.do(desk.deploy())
    variables = desk.client.serverless.v1.services(SERVICE).environments(desk.environment_sid("stage")).variables
    assert {one.key: one.value for one in variables.list()}["TRUNK_PASSWORD"] == "first-trunk-secret"
    desk.trunk_password = "second-trunk-secret"
    proposal = desk.deploy()
    assert lines(proposal.plan) == ["update variable stage/TRUNK_PASSWORD: value"]
    assert proposal.plan.changes[0].warning == "acts at once, whatever build is live"
    desk.do(proposal)
    assert {one.key: one.value for one in variables.list()}["TRUNK_PASSWORD"] == "second-trunk-secret"
    desk.trunk_password = ""
    assert desk.deploy().plan.is_empty


def test_function_made_twice_is_told_and_the_oldest_is_used(desk: Desk) -> None:
    """Of two functions with one path the oldest is used."""
    service = desk.client.serverless.v1.services.create(unique_name=SERVICE, friendly_name=SERVICE)
    functions = desk.client.serverless.v1.services(service.sid).functions
    oldest = functions.create("/decide")
    desk.account.wait(60)
    younger = functions.create("/decide")
    desk.do(desk.deploy())
    assert any(f"/decide ({younger.sid})" in note for note in desk.deploy().plan.notes)
    build = desk.client.serverless.v1.services(SERVICE).builds(desk.live("stage")).fetch()
    used = {one["path"]: one["function_sid"] for one in build.function_versions}
    assert used["/decide"] == oldest.sid
    assert len(functions.list()) == len(desk.bundle.modules) + 2


def test_address_that_nobody_named_stops_nothing(desk: Desk) -> None:
    """Addresses without a friendly name are ignored like other undeclared ones."""
    fields = {"customer_name": "Ada", "street": "1 Alder Street", "city": "Portland", "region": "OR"}
    desk.client.addresses.create(**fields, postal_code="97205", iso_country="US")
    desk.client.addresses.create(**fields, postal_code="97205", iso_country="US", friendly_name="office")
    desk.do(desk.deploy())
    assert desk.deploy().plan.is_empty


@pytest.mark.parametrize("reads", [1, 2, 4])
def test_a_domain_that_is_deleted_and_still_listed_stops_nothing(desk: Desk, reads: int) -> None:
    """As lists may lag, a deleted domain can be planned for; the apply stops, and the next run succeeds."""
    desk.after(stage_deployed)
    sid = desk.domain().sid
    desk.account.transport.send("POST", f"{CONTROL}/lag", json={"reads": reads})
    desk.client.sip.domains(sid).delete()
    with suppress(StalePlanError):
        desk.carry_out(desk.deploy())
    desk.account.transport.send("POST", f"{CONTROL}/lag", json={"reads": 0})
    desk.account.wait(10)
    desk.do(desk.deploy())
    assert desk.domain().sid != sid
