"""Lost answers, temporary errors and killed runs: running again converges without duplicates."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from dialtone_nb.account.account import CONTROL
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.functions import FUNCTION, FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.sip_domains import CALLS_MAPPING
from dialtone_nb.infrastructure.resources.variables import APPLIED
from dialtone_nb.service.bundle import MANIFEST
from tests.infrastructure.conftest import OpenDesk
from tests.infrastructure.desk import (
    LIST,
    SERVICE,
    STAGE,
    STAGE_NONEMERGENCY,
    WORKBENCH,
    Desk,
    kinds,
    stage_deployed,
    statuses,
    told,
    trunk_password_told,
    workbench_set_up,
)

FAULTS = ("429", "500", "timeout-before", "timeout-after", "reset", "reset-after")
# The path of each kind of write in a first deploy, and which of its requests is struck.
DEPLOY_WRITES = {
    "service": r"^/v1/Services$",
    "environment": r"/Environments$",
    "function": r"/Functions$",
    "upload": r"/Versions$",
    "build": r"/Builds$",
    "deployment": r"/Deployments$",
    "variable": r"/Variables$",
    "credential list": r"/CredentialLists\.json$",
    "domain": r"/SIP/Domains\.json$",
    "calls mapping": r"/Auth/Calls/CredentialListMappings\.json$",
    "registrations mapping": r"/Auth/Registrations/CredentialListMappings\.json$",
}
CLIENT_WRITES = {
    "address": r"/Addresses\.json$",
    "number": r"/IncomingPhoneNumbers\.json$",
    "credential": r"/Credentials\.json$",
}
# Every write meets two faults and every fault meets several writes, without the whole product of them.
DEPLOY_POINTS = [
    (write, fault)
    for index, write in enumerate(DEPLOY_WRITES)
    for fault in (FAULTS[index % len(FAULTS)], FAULTS[(index + 3) % len(FAULTS)])
]


def assert_single(desk: Desk) -> None:
    """Assert that each resource of a deploy of stage exists once."""
    services = desk.client.serverless.v1.services.list()
    assert [one.unique_name for one in services] == [SERVICE]
    service = desk.client.serverless.v1.services(SERVICE)
    assert [one.unique_name for one in service.environments.list()] == ["stage"]
    paths = [one.friendly_name for one in service.functions.list()]
    assert sorted(paths) == sorted({*desk.bundle.modules, MANIFEST})
    assert [one.status for one in service.builds.list()] == ["completed"]
    variables = [one.key for one in service.environments(desk.environment_sid("stage")).variables.list()]
    assert sorted(variables) in ([APPLIED], [APPLIED, "TRUNK_PASSWORD"])
    assert sorted(one.domain_name for one in desk.client.sip.domains.list()) == [STAGE_NONEMERGENCY, STAGE]
    assert [one.friendly_name for one in desk.client.sip.credential_lists.list()] == [LIST]


def assert_single_phone(desk: Desk) -> None:
    """Assert that each resource of a phone's set-up exists once."""
    assert [one.phone_number for one in desk.client.incoming_phone_numbers.list()] == [WORKBENCH]
    assert desk.number(WORKBENCH).emergency_address_status == "registered"
    assert [one.friendly_name for one in desk.client.addresses.list()] == ["workbench emergency"]
    (listed,) = desk.client.sip.credential_lists.list()
    credentials = desk.client.sip.credential_lists(listed.sid).credentials.list()
    assert [one.username for one in credentials] == ["workbench"]


@pytest.mark.parametrize(("write", "fault"), DEPLOY_POINTS)
def test_first_deploy_gets_over_one_fault_on_any_write(open_desk: OpenDesk, write: str, fault: str) -> None:
    """A lost answer or error at any write is resolved in the same run, and nothing is created twice."""
    desk = open_desk(timeout_s=0.25)
    desk.trunk_password = "a-trunk-secret"
    desk.fault(fault, "POST", DEPLOY_WRITES[write])
    desk.do(desk.deploy())
    assert_single(desk)


@pytest.mark.parametrize(("write", "fault"), list(itertools.product(CLIENT_WRITES, FAULTS)))
def test_client_set_up_gets_over_one_fault_on_any_write(open_desk: OpenDesk, write: str, fault: str) -> None:
    """Whatever answer is lost, one number, address and credential are created, and the address is registered."""
    open_desk().after(stage_deployed)
    desk = open_desk(timeout_s=0.25)
    desk.fault(fault, "POST", CLIENT_WRITES[write])
    desk.do(desk.set_up("workbench", buy=WORKBENCH))
    assert_single_phone(desk)


