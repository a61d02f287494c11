"""Plans as JSON are valid against the published schema."""

from __future__ import annotations

import json

import jsonschema
import pytest
from IPython.core.interactiveshell import InteractiveShell

from dialtone_nb.display.outputs import PLAN, show_ours
from dialtone_nb.infrastructure.plan import Change, Plan, describe, plan_schema
from dialtone_nb.infrastructure.resources import RESOURCE_TYPES
from dialtone_nb.infrastructure.resources.model import Action, ResourceType
from dialtone_nb.infrastructure.resources.sip_domains import SIP_DOMAIN

SCHEMA = plan_schema()


def plan_of(*changes: Change) -> Plan:
    """A plan of these changes."""
    return Plan("Deploy stage", "the rehearsal", "stage", False, changes, {"files": "abc"}, ("a note",))


@pytest.mark.parametrize("kind", RESOURCE_TYPES)
@pytest.mark.parametrize("action", list(Action))
def test_every_change_keeps_to_the_schema(kind: ResourceType, action: Action) -> None:
    """A change of every kind and action is valid against the schema."""
    change = describe(Change(action, kind, "a key", {"secure": False}, {"secure": True, "voice_url": None}))
    jsonschema.validate(json.loads(plan_of(change).json()), SCHEMA)


def test_a_plan_without_its_fingerprint_is_no_plan() -> None:
    """The schema requires the fingerprint, and checks its form."""
    plan = json.loads(plan_of().json())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**plan, "fingerprint": "12345678"}, SCHEMA)
    del plan["fingerprint"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plan, SCHEMA)


def test_a_plan_in_a_notebook_carries_itself_for_other_programs() -> None:
    """The page includes the plan as JSON, valid against the schema."""
    shell = InteractiveShell()
    show_ours(shell)
    plan = plan_of(describe(Change(Action.CREATE, SIP_DOMAIN, "a.sip.twilio.com", {}, {"secure": True})))
    assert shell.display_formatter
    data, _ = shell.display_formatter.format(plan)
    jsonschema.validate(data[PLAN], SCHEMA)
    assert data[PLAN]["fingerprint"] == plan.fingerprint
