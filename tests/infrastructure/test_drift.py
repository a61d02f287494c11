"""Drift: every declared field, changed outside the runbooks, is found by itself and restored."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from dialtone_nb.infrastructure.desired import desired_environment
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.functions import FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import ResourceType
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.infrastructure.resources.services import SERVICE as SERVICE_TYPE
from dialtone_nb.infrastructure.resources.sip_domains import CALLS_MAPPING, REGISTRATIONS_MAPPING, SIP_DOMAIN
from dialtone_nb.infrastructure.resources.variables import VARIABLE
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.service.bundle import MANIFEST
from tests.infrastructure.desk import (
    LIST,
    SERVICE,
    STAGE,
    STAGE_NONEMERGENCY,
    VAN,
    WORKBENCH,
    Desk,
    lines,
    stage_deployed,
    told,
    trunk_password_told,
    workbench_set_up,
)

WORKBENCH_ADDRESS = "workbench emergency"
URL = "https://example.org/elsewhere"


@dataclass
class Behind:
    """A person who changes the account outside the runbooks."""

    desk: Desk
    rehearsal: Rehearsal

    @property
    def service(self) -> Any:
        """The serverless service."""
        return self.desk.client.serverless.v1.services(SERVICE)

    @property
    def environment(self) -> Any:
        """Stage."""
        return self.service.environments(self.desk.environment_sid("stage"))

    @property
    def listed(self) -> Any:
        """The credential list."""
        return self.desk.client.sip.credential_lists(self.desk.client.sip.credential_lists.list()[0].sid)

    def domain(self, name: str = STAGE) -> Any:
        """A SIP domain."""
        return self.desk.client.sip.domains(self.desk.domain(name).sid)

    def number(self, number: str = WORKBENCH) -> Any:
        """A number."""
        return self.desk.client.incoming_phone_numbers(self.desk.number(number).sid)

    @property
    def address(self) -> Any:
        """The emergency address."""
        (one,) = self.desk.client.addresses.list(friendly_name=WORKBENCH_ADDRESS)
        return self.desk.client.addresses(one.sid)

    def force(self, kind: str, name: str, **fields: Any) -> None:
        """Set fields that the rehearsal's API can't set (such as trunks, which it does not model)."""
        connection = sqlite3.connect(self.rehearsal.served.store.path, timeout=10)
        with connection:
            row = connection.execute(
                "SELECT sid, body FROM things WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
            body = {**orjson.loads(row[1]), **fields}
            connection.execute("UPDATE things SET body = ? WHERE sid = ?", (orjson.dumps(body), row[0]))
        connection.close()

    def build(self, *, runtime: str = "node22", library: str = "", **versions: tuple[str, str]) -> None:
        """Make another build live, with other versions of some functions or other settings."""
        live = self.service.builds(self.environment.fetch().build_sid).fetch()
        sids = {one["path"]: one["sid"] for one in live.function_versions}
        functions = {one["path"]: one["function_sid"] for one in live.function_versions}
        for name, (visibility, source) in versions.items():
            sids[f"/{name}"] = self.upload(functions[f"/{name}"], f"/{name}", visibility, source)
        declared = {**self.desk.bundle.dependencies, **({"twilio": library} if library else {})}
        dependencies = json.dumps([{"name": name, "version": version} for name, version in declared.items()])
        made = self.service.builds.create(
            function_versions=list(sids.values()), runtime=runtime, dependencies=dependencies
        )
        while self.service.builds(made.sid).build_status().fetch().status == "building":
            pass
        self.environment.deployments.create(build_sid=made.sid)

    def upload(self, function: str, path: str, visibility: str, source: str) -> str:
        """Upload a version and return its SID."""
        service = self.service.fetch().sid
        answer = self.desk.account.transport.send(
            "POST",
            f"https://serverless-upload.twilio.com/v1/Services/{service}/Functions/{function}/Versions",
            data={"Path": path, "Visibility": visibility},
            files={"Content": ("f.js", source.encode(), "application/javascript")},
            auth=(self.desk.account.sid, self.desk.account.credentials.password),
        )
        return str(answer.json()["sid"])

    def source(self, path: str) -> str:
        """The declared source of a module."""
        return self.desk.bundle.modules[path].content.decode()


Change = Callable[[Behind], object]
REDEPLOYED = ["update deployment stage: code"]


def updated(kind: ResourceType, key: str, field: str) -> list[str]:
    """The one line of a plan with one changed field."""
    return [f"update {kind} {key}: {field}"]


def of_domain(field: str, value: Any) -> tuple[ResourceType, str, Change, list[str]]:
    """A field of a SIP domain that Twilio's client can change."""
    return SIP_DOMAIN, field, lambda b: b.domain().update(**{field: value}), updated(SIP_DOMAIN, STAGE, field)


