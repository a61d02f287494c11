"""Consent: which word is valid for which plan, and the fingerprint of a plan."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dialtone_nb.errors import ConsentError
from dialtone_nb.infrastructure.plan import Change, Plan, check_consent
from dialtone_nb.infrastructure.resources.model import Action
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.sip_domains import SIP_DOMAIN
from tests.infrastructure.desk import VAN, Desk, lines, stage_deployed

CHANGE = Change(Action.UPDATE, SIP_DOMAIN, "a.sip.twilio.com", {"secure": True}, {"secure": False}, "differs")


def plan(**changes: Any) -> Plan:
    """A plan of one change for stage on a real account."""
    made = Plan("Deploy stage", "Twilio account AC123456…", "stage", False, (CHANGE,), {"live": "abc"}, ("a note",))
    return replace(made, **changes)


def test_no_consent_is_no() -> None:
    """With an empty consent no change is made, and no error is raised."""
    assert check_consent(plan(), "") is False


@pytest.mark.parametrize("protected", [True, False])
@pytest.mark.parametrize("rehearsal", [True, False])
def test_fingerprint_is_good_everywhere(protected: bool, rehearsal: bool) -> None:
    """A plan's fingerprint is valid consent, protected or not, rehearsed or not."""
    made = plan(is_protected=protected, is_rehearsal=rehearsal)
    assert check_consent(made, made.fingerprint) is True


def test_name_is_good_for_an_environment_that_is_not_protected() -> None:
    """Stage's name is consent to a plan for stage; neither name is consent to a plan for prod."""
    assert check_consent(plan(), "stage") is True
    with pytest.raises(ConsentError, match="prod is protected, so its name is not enough; this plan's is 'plan-"):
        check_consent(plan(environment="prod", is_protected=True), "prod")
    with pytest.raises(ConsentError, match="'stage' is not a plan's fingerprint"):
        check_consent(plan(environment="prod", is_protected=True), "stage")


def test_rehearsal_is_good_on_the_rehearsal_alone() -> None:
    """The word is consent to every plan of a rehearsal, and to none of a real account."""
    assert check_consent(plan(is_rehearsal=True, is_protected=True), "rehearsal") is True
    with pytest.raises(ConsentError, match="'rehearsal' is good on the rehearsal alone"):
        check_consent(plan(), "rehearsal")


def test_another_plans_fingerprint_is_refused_with_this_ones() -> None:
    """A stale fingerprint has another message than a misspelt word, with the valid one."""
    made = plan()
    with pytest.raises(ConsentError, match=rf"'plan-00000000' is another plan's.*{made.fingerprint}") as refused:
        check_consent(made, "plan-00000000")
    assert refused.value.exit_code == 3
    for wrong in ("yes", "Stage", "plan", made.fingerprint.upper(), made.fingerprint + " "):
        with pytest.raises(ConsentError, match=made.fingerprint):
            check_consent(made, wrong)


def test_refused_consent_asks_nothing_of_twilio(desk: Desk) -> None:
    """Wrong consent is refused before the first request; without consent the plan is only shown."""
    proposal = desk.deploy()
    desk.requests()
    for wrong in ("plan-00000000", "prod", "yes"):
        with pytest.raises(ConsentError):
            desk.carry_out(proposal, wrong)
    shown = desk.carry_out(proposal, "")
    assert (shown.exit_code, shown.outcomes, shown.record) == (2, (), None)
    assert proposal.plan.fingerprint in shown.summary
    assert desk.requests() == {}
    assert not desk.reports.exists()


def test_looking_twice_gives_the_same_fingerprint(desk: Desk) -> None:
    """The same account and files give the same plan, so that consent from one run is valid in the next."""
    assert desk.deploy().plan.fingerprint == desk.deploy().plan.fingerprint
    first = desk.deploy().plan.fingerprint
    desk.do(desk.deploy())
    desk.edit("/decide")
    second = desk.deploy().plan.fingerprint
    assert second == desk.deploy().plan.fingerprint != first


