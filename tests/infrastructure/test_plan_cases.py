"""Plans as files: cases/*.yaml, each a situation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dialtone_nb.infrastructure.plan import Change, compare_states, delete_resources, waits_for
from dialtone_nb.infrastructure.resources import RESOURCE_TYPES
from dialtone_nb.infrastructure.resources.functions import FUNCTION, FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import Action, Id, Resource, State, readable, reference

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
STANDS_FOR = re.compile(r"<(?P<field>[a-z_]+) of (?P<thing>[^>]+)>")
PARTS = {"about", "exists", "wanted", "taken_out", "expected", "order"}


def read_resource(text: str, fields: Mapping[str, Any] | None = None) -> Resource:
    """A resource, as a case has it: type and natural key, as in `SIP domain a.sip.twilio.com`, and fields."""
    kinds = [kind for kind in RESOURCE_TYPES if text.startswith(f"{kind} ")]
    assert kinds, f"{text!r} begins with no type; there are {', '.join(map(str, RESOURCE_TYPES))}"
    kind = max(kinds, key=lambda one: len(one.name))
    rest = dict(fields or {})
    sid, given_to_it = rest.pop("sid", ""), rest.pop("given", {})
    values = {name: read_value(value) for name, value in rest.items()}
    return Resource(kind, text.removeprefix(f"{kind} "), values, sid, given_to_it)


def read_value(value: Any) -> Any:
    """A field's value, with `<sid of address lobby emergency>` as what a plan has for it."""
    if not isinstance(value, str):
        return value
    return STANDS_FOR.sub(lambda found: reference(read_resource(found["thing"]).id, found["field"]), value)


def read_state(things: Mapping[str, Any]) -> State:
    """The resources in one part of a case."""
    return State(read_resource(text, fields) for text, fields in things.items())


def told(change: Change) -> str:
    """A change in a case's words."""
    if change.action is not Action.UPDATE:
        return f"{change.action} {change.id}"
    fields = [f"{name} {readable(change.before[name])} → {readable(value)}" for name, value in change.after.items()]
    return f"{change.action} {change.id}: {', '.join(fields)}"


def steps(changes: list[Change]) -> list[set[str]]:
    """The sets of changes that can run in parallel, in order."""
    todo, done, found = list(changes), set[Id](), []
    while todo:
        ready = [change for change in todo if waits_for(change, changes) <= done]
        assert ready, f"these wait for each other: {', '.join(str(change.id) for change in todo)}"
        found.append({str(change.id) for change in ready})
        done |= {change.id for change in ready}
        todo = [change for change in todo if change not in ready]
    return found


@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_plan_is_as_the_case_expects(file: Path) -> None:
    """Existing and desired state give the changes, and their order, that the file states."""
    case = YAML(typ="safe").load(file)
    assert set(case) <= PARTS, f"{file.name} has a part that is none of {', '.join(sorted(PARTS))}"
    if "taken_out" in case:
        changes = delete_resources(read_state(case["taken_out"]).values())
    else:
        changes = compare_states(read_state(case["exists"]), read_state(case["wanted"]))
    assert [told(change) for change in changes] == case["expected"]
    if "order" in case:
        assert steps(changes) == [set(step) for step in case["order"]]


KEYS = st.sampled_from(["stage", "a.sip.twilio.com/phones", "/decide", "/manifest", "lobby"])
ITEMS = st.builds(
    Resource,
    st.sampled_from(RESOURCE_TYPES),
    KEYS,
    st.dictionaries(st.sampled_from(["secure", "voice_url", "code"]), st.sampled_from(["", "x", True, False])),
)
STATES = st.lists(ITEMS, max_size=12).map(State)


@given(existing=STATES, wanted=STATES)
def test_applying_a_plan_leaves_nothing_to_do(existing: State, wanted: State) -> None:
    """For any existing and desired state, the plan after applying the changes is empty."""
    state = existing
    for change in compare_states(existing, wanted):
        before = state.get(change.id)
        fields = {**(before.fields if before else {}), **change.after}
        state = state.with_resource(Resource(change.kind, change.key, fields))
    left = [change for change in compare_states(state, wanted) if change.kind is not FUNCTION_VERSION]
    assert [change for change in left if change.kind is not FUNCTION] == []


@given(existing=STATES, wanted=STATES)
def test_no_plan_waits_for_itself(existing: State, wanted: State) -> None:
    """For any changes there is an order without a circular dependency."""
    made = compare_states(existing, wanted)
    assert sum(map(len, steps(made))) == len(made)
    out = delete_resources(existing.values())
    assert sum(map(len, steps(out))) == len(out)


@given(state=STATES)
def test_what_exists_needs_no_plan(state: State) -> None:
    """A state compared with itself gives an empty plan."""
    assert compare_states(state, state) == []