def of_number(field: str, value: Any) -> tuple[ResourceType, str, Change, list[str]]:
    """A field of a number that Twilio's client can change."""
    found = updated(PHONE_NUMBER, WORKBENCH, field)
    return PHONE_NUMBER, field, lambda b: b.number().update(**{field: value}), found


def of_address(field: str, value: Any) -> tuple[ResourceType, str, Change, list[str]]:
    """A field of an address that Twilio's client can change."""
    return ADDRESS, field, lambda b: b.address.update(**{field: value}), updated(ADDRESS, WORKBENCH_ADDRESS, field)


def of_service(field: str, value: Any) -> tuple[ResourceType, str, Change, list[str]]:
    """A field of the service."""
    return SERVICE_TYPE, field, lambda b: b.service.update(**{field: value}), updated(SERVICE_TYPE, SERVICE, field)


# Every declared field: its kind, its name, who changes it, and all that the plan then has to say.
FIELDS: list[tuple[ResourceType, str, Change, list[str]]] = [
    of_service("friendly_name", "renamed"),
    of_service("include_credentials", True),
    of_service("ui_editable", True),
    (
        FUNCTION_VERSION,
        "sha256",
        lambda b: b.build(decide=("private", "// something else\n")),
        REDEPLOYED,
    ),
    (
        FUNCTION_VERSION,
        "visibility",
        lambda b: b.build(decide=("public", b.source("/decide"))),
        REDEPLOYED,
    ),
    (BUILD, "runtime", lambda b: b.build(runtime="node20"), REDEPLOYED),
    (BUILD, "dependencies", lambda b: b.build(library="5.0.0"), REDEPLOYED),
    (DEPLOYMENT, "code", lambda b: b.environment.deployments.create(), ["create deployment stage"]),
    (
        VARIABLE,
        "value",
        lambda b: b.environment.variables(b.environment.variables.list()[0].sid).update(value="another"),
        updated(VARIABLE, "stage/TRUNK_PASSWORD", "value"),
    ),
    of_domain("friendly_name", "renamed"),
    of_domain("voice_url", URL),
    of_domain("voice_method", "GET"),
    of_domain("voice_fallback_url", URL),
    of_domain("voice_status_callback_url", URL),
    of_domain("sip_registration", False),
    of_domain("emergency_calling_enabled", False),
    of_domain("secure", True),
    (
        SIP_DOMAIN,
        "byoc_trunk_sid",
        lambda b: b.force("sip_domain", STAGE, byoc_trunk_sid="BY" + "0" * 32),
        updated(SIP_DOMAIN, STAGE, "byoc_trunk_sid"),
    ),
    (
        SIP_DOMAIN,
        "emergency_caller_sid",
        lambda b: b.domain().update(emergency_caller_sid=b.desk.number(WORKBENCH).sid),
        updated(SIP_DOMAIN, STAGE, "emergency_caller_sid"),
    ),
    of_number("voice_url", URL),
    of_number("voice_method", "GET"),
    of_number("voice_fallback_url", URL),
    (
        PHONE_NUMBER,
        "voice_application_sid",
        lambda b: b.force("phone_number", WORKBENCH, voice_application_sid="AP" + "0" * 32),
        updated(PHONE_NUMBER, WORKBENCH, "voice_application_sid"),
    ),
    (
        PHONE_NUMBER,
        "trunk_sid",
        lambda b: b.force("phone_number", WORKBENCH, trunk_sid="TK" + "0" * 32),
        updated(PHONE_NUMBER, WORKBENCH, "trunk_sid"),
    ),
    of_number("voice_receive_mode", "fax"),
    of_number("voice_caller_id_lookup", True),
    of_number("status_callback", URL),
    of_number("emergency_address_sid", ""),
    of_address("customer_name", "Somebody Else"),
    of_address("street", "1 Elsewhere Street"),
    of_address("street_secondary", "Flat 2"),
    of_address("city", "Salem"),
    of_address("region", "WA"),
    of_address("postal_code", "97301"),
    of_address("emergency_enabled", False),
]
# What no API can change on a thing that exists.
FIXED = {(ENVIRONMENT, "domain_suffix"), (ADDRESS, "iso_country")}
CLIENT_KINDS = {ADDRESS, CREDENTIAL}