@pytest.mark.parametrize(
    ("write", "fault"),
    [("function", "500"), ("upload", "timeout-after"), ("build", "reset-after"), ("domain", "reset-after")],
)
def test_deploy_that_could_not_go_on_is_resumed(open_desk: OpenDesk, write: str, fault: str) -> None:
    """Without any answers the run ends, partly applied; a later run completes it."""
    desk = open_desk(timeout_s=0.25)
    proposal = desk.deploy()
    desk.fault(fault, "POST", DEPLOY_WRITES[write], times=60)
    # Nor can it be looked for: the lists that would tell fail as well, after the look within the claim.
    desk.fault("500", "GET", DEPLOY_WRITES[write], nth=2 if write == "domain" else 1, times=200)
    applied = desk.carry_out(proposal)
    assert applied.exit_code == 4, told(applied)
    assert statuses(applied).get(Status.NOT_DONE), told(applied)
    errors = " ".join(one.error for one in applied.outcomes)
    assert "HTTP 500" in errors
    assert "may have been carried out or not" in errors
    desk.account.transport.send("DELETE", "http://rehearsal.localhost/faults")
    desk.do(desk.deploy())
    assert_single(desk)


@pytest.mark.parametrize("fault", ["timeout-after", "reset", "500"])
def test_lost_answers_to_a_delete_are_looked_for(open_desk: OpenDesk, fault: str) -> None:
    """Each type's first delete loses its answer, and all are deleted in the same run."""
    open_desk().after(stage_deployed, workbench_set_up)
    desk = open_desk(timeout_s=0.25)
    for path in ("/Credentials/", "/Addresses/", "/Calls/Cred", "/Registrations/Cred", "/Domains/SD[0-9a-f]*.json"):
        desk.fault(fault, "DELETE", path)
    for path in ("/CredentialLists/CL[0-9a-f]*.json", "/Environments/ZE[0-9a-f]*$", "/IncomingPhoneNumbers/"):
        desk.fault(fault, "DELETE", path)
    desk.fault(fault, "POST", "/Deployments$")
    desk.do(desk.delete("service", release=[WORKBENCH]))
    assert desk.client.serverless.v1.services.list() == []
    assert desk.client.sip.domains.list() == []
    assert desk.client.incoming_phone_numbers.list() == []


@pytest.mark.parametrize("fault", FAULTS)
def test_updates_get_over_a_fault(open_desk: OpenDesk, fault: str) -> None:
    """A domain, a number, a variable and a password are changed once each, though the first answer is lost."""
    first = open_desk().after(trunk_password_told, stage_deployed, workbench_set_up)
    first.client.sip.domains(first.domain().sid).update(secure=True)
    first.client.incoming_phone_numbers(first.number(WORKBENCH).sid).update(voice_method="GET")
    desk = open_desk(timeout_s=0.25)
    desk.trunk_password = "another-trunk-secret"
    for path in ("/Domains/SD", "/IncomingPhoneNumbers/PN", "/Variables/ZV", "/Credentials/CR"):
        desk.fault(fault, "POST", path)
    desk.do(desk.deploy())
    desk.do(desk.set_up("workbench", "rotate"))
    assert desk.domain().secure is False
    assert desk.number(WORKBENCH).voice_method == "POST"


class Killed(BaseException):
    """Raised in place of the end of the process."""


@pytest.mark.parametrize("after", (1, 2, 7, 12, 19, 20, 24, 26))
def test_killed_deploy_is_resumed(desk: Desk, after: int) -> None:
    """Killed after any number of changes, a second run completes it without duplicates."""
    seen = 0

    def watch(event: ChangeOutcome | Change) -> None:
        nonlocal seen
        seen += isinstance(event, ChangeOutcome)
        if seen == after:
            raise Killed

    with pytest.raises(Killed):
        desk.carry_out(desk.deploy(), observe=watch)
    desk.do(desk.deploy())
    services = desk.client.serverless.v1.services(SERVICE)
    paths = [one.friendly_name for one in services.functions.list()]
    assert sorted(paths) == sorted({*desk.bundle.modules, MANIFEST})
    assert len(desk.client.sip.domains.list()) == 2
    assert len(desk.client.sip.credential_lists.list()) == 1
    assert desk.deploy().plan.is_empty


