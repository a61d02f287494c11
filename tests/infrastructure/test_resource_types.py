"""A resource type is one record, from which plans, pages and applies get all that they need."""

from __future__ import annotations

import ast
import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import jsonschema
import pytest
from IPython.lib.pretty import pretty

import dialtone_nb
from dialtone_nb.display.applied import applied_html, applied_text
from dialtone_nb.display.existing import state_text
from dialtone_nb.display.plans import plan_html, plan_text
from dialtone_nb.infrastructure import resources
from dialtone_nb.infrastructure.apply import Status, apply_changes
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Plan, check_consent, compare_states, delete_resources, plan_schema
from dialtone_nb.infrastructure.record import Applied, journal_entry
from dialtone_nb.infrastructure.resources import RESOURCE_TYPES
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.model import (
    Action,
    ApplyContext,
    Group,
    Resource,
    ResourceType,
    State,
    reference,
)
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.sip_domains import SIP_DOMAIN
from tests.infrastructure.desk import Desk

PACKAGE = Path(dialtone_nb.__file__).parent
# A stand-in for what Twilio would keep: TwiML apps by name.
KEPT: dict[str, Resource] = {}


def create_app(context: ApplyContext, resource: Resource) -> Resource:
    """Create the app on the rehearsal."""
    KEPT[resource.key] = Resource(resource.kind, resource.key, resource.fields, f"AP{len(KEPT):032x}")
    return KEPT[resource.key]


def find_app(context: ApplyContext, resource: Resource) -> Resource | None:
    """Find the app on the rehearsal."""
    return KEPT.get(resource.key)


def delete_app(context: ApplyContext, resource: Resource) -> None:
    """Delete the app on the rehearsal."""
    del KEPT[resource.key]


TWIML_APP: ResourceType = ResourceType(
    "TwiML app",
    Group.SIP,
    create_app,
    find_app,
    create_app,
    delete_app,
    needs=(CREDENTIAL_LIST,),
    warnings={Action.DELETE: "calls through it fail"},
    grave={Action.CREATE: "makes an app"},
    remark=lambda app: f"answers with {app.fields['voice_url']}",
    declared=lambda parameters, _: [Resource(TWIML_APP, parameters.network.service.name, {"voice_url": ""})],
    read_all=lambda _: list(KEPT.values()),
)


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> tuple[ResourceType, ...]:
    """The list of types with one more, after the credential list."""
    KEPT.clear()
    after = RESOURCE_TYPES.index(CREDENTIAL_LIST) + 1
    types = (*RESOURCE_TYPES[:after], TWIML_APP, *RESOURCE_TYPES[after:])
    for module in ("resources", "plan", "desired", "existing"):
        monkeypatch.setattr(f"dialtone_nb.infrastructure.{module}.RESOURCE_TYPES", types)
    monkeypatch.setattr("dialtone_nb.display.existing.RESOURCE_TYPES", types)
    return types


def plan_of(desk: Desk, desired: State) -> Plan:
    """The plan that creates this on an account without it."""
    existing = State(KEPT.values())
    return Plan("Deploy stage", "the rehearsal", "stage", False, tuple(compare_states(existing, desired)))


def test_a_new_type_goes_from_its_record_to_plan_page_apply_and_record(
    desk: Desk, types: tuple[ResourceType, ...]
) -> None:
    """One record and one line in the list are enough to plan, show, create, record, list and delete a new type."""
    app = Resource(TWIML_APP, "switchboard", {"voice_url": "https://example.org/answer"})
    wanted = State([Resource(SIP_DOMAIN, "a.sip.twilio.com"), app, Resource(SERVICE, "dialtone")])
    plan = plan_of(desk, wanted)
    assert [change.kind for change in plan.changes] == [SERVICE, TWIML_APP, SIP_DOMAIN]
    assert plan.grave == ("makes an app",)
    assert check_consent(plan, plan.fingerprint)
    jsonschema.validate(json.loads(plan.json()), plan_schema())
    assert "+ TwiML app" in plan_text(plan)
    assert "create TwiML app" in plan_html(plan)

    context = ApplyContext(desk.account, SERVICE.id("dialtone"), CREDENTIAL_LIST.id("phones"), State(), desk.bundle)
    made = [change for change in plan.changes if change.kind is TWIML_APP]
    outcomes = apply_changes(context, made)
    assert [one.status for one in outcomes] == [Status.DONE]
    assert context.sid(TWIML_APP, "switchboard") == KEPT["switchboard"].sid
    domain = Resource(SIP_DOMAIN, "a.sip.twilio.com", {"app": reference(app.id, "sid")})
    assert context.resolve(domain).fields["app"] == KEPT["switchboard"].sid
    assert journal_entry(plan, outcomes[0])["kind"] == "TwiML app"
    applied = Applied(plan, tuple(outcomes))
    assert "✓ create TwiML app switchboard" in applied_text(applied)
    assert "create TwiML app" in applied_html(applied)

    there = Existing("stage", State(KEPT.values()))
    assert "switchboard (answers with https://example.org/answer)" in state_text(there)
    assert compare_states(there.state, State([app])) == []
    (removal,) = delete_resources(there.state.values())
    assert removal.warning == "calls through it fail"
    assert [one.status for one in apply_changes(context, [removal])] == [Status.DONE]
    assert KEPT == {}


@pytest.mark.usefixtures("types")
def test_what_a_record_declares_is_made_by_a_deploy_and_found_again(desk: Desk) -> None:
    """Its record derives desired resources from the parameter files, and reads existing ones."""
    applied = desk.do(desk.deploy())
    assert "create TwiML app dialtone" in [f"{one.change.action} {one.change.id}" for one in applied.outcomes]
    assert list(KEPT) == ["dialtone"]
    assert desk.deploy().plan.is_empty


def test_a_type_is_printed_as_its_name() -> None:
    """The repr of a change has the type's name, without its functions."""
    assert f"{TWIML_APP}" == repr(TWIML_APP) == pretty(TWIML_APP) == "TwiML app"


def test_every_type_that_a_module_defines_is_listed_once() -> None:
    """All types are in the list, with different names."""
    defined = {
        found
        for one in iter_modules(resources.__path__, f"{resources.__name__}.")
        for found in vars(import_module(one.name)).values()
        if isinstance(found, ResourceType)
    }
    assert set(RESOURCE_TYPES) == defined
    assert len({one.name for one in RESOURCE_TYPES}) == len(RESOURCE_TYPES)


def test_every_type_comes_after_what_it_needs() -> None:
    """The list's order is a valid order of creation."""
    for place, kind in enumerate(RESOURCE_TYPES):
        assert kind.all_needs <= set(RESOURCE_TYPES[:place]), f"{kind} needs what is listed after it"


def test_no_table_is_keyed_by_type_beside_the_records() -> None:
    """All data of a type is in its record, so that a new type needs no other change."""
    names = {name for name, value in vars(resources).items() if isinstance(value, ResourceType)}
    tables = [
        f"{module.relative_to(PACKAGE)}:{node.lineno}"
        for module in PACKAGE.rglob("*.py")
        if "resources" not in module.parts and "node_modules" not in module.parts
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if key is not None and {one.id for one in ast.walk(key) if isinstance(one, ast.Name)} & names
    ]
    assert tables == [], "move what these say of a type into its ResourceType"