@pytest.fixture
def behind(desk: Desk, rehearsal: Rehearsal) -> Behind:
    """An account with stage deployed and a phone with an emergency address set up, to be changed."""
    return Behind(desk.after(trunk_password_told, stage_deployed, workbench_set_up), rehearsal)


def assert_restored(desk: Desk, propose: Callable[[], Proposal], found: list[str]) -> None:
    """Assert that the plan has only this, and that after the apply it is empty, for every operator."""
    proposal = propose()
    assert lines(proposal.plan) == found
    applied = desk.carry_out(proposal)
    assert applied.exit_code == 0, told(applied)
    assert desk.deploy().plan.is_empty
    assert desk.set_up("workbench").plan.is_empty


@pytest.mark.parametrize(
    ("kind", "field", "change", "found"), FIELDS, ids=[f"{kind} {field}" for kind, field, _, _ in FIELDS]
)
def test_changed_field_is_found_alone_and_restored(
    behind: Behind, kind: ResourceType, field: str, change: Change, found: list[str]
) -> None:
    """The plan has only that field, and applying it leaves an empty plan."""
    change(behind)
    desk = behind.desk
    while str(desk.number(WORKBENCH).emergency_address_status).startswith("pending"):
        desk.account.wait(5)
    of_client = kind in CLIENT_KINDS or field == "emergency_address_sid"
    assert_restored(desk, (lambda: desk.set_up("workbench")) if of_client else desk.deploy, found)


def test_every_declared_field_is_in_the_table(desk: Desk) -> None:
    """The table above has a line for each declared field."""
    declared = desired_environment(
        desk.parameters,
        "stage",
        live=desk.bundle,
        trunk_password=True,
        owned={VAN, WORKBENCH},
        set_up={"workbench", "van"},
    )
    fields = {(item.kind, name) for item in declared.values() for name in item.fields}
    assert fields == {(kind, field) for kind, field, _, _ in FIELDS} | FIXED


def test_country_of_an_address_is_refused_in_words(behind: Behind) -> None:
    """Twilio can't change an address's country: the apply says how to go on, and sends no request."""
    address = behind.desk.parameters.clients["workbench"].emergency_address
    assert address is not None
    moved = {**address.model_dump(), "country": "CA", "region": "BC", "postal_code": "V5K 0A1"}
    behind.desk.declare("workbench", emergency_address=moved)
    applied = behind.desk.carry_out(behind.desk.set_up("workbench"))
    assert any("can't change the country of address workbench emergency" in one.error for one in applied.outcomes)
    behind.desk.do(behind.desk.delete("client", client="workbench"))
    behind.desk.do(behind.desk.set_up("workbench"))


