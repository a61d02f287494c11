"""Test calls: six kinds go as the dial plan says, differences are reported, and real accounts place none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialtone_nb.display.telephony.test_calls import calls_html, calls_text
from dialtone_nb.errors import InputError
from dialtone_nb.runbooks import test_calls
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook
from dialtone_nb.verify.placed_calls import TestCalls
from tests.verify.conftest import Stage

TITLES = [
    "outgoing to a telephone",
    "outgoing to the trunk",
    "emergency drill",
    "incoming that rings",
    "incoming to a phone that is not registered",
    "outgoing to a premium number",
]


def place(stage: Stage, **phones: str) -> TestCalls:
    """The results of the calls."""
    return test_calls.place_calls(stage.site.account, stage.site.parameters, "stage", **phones)


def test_all_six_go_as_the_dial_plan_says(stage: Stage) -> None:
    """In order, each with what was heard and its alerts."""
    calls = place(stage)
    assert (calls.exit_code, calls.summary) == (0, "Test calls in stage: all 6 went as the dial plan says")
    assert calls.registered == {"workbench": "dialtone-example-stage.sip.twilio.com"}
    assert [(call.title, call.dialled, call.differences) for call in calls.calls] == list(
        zip(
            TITLES,
            [
                "workbench dials 5035550199",
                "workbench dials #",
                "workbench dials 933",
                "+12065550142 dials +15035550101",
                "+12065550142 dials +15035550102",
                "workbench dials 9005550199",
            ],
            [()] * 6,
            strict=True,
        )
    )
    messages = stage.site.parameters.dialplan.messages
    assert [call.heard for call in calls.calls] == [
        *((), (), (), (), (messages.no_answer,)),
        ("Premium rate numbers cannot be called from this phone.",),
    ]
    assert [alert[:5] for call in calls.calls for alert in call.alerts] == ["32009"]


def test_they_can_be_placed_again(stage: Stage) -> None:
    """A phone registered before is unregistered for the call that needs it."""
    assert place(stage).exit_code == 0
    swapped = place(stage, client="van", unregistered="workbench")
    assert swapped.exit_code == 0, calls_text(swapped)
    assert list(swapped.registered) == ["van"]


def test_they_are_calls_of_the_account(stage: Stage) -> None:
    """The call report has them: six placed, five dialled."""
    before = len(stage.client.calls.list())
    place(stage)
    assert len(stage.client.calls.list()) - before == 6 + 5


@pytest.mark.parametrize(
    ("breaks", "strange"),
    [
        (
            lambda stage: stage.domain().update(voice_url="https://elsewhere.example.org/"),
            {TITLES[0], TITLES[1], TITLES[2], TITLES[5]},
        ),
        (lambda stage: stage.number("workbench").update(voice_url="", voice_fallback_url=""), {TITLES[3]}),
        (lambda stage: stage.number("van").update(voice_url="", voice_fallback_url=""), {TITLES[4]}),
        (lambda stage: stage.domain().update(sip_registration=False), {TITLES[3]}),
    ],
    ids=["the phones' domain leads elsewhere", "a number leads nowhere", "the other's number", "no registration"],
)
def test_what_goes_another_way_is_told(stage: Stage, breaks: Callable[[Stage], Any], strange: set[str]) -> None:
    """Only the affected calls differ; the exit code is 2."""
    breaks(stage)
    calls = place(stage)
    assert {call.title for call in calls.calls if not call.is_as_expected} == strange
    assert calls.exit_code == 2
    assert all(title in calls.summary for title in strange)


def test_a_dial_plan_that_does_not_refuse_premium_numbers_is_told(stage: Stage) -> None:
    """The expectation follows the files, by which this call must be refused."""
    opened = {"also_allowed": ("+1900",), "refused_prefixes": ()}
    loose = replace(stage.site.parameters, dialplan=stage.site.parameters.dialplan.model_copy(update=opened))
    calls = test_calls.place_calls(stage.site.account, loose, "stage")
    (call,) = (call for call in calls.calls if call.title == TITLES[5])
    assert call.differences[0] == "the dial plan does not make this outgoing to a premium number"


def test_a_phone_that_is_alone_is_both_and_unplugged_for_one_call(stage: Stage) -> None:
    """A network of one phone is fully tested; the phone is registered again afterwards."""
    parameters = stage.site.parameters
    alone = replace(parameters, clients={"workbench": parameters.clients["workbench"]})
    calls = test_calls.place_calls(stage.site.account, alone, "stage")
    assert (calls.exit_code, [call.title for call in calls.calls]) == (0, TITLES), calls_text(calls)
    assert {call.dialled.split()[-1] for call in calls.calls if "incoming" in call.title} == {"+15035550101"}
    assert place(stage).exit_code == 0


def test_a_kind_of_call_that_the_dial_plan_has_no_rule_for_is_left_out(stage: Stage) -> None:
    """A network without a trunk has no call to one."""
    parameters = stage.site.parameters
    rules = tuple(rule for rule in parameters.dialplan.rules if rule.trunk is None)
    without = replace(parameters, dialplan=parameters.dialplan.model_copy(update={"rules": rules}))
    calls = test_calls.place_calls(stage.site.account, without, "stage")
    assert [call.title for call in calls.calls] == [title for title in TITLES if "trunk" not in title]


@pytest.mark.parametrize(
    ("phones", "told"),
    [
        (
            {"client": "lobby"},
            "parameter client of test_calls: lobby is not a phone of stage; its environment is prod",
        ),
        (
            {"unregistered": "vann"},
            "parameter unregistered_client of test_calls: there is no phone 'vann'; did you mean 'van'?",
        ),
        (
            {"client": "van", "unregistered": "van"},
            "parameter unregistered_client of test_calls: is van, too; name another phone",
        ),
    ],
)
def test_phones_that_can_not_be_used_are_refused(stage: Stage, phones: dict[str, str], told: str) -> None:
    """One line with the parameter and the repair."""
    with pytest.raises(InputError) as caught:
        place(stage, **phones)
    assert str(caught.value) == told


def test_a_phone_without_a_credential_has_to_be_set_up_first(stage: Stage) -> None:
    """Whether it was named, or is the only one left."""
    stage.credential("van").delete()
    for phones, place_named in (({"client": "van"}, "parameter client of test_calls"), ({}, "phones of stage")):
        with pytest.raises(InputError) as caught:
            place(stage, **phones)
        assert str(caught.value).startswith(place_named)
        assert str(caught.value).endswith("run client_setup with client van")


def test_the_real_account_places_none() -> None:
    """One line, before the account is opened, with what to dial instead."""
    runbook = SimpleNamespace(account_kind="twilio", environment="prod", parameters=ParameterValues({}))
    with pytest.raises(InputError) as caught:
        test_calls.place_test_calls(cast(Runbook, runbook))
    (line,) = str(caught.value).splitlines()
    assert "test calls are for the rehearsal so far" in line
    assert "dial 933" in line


def test_a_page_of_calls_tells_the_same_as_the_text(stage: Stage) -> None:
    """A good call has a tick, another the difference."""
    stage.number("workbench").update(voice_url="", voice_fallback_url="")
    calls = place(stage)
    text, html = calls_text(calls), calls_html(calls)
    assert [line[0] for line in text.splitlines() if line[0] in "✓✗"] == ["✓", "✓", "✓", "✗", "✓", "✓"]
    assert "    differs: nothing was dialled" in text.splitlines()
    assert html.count("✓") == 5
    assert "<b>no</b>: nothing was dialled" in html
