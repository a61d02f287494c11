"""Phones that share a number: it is one resource, kept while any phone uses it, with the address of one of them."""

from __future__ import annotations

from typing import Any

import pytest

from dialtone_nb.display.telephony.test_calls import calls_text
from dialtone_nb.errors import InputError
from dialtone_nb.runbooks.test_calls import place_calls
from tests.infrastructure.desk import VAN, WORKBENCH, Desk, lines, stage_deployed
from tests.infrastructure.test_client_setup import credentials


@pytest.fixture
def shared(desk: Desk) -> Desk:
    """The van can only place calls, with the workbench's number, which has an emergency address."""
    return desk.after(number_shared, stage_deployed)


def number_shared(desk: Desk) -> None:
    """The van has the workbench's number."""
    desk.declare("van", caller_id=WORKBENCH, incoming=False)


def test_the_number_has_the_address_of_whoever_has_one(shared: Desk) -> None:
    """The first phone set up buys the number, which rings the phone that takes its calls."""
    bought = shared.set_up("van", buy=WORKBENCH)
    assert lines(bought.plan) == [
        "create address workbench emergency",
        f"create phone number {WORKBENCH}",
        "create credential van",
    ]
    shared.do(bought)
    assert shared.number(WORKBENCH).emergency_address_status == "registered"
    second = shared.set_up("workbench", buy=WORKBENCH)
    assert lines(second.plan) == ["create credential workbench"]
    shared.do(second)
    assert shared.deploy().plan.is_empty
    assert shared.set_up("van").plan.is_empty


def test_a_shared_number_is_kept_while_another_phone_calls_with_it(shared: Desk) -> None:
    """It is neither released nor changed; with its last phone it may be released, with its address."""
    shared.do(shared.set_up("van", buy=WORKBENCH))
    shared.do(shared.set_up("workbench"))
    with pytest.raises(InputError, match="is the caller ID of workbench as well; delete that first"):
        shared.delete("client", client="van", release=[WORKBENCH])
    gone = shared.delete("client", client="van")
    assert lines(gone.plan) == ["delete credential van"]
    assert f"{WORKBENCH} stays, for workbench calls with it, too" in gone.plan.notes
    shared.do(gone)
    assert shared.number(WORKBENCH).voice_url == shared.url("stage", "/sip-incoming")
    assert shared.number(WORKBENCH).emergency_address_status == "registered"
    last = shared.delete("client", client="workbench", release=[WORKBENCH])
    assert lines(last.plan) == [
        f"delete phone number {WORKBENCH}",
        "delete credential workbench",
        "delete address workbench emergency",
    ]
    shared.do(last)
    assert shared.number(WORKBENCH) is None


def test_the_address_goes_with_the_phone_that_had_it(shared: Desk) -> None:
    """The remaining phone has no emergency calling, so that its number needs no address."""
    shared.do(shared.set_up("van", buy=WORKBENCH))
    shared.do(shared.set_up("workbench"))
    shared.do(shared.delete("client", client="workbench"))
    assert shared.client.addresses.list() == []
    assert shared.number(WORKBENCH).voice_url == shared.url("stage", "/sip-incoming")
    assert credentials(shared) == ["van"]


def test_a_whole_environment_gives_its_shared_numbers_back_once(shared: Desk) -> None:
    """Each number is one change, however many phones use it."""
    shared.do(shared.set_up("van", buy=WORKBENCH))
    shared.do(shared.set_up("workbench"))
    proposal = shared.delete("environment", release=[WORKBENCH])
    assert [line for line in lines(proposal.plan) if "phone number" in line] == [f"delete phone number {WORKBENCH}"]
    shared.do(proposal)
    assert shared.number(WORKBENCH) is None


def test_a_call_that_goes_on_to_a_telephone_is_in_the_plan_with_its_cost(desk: Desk) -> None:
    """The telephone number itself is not shown."""
    desk.declare("van", then={"number": "+12065550142"})
    (note,) = (note for note in desk.deploy().plan.notes if VAN in note and "goes on" in note)
    assert note.endswith("goes on to +1206555••••, which costs a second leg by the minute: domestic")


def test_test_calls_follow_a_call_step_by_step(desk: Desk) -> None:
    """Phones that ring together or in turn, one of them not set up, and the last step; on Node."""
    desk.declare("attic", **{**desk.parameters.clients["van"].model_dump(), "caller_id": VAN, "incoming": False})
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"rings": ("van", "workbench")}, "rings van and workbench"),
        ({"rings": ("attic", "van"), "ring": "in_turn"}, "rings attic, which is not there; then rings van"),
        ({"rings": ("van",), "then": {"say": "Come by."}}, "rings van"),
    )
    for says, expected in cases:
        for name in ("workbench", "van"):
            desk.declare(name, **says)
        desk.do(desk.deploy())
        for name, number in (("workbench", WORKBENCH), ("van", VAN)):
            desk.do(desk.set_up(name, buy=number))
        calls = place_calls(desk.account, desk.parameters, "stage", client="workbench", unregistered="van")
        told = {call.title: call for call in calls.calls}
        assert [call.differences for call in calls.calls] == [()] * 6, calls_text(calls)
        assert told["incoming that rings"].expected == expected
        nobody = told["incoming to a phone that is not registered"]
        then = says.get("then", {}).get("say")
        assert nobody.heard == (then or desk.parameters.dialplan.messages.no_answer,)