def test_another_emergency_address_is_replaced(behind: Behind) -> None:
    """An address set by somebody else is removed, waited for, and replaced by ours."""
    desk = behind.desk
    fields = {"customer_name": "Ada", "street": "1 Alder Street", "city": "Portland", "region": "OR"}
    other = desk.client.addresses.create(
        **fields, postal_code="97205", iso_country="US", emergency_enabled=True, friendly_name="office"
    )
    for wanted in ("", other.sid):
        behind.number().update(emergency_address_sid=wanted)
        while behind.number().fetch().emergency_address_status.startswith("pending"):
            pass
    found = updated(PHONE_NUMBER, WORKBENCH, "emergency_address_sid")
    assert_restored(desk, lambda: desk.set_up("workbench"), found)
    assert desk.number(WORKBENCH).emergency_address_status == "registered"


def test_meddled_code_is_built_again_where_the_old_build_is_gone(behind: Behind) -> None:
    """If the wanted build was deleted, it is built again from its versions, which still exist."""
    old = behind.environment.fetch().build_sid
    behind.build(decide=("private", "// something else\n"))
    behind.service.builds(old).delete()
    digest = behind.desk.deploy().plan.compared["files"]
    assert_restored(behind.desk, behind.desk.deploy, [f"create build {digest}", "update deployment stage: code"])


def test_function_added_to_the_live_build_drops_out(behind: Behind) -> None:
    """The plan notes the added function; the new build does not have it."""
    function = behind.service.functions.create("/extra").sid
    sid = behind.upload(function, "/extra", "public", "exports.handler = (c, e, done) => done(null, '');")
    live = behind.service.builds(behind.environment.fetch().build_sid).fetch()
    made = behind.service.builds.create(
        function_versions=[*(one["sid"] for one in live.function_versions), sid],
        runtime="node22",
        dependencies=json.dumps([{"name": n, "version": v} for n, v in behind.desk.bundle.dependencies.items()]),
    )
    while behind.service.builds(made.sid).build_status().fetch().status == "building":
        pass
    behind.environment.deployments.create(build_sid=made.sid)
    assert any("/extra" in note for note in behind.desk.deploy().plan.notes)
    assert_restored(behind.desk, behind.desk.deploy, REDEPLOYED)


def mapping(domain: str, family: str) -> Change:
    """Removes the list's mapping to a domain, for one family."""
    return lambda b: getattr(b.domain(domain).auth, family).credential_list_mappings(b.listed.fetch().sid).delete()


def delete_list(behind: Behind) -> None:
    """Removes the mappings of the credential list and deletes it."""
    for domain in (STAGE, STAGE_NONEMERGENCY):
        for family in ("calls", "registrations"):
            mapping(domain, family)(behind)
    behind.listed.delete()


MAPPED = [
    f"create {kind} {domain}/{LIST}"
    for kind in (CALLS_MAPPING, REGISTRATIONS_MAPPING)
    for domain in (STAGE_NONEMERGENCY, STAGE)
]
DELETED: list[tuple[str, Change, str, list[str]]] = [
    (
        "environment",
        lambda b: b.environment.delete(),
        "deploy",
        [
            "create environment stage",
            "create deployment stage",
            "create variable stage/TRUNK_PASSWORD",
            f"update SIP domain {STAGE_NONEMERGENCY}: voice_fallback_url, voice_url",
            f"update SIP domain {STAGE}: voice_fallback_url, voice_url",
            f"update phone number {WORKBENCH}: voice_fallback_url, voice_url",
        ],
    ),
    (
        "variable",
        lambda b: b.environment.variables.list()[0].delete(),
        "deploy",
        ["create variable stage/TRUNK_PASSWORD"],
    ),
    (
        "domain",
        lambda b: b.domain().delete(),
        "deploy",
        [
            f"create SIP domain {STAGE}",
            f"create calls mapping {STAGE}/{LIST}",
            f"create registrations mapping {STAGE}/{LIST}",
        ],
    ),
    *(
        (f"{family} mapping of {domain}", mapping(domain, family), "deploy", [f"create {kind} {domain}/{LIST}"])
        for family, kind in (("calls", CALLS_MAPPING), ("registrations", REGISTRATIONS_MAPPING))
        for domain in (STAGE, STAGE_NONEMERGENCY)
    ),
    ("list", delete_list, "set up", [f"create credential list {LIST}", *MAPPED, "create credential workbench"]),
    ("credential", lambda b: b.listed.credentials.list()[0].delete(), "set up", ["create credential workbench"]),
    (
        "number",
        lambda b: (
            b.number().update(emergency_address_sid=""),
            b.number().fetch(),
            b.number().fetch(),
            b.number().delete(),
        ),
        "set up",
        [f"create phone number {WORKBENCH}"],
    ),
    (
        "address",
        lambda b: (
            b.number().update(emergency_address_sid=""),
            b.number().fetch(),
            b.number().fetch(),
            b.address.delete(),
        ),
        "set up",
        [f"create address {WORKBENCH_ADDRESS}", f"update phone number {WORKBENCH}: emergency_address_sid"],
    ),
]


