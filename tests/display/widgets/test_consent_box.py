"""The box that asks for consent, without a browser: what it lets through, and what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dialtone_nb.display.widgets.consent_box import ConsentBox
from dialtone_nb.errors import HeldError
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change, Plan, describe
from dialtone_nb.infrastructure.record import Applied
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.model import Action
from dialtone_nb.infrastructure.resources.services import SERVICE

CHANGE = describe(Change(Action.CREATE, SERVICE, "dialtone"))
STAGE = Plan("Deploy stage", "AC1", "stage", False, (CHANGE,), {})
ROTATION = Plan("Rotate", "AC1", "stage", False, (describe(Change(Action.UPDATE, CREDENTIAL, "van")),), {})
PROD = Plan("Deploy prod", "AC1", "prod", True, (CHANGE,), {})


class Shown:
    """Stands for the output that IPython keeps for the box."""

    def __init__(self) -> None:
        self.last: object = None

    def update(self, thing: object) -> None:
        """What the output shows from now on."""
        self.last = thing


def opened(plan: Plan, carry_on: Callable[..., Applied] = lambda *_: Applied(STAGE)) -> tuple[ConsentBox, Shown]:
    """A box on the screen."""
    box, shown = ConsentBox(plan, carry_on), Shown()
    box.widget()
    box._handle = shown
    return box, shown


@pytest.mark.parametrize(
    ("plan", "typed", "may"),
    [
        (STAGE, "stage", True),
        (STAGE, f" {STAGE.fingerprint} ", True),
        (STAGE, "prod", False),
        (STAGE, "rehearsal", False),
        (STAGE, "", False),
        (PROD, "prod", False),
        (PROD, PROD.fingerprint, True),
        (ROTATION, "stage", False),
        (ROTATION, ROTATION.fingerprint, True),
    ],
)
def test_apply_works_only_for_what_consents_to_this_plan(plan: Plan, typed: str, may: bool) -> None:
    """An unprotected environment's name or the fingerprint; nothing else, and "rehearsal" not on Twilio."""
    box, _ = opened(plan)
    box._answer.value = typed
    assert box._button.disabled is not may
    assert ("role=" in box._said.value) is (not may and bool(typed))


def test_who_is_still_typing_is_not_scolded() -> None:
    """The beginning of a word that will fit draws no remark, and can't be applied."""
    box, _ = opened(STAGE)
    for typed in ("s", "stag", "plan-", STAGE.fingerprint[:-1]):
        box._answer.value = typed
        assert box._said.value == ""
        assert box._button.disabled


def test_progress_is_told_and_then_the_output_becomes_the_outcome() -> None:
    """Each event changes what the box says; in the end the box is gone and what came of the plan stands there."""
    told: list[str] = []

    def carry_on(consent: str, observe: Callable[[ChangeOutcome | Change], None]) -> Applied:
        assert consent == "stage"
        assert box._button.disabled
        for event in (CHANGE, ChangeOutcome(CHANGE, Status.DONE)):
            observe(event)
            told.append(box._said.value)
        return Applied(STAGE, (ChangeOutcome(CHANGE, Status.DONE),))

    box, shown = opened(STAGE, carry_on)
    box._answer.value = "stage"
    box._button.click()
    assert ["0 of 1 changes" in told[0], "1 of 1 changes" in told[1]] == [True, True]
    assert shown.last is box.applied
    assert box.applied is not None
    # A second click that was on its way finds the outcome there, and leaves it.
    box._on_apply(None)
    assert len(told) == 2
    assert shown.last is box.applied


def test_when_somebody_else_holds_the_environment_one_may_try_again() -> None:
    """Who holds it is said, and the button works again: nothing was done."""

    def refuse(*_: object) -> Applied:
        raise HeldError("ada@switchroom is applying to this environment", holder="ada@switchroom", until="12:00")

    box, shown = opened(STAGE, refuse)
    box._answer.value = "stage"
    box._button.click()
    assert "ada@switchroom" in box._said.value
    assert not box._button.disabled
    assert shown.last is None


def test_a_fault_of_the_program_is_said_in_the_box_and_not_swallowed() -> None:
    """No cell runs that could show it: the box does, and the error goes on."""

    def fail(*_: object) -> Applied:
        raise ZeroDivisionError("division by zero")

    box, _ = opened(STAGE, fail)
    box._answer.value = "stage"
    with pytest.raises(ZeroDivisionError):
        box._on_apply(None)
    assert "ZeroDivisionError: division by zero" in box._said.value