def test_consent_does_not_outlive_what_it_was_given_for(desk: Desk) -> None:
    """A plan made after a change has another fingerprint."""
    desk.after(stage_deployed)
    desk.edit("/decide")
    read = desk.deploy().plan.fingerprint
    desk.client.sip.domains(desk.domain().sid).update(secure=True)
    with pytest.raises(ConsentError, match="things have changed since it was read"):
        desk.carry_out(desk.deploy(), read)


def test_same_changes_over_another_live_build_are_another_plan(desk: Desk) -> None:
    """The fingerprint depends on what was live when the plan was made."""
    desk.after(stage_deployed)
    desk.client.sip.domains(desk.domain().sid).update(secure=True)
    before = desk.deploy().plan
    desk.client.sip.domains(desk.domain().sid).update(secure=False)
    desk.edit("/decide")
    desk.do(desk.deploy())
    desk.client.sip.domains(desk.domain().sid).update(secure=True)
    after = desk.deploy().plan
    assert lines(before) == lines(after)
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "Promote stage to prod"},
        {"environment": "prod"},
        {"account": "another"},
        {"is_protected": True},
        {"is_rehearsal": True},
        {"notes": ()},
        {"notes": ("a", "note")},
        {"compared": {"live": "abd"}},
        {"compared": {"live": "abc", "files": "x"}},
        {"changes": ()},
        {"changes": (CHANGE, CHANGE)},
        *(
            {"changes": (replace(CHANGE, **one),)}
            for one in (
                {"action": Action.CREATE},
                {"kind": SERVICE},
                {"key": "b.sip.twilio.com"},
                {"before": {"secure": None}},
                {"after": {"secure": True}},
                {"after": {"secure": False, "voice_method": "POST"}},
                {"why": "another"},
                {"cost": "1.15 USD a month"},
                {"warning": "phones on it lose their dial tone"},
                {"undo": "no"},
                {"detail": ("+ a line",)},
            )
        ),
    ],
    ids=str,
)
def test_whatever_changes_changes_the_fingerprint(changed: dict[str, Any]) -> None:
    """All that a reader sees of a plan, and all that an apply uses, is part of the fingerprint."""
    assert plan(**changed).fingerprint != plan().fingerprint


def test_every_field_is_bound() -> None:
    """A field added to the class in future is part of it as well."""
    for thing in (plan(), CHANGE):
        for one in fields(thing):
            another: dict[str, Any] = {one.name: "another"}
            changed = replace(thing, **another)
            made = plan(changes=(changed,)) if isinstance(changed, Change) else changed
            assert made.fingerprint != plan().fingerprint, one.name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": True}, {"a": 1}),
        ({"a": None}, {"a": "null"}),
        ({"a": ""}, {}),
        ({"a": "b", "c": "d"}, {"a": "d", "c": "b"}),
        ({"a": 'b", "c": "d'}, {"a": "b", "c": "d"}),
    ],
)
def test_no_two_sets_of_fields_are_written_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Types, quotes and nesting are distinguished; only the order of fields is not."""
    assert fingerprint_of(after=one) != fingerprint_of(after=other)
    assert fingerprint_of(after=one) != fingerprint_of(before=one)
    assert fingerprint_of(after=one) == fingerprint_of(after=dict(reversed(one.items())))


def fingerprint_of(**changes: Any) -> str:
    """The fingerprint of a plan whose one change has these fields."""
    return plan(changes=(replace(CHANGE, **{"before": {}, "after": {}, **changes}),)).fingerprint


def test_price_of_a_number_is_bound(desk: Desk) -> None:
    """The fingerprint depends on the number's price."""
    desk.after(stage_deployed)
    made = desk.set_up("van", buy=VAN).plan
    dearer = tuple(replace(change, cost="99 USD a month") if change.cost else change for change in made.changes)
    assert replace(made, changes=dearer).fingerprint != made.fingerprint


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_fingerprint_never_reads_as_a_number(title: str, compared: dict[str, str]) -> None:
    """Programs that guess parameters' types (YAML, papermill) read a fingerprint as text."""
    fingerprint = plan(title=title, compared=compared).fingerprint
    assert YAML(typ="safe").load(fingerprint) == fingerprint
    for number in (int, float, complex):
        with pytest.raises(ValueError, match=r"convert|invalid|malformed"):
            number(fingerprint)