@pytest.mark.parametrize(("what", "change", "runbook", "found"), DELETED, ids=[one[0] for one in DELETED])
def test_deleted_behind_its_back_is_made_again(
    behind: Behind, what: str, change: Change, runbook: str, found: list[str]
) -> None:
    """The plan restores the deleted resource and its dependents, and nothing else."""
    change(behind)
    desk = behind.desk
    buy = WORKBENCH if what == "number" else ""
    assert_restored(desk, desk.deploy if runbook == "deploy" else lambda: desk.set_up("workbench", buy=buy), found)


def test_deleted_function_is_made_again(behind: Behind) -> None:
    """A deleted function is created again, the others are kept, and a new build is live."""
    live = behind.environment.fetch().build_sid
    before = {one.friendly_name: one.sid for one in behind.service.functions.list()}
    behind.environment.deployments.create()
    behind.service.builds(live).delete()
    behind.service.functions(before["/decide"]).delete()
    planned = lines(behind.desk.deploy().plan)
    assert [line for line in planned if line.startswith("create function /")] == ["create function /decide"]
    assert_restored(behind.desk, behind.desk.deploy, planned)
    after = {one.friendly_name: one.sid for one in behind.service.functions.list()}
    assert {path for path in before if before[path] != after[path]} == {"/decide"}
    assert sorted(after) == sorted({*behind.desk.bundle.modules, MANIFEST})


def test_renamed_list_is_made_again_beside_the_other(behind: Behind) -> None:
    """A renamed list is not recognised: a list with the declared name is created and mapped."""
    behind.listed.update(friendly_name="old phones")
    found = [f"create credential list {LIST}", *MAPPED]
    proposal = behind.desk.deploy()
    assert lines(proposal.plan) == found
    behind.desk.do(proposal)
    names = [one.friendly_name for one in behind.desk.client.sip.credential_lists.list()]
    assert sorted(names) == [LIST, "old phones"]


def test_two_differences_in_one_thing_are_one_change(behind: Behind) -> None:
    """All differences of a domain are one update, with old and new values."""
    behind.domain().update(secure=True, voice_method="GET")
    proposal = behind.desk.deploy()
    (change,) = proposal.plan.changes
    assert dict(change.before) == {"secure": True, "voice_method": "GET"}
    assert dict(change.after) == {"secure": False, "voice_method": "POST"}
    assert change.why == "differs in secure, voice_method"
    behind.desk.do(proposal)


def test_manifest_that_lies_is_not_believed(behind: Behind) -> None:
    """A build made by hand with our manifest is compared source by source, and its change is shown."""
    behind.build(decide=("private", "// something else, beside the old manifest\n"))
    existing = behind.desk.site("stage").look()
    version = existing.code["stage"]["/decide"]
    assert version.fields["sha256"] != behind.desk.bundle.modules["/decide"].sha256
    assert existing.sources[version.sid] == "// something else, beside the old manifest\n"