@pytest.mark.parametrize("after", [1, 2, 3])
def test_killed_client_set_up_is_resumed(desk: Desk, after: int) -> None:
    """Killed after the address, the number or the credential, a second run completes it and buys nothing twice."""
    desk.after(stage_deployed)
    seen = 0

    def watch(event: ChangeOutcome | Change) -> None:
        nonlocal seen
        seen += isinstance(event, ChangeOutcome)
        if seen == after:
            raise Killed

    with pytest.raises(Killed):
        desk.carry_out(desk.set_up("workbench", buy=WORKBENCH), observe=watch)
    desk.do(desk.set_up("workbench", buy=WORKBENCH))
    assert_single_phone(desk)


@pytest.mark.parametrize("after", (1, 4, 8, 11))
def test_killed_delete_is_resumed(desk: Desk, after: int) -> None:
    """Killed midway, a second run completes it."""
    desk.after(stage_deployed, workbench_set_up)
    seen = 0

    def watch(event: ChangeOutcome | Change) -> None:
        nonlocal seen
        seen += isinstance(event, ChangeOutcome)
        if seen == after:
            raise Killed

    with pytest.raises(Killed):
        desk.carry_out(desk.delete("service"), observe=watch)
    desk.do(desk.delete("service"))
    assert desk.client.serverless.v1.services.list() == []
    assert desk.client.sip.domains.list() == []


def test_first_refusal_stops_what_follows(desk: Desk) -> None:
    """After an error no further change starts; completed and remaining changes are reported."""
    network = desk.parameters.network.model_copy(update={"sip_domain_prefix": "x" * 60})
    desk.parameters = replace(desk.parameters, network=network)
    applied = desk.carry_out(desk.deploy())
    assert applied.exit_code == 4
    by_kind = {one.change.kind: one for one in applied.outcomes}
    assert by_kind[DEPLOYMENT].status is Status.DONE
    assert "error 21232" in "".join(one.error for one in applied.outcomes)
    assert by_kind[CALLS_MAPPING].status is Status.NOT_DONE
    assert applied.check is None
    assert "run again to go on" in applied.summary


def uploads(desk: Desk) -> dict[str, int]:
    """The number of versions per function."""
    service = desk.client.serverless.v1.services(SERVICE)
    return {
        one.friendly_name: len(service.functions(one.sid).function_versions.list()) for one in service.functions.list()
    }


def test_what_a_dead_run_uploaded_is_adopted(desk: Desk) -> None:
    """After a failed build the uploaded versions are used; the plan has the build and later changes."""
    desk.fault("failed-build")
    assert desk.carry_out(desk.deploy()).exit_code == 4
    proposal = desk.deploy()
    assert kinds(proposal.plan).keys().isdisjoint({FUNCTION, FUNCTION_VERSION})
    assert BUILD in kinds(proposal.plan)
    desk.do(proposal)
    assert set(uploads(desk).values()) == {1}
    assert desk.deploy().plan.is_empty


def test_build_that_a_dead_run_left_is_waited_for(desk: Desk) -> None:
    """A build still running when its run died goes live, without a second one."""
    desk.after(stage_deployed)
    desk.edit("/decide")
    desk.fault("401", "GET", r"/Builds/ZB[0-9a-f]*/Status$", times=1000)
    assert desk.carry_out(desk.deploy()).exit_code == 4
    desk.account.transport.send("DELETE", f"{CONTROL}/faults")
    desk.do(desk.deploy())
    assert uploads(desk) == dict.fromkeys(desk.bundle.modules, 1) | {"/decide": 2, MANIFEST: 2}
    assert len(desk.client.serverless.v1.services(SERVICE).builds.list()) == 2


def test_other_uploads_are_not_mistaken_for_ours(desk: Desk) -> None:
    """An upload with other source or visibility is not used, even if it is the newest."""
    desk.after(stage_deployed)
    before = desk.bundle
    desk.edit("/decide")
    desk.fault("failed-build")
    desk.carry_out(desk.deploy())
    desk.bundle = before
    desk.edit("/decide", "\n// edited otherwise\n")
    desk.do(desk.deploy())
    assert uploads(desk)["/decide"] == 3
    assert desk.deploy().plan.is_empty
