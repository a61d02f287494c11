"""The consent box, without a browser: what it accepts, and what it shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from dialtone_nb.display.applied import applied_html
from dialtone_nb.display.widgets.box import page_of
from dialtone_nb.display.widgets.consent_box import ConsentBox
from dialtone_nb.errors import HeldError
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change, Plan, describe
from dialtone_nb.infrastructure.record import Applied
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.model import Action
from dialtone_nb.infrastructure.resources.services import SERVICE

ROOT = Path(__file__).parents[3]
CHANGE = describe(Change(Action.CREATE, SERVICE, "dialtone"))
STAGE = Plan("Deploy stage", "AC1", "stage", False, (CHANGE,), {})
ROTATION = Plan("Rotate", "AC1", "stage", False, (describe(Change(Action.UPDATE, CREDENTIAL, "van")),), {})
PROD = Plan("Deploy prod", "AC1", "prod", True, (CHANGE,), {})


class Shown:
    """Stands for the IPython output of the box."""

    def __init__(self) -> None:
        self.last: object = None

    def update(self, thing: object) -> None:
        """Replace the output."""
        self.last = thing


Box = ConsentBox[Applied]


def opened(plan: Plan, carry_on: Callable[[str, Box], Applied] = lambda *_: Applied(STAGE)) -> tuple[Box, Shown]:
    """A box on the screen."""
    box, shown = ConsentBox(plan, carry_on, applied_html), Shown()
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
    """The name of an unprotected environment or the fingerprint; "rehearsal" only for a rehearsal."""
    box, _ = opened(plan)
    box._answer.value = typed
    assert box._button.disabled is not may
    assert ("role=" in box._said.value) is (not may and bool(typed))


def test_who_is_still_typing_is_not_scolded() -> None:
    """The beginning of a valid consent gets no error message, and can't be applied."""
    box, _ = opened(STAGE)
    for typed in ("s", "stag", "plan-", STAGE.fingerprint[:-1]):
        box._answer.value = typed
        assert box._said.value == ""
        assert box._button.disabled


def test_progress_is_told_and_then_the_output_becomes_the_outcome() -> None:
    """Each event updates the box; at the end the outcome replaces it."""
    told: list[str] = []

    def carry_on(consent: str, box: Box) -> Applied:
        assert consent == "stage"
        assert box._button.disabled
        for event in (CHANGE, ChangeOutcome(CHANGE, Status.DONE)):
            box.observe(event)
            told.append(box._said.value)
        return Applied(STAGE, (ChangeOutcome(CHANGE, Status.DONE),))

    box, shown = opened(STAGE, carry_on)
    box._answer.value = "stage"
    box._button.click()
    box.wait()
    assert ["0 of 1 changes" in told[0], "1 of 1 changes" in told[1]] == [True, True]
    assert shown.last is box.outcome
    assert box.outcome is not None
    # A page that was loaded again shows the box, which has become the outcome too.
    assert box.outcome.summary in page_of(box._page)
    assert box._box.children == (box._page,)


def test_the_first_click_locks_the_button() -> None:
    """A second click, during the apply or later, has no effect."""
    entered, go_on = threading.Event(), threading.Event()
    calls: list[str] = []

    def carry_on(consent: str, _: object) -> Applied:
        calls.append(consent)
        entered.set()
        assert go_on.wait(10)
        return Applied(STAGE)

    box, shown = opened(STAGE, carry_on)
    box._answer.value = "stage"
    box._button.click()
    assert entered.wait(10)
    box._button.click()
    go_on.set()
    box.wait()
    box._button.click()
    box.wait()
    assert calls == ["stage"]
    assert shown.last is box.outcome


def test_stop_lets_what_is_under_way_end_and_starts_nothing_more() -> None:
    """Stop works only during an apply; running changes end, and the outcome is shown."""
    box, shown = opened(STAGE, lambda _, box: carry_on(box))

    def carry_on(box: Box) -> Applied:
        assert box._stop.layout.display == ""
        box.observe(CHANGE)
        box._stop.click()
        assert box._stop.disabled
        box.observe(ChangeOutcome(CHANGE, Status.DONE))
        with pytest.raises(KeyboardInterrupt):
            box.observe(CHANGE)
        return Applied(STAGE, (ChangeOutcome(CHANGE, Status.DONE),))

    assert box._stop.layout.display == "none"
    box._answer.value = "stage"
    box._button.click()
    box.wait()
    assert shown.last is box.outcome
    assert box.outcome is not None


IN_A_KERNEL = """
from tests.display.widgets.test_consent_box import STAGE, ConsentBox, applied_html
import time

def carry_on(_, box):
    while True:
        box.stop_if_asked()
        time.sleep(0.01)

box = ConsentBox(STAGE, carry_on, applied_html)
box.widget()
box._answer.value = "stage"
box._button.click()
"""


def test_interrupting_the_kernel_stops_what_is_carried_out() -> None:
    """The kernel is idle and would ignore an interrupt, so Kernel > Interrupt does what Stop does."""
    manager, client = start_new_kernel(cwd=str(ROOT))
    try:
        assert client.execute_interactive(IN_A_KERNEL, timeout=60)["content"]["status"] == "ok"
        manager.interrupt_kernel()
        said: list[str] = []
        client.execute_interactive(
            "box.wait(); print(box._said.value)",
            output_hook=lambda message: said.append(message["content"].get("text", "")),
            timeout=60,
        )
        assert "Stopped, as you asked." in "".join(said)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_what_stops_between_its_steps_says_so() -> None:
    """Probes check for a stop before each step, and clean up after themselves."""
    box, shown = opened(STAGE, lambda _, box: carry_on(box))

    def carry_on(box: Box) -> Applied:
        box.stop()
        box.stop_if_asked()
        raise AssertionError("it went on")

    box._answer.value = "stage"
    box._button.click()
    box.wait()
    assert "Stopped, as you asked." in box._said.value
    assert shown.last is None


def test_when_somebody_else_holds_the_environment_one_may_try_again() -> None:
    """The holder is shown and the button is enabled again, as no change was made."""

    def refuse(*_: object) -> Applied:
        raise HeldError("ada@switchroom is applying to this environment", holder="ada@switchroom", until="12:00")

    box, shown = opened(STAGE, refuse)
    box._answer.value = "stage"
    box._button.click()
    box.wait()
    assert "ada@switchroom" in box._said.value
    assert not box._button.disabled
    assert shown.last is None


def test_a_fault_of_the_program_is_said_in_the_box_and_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The box shows the error, as no cell is running, and raises it again."""
    raised: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)

    def fail(*_: object) -> Applied:
        raise ZeroDivisionError("division by zero")

    box, _ = opened(STAGE, fail)
    box._answer.value = "stage"
    box._button.click()
    box.wait()
    assert [one.exc_type for one in raised] == [ZeroDivisionError]
    assert "ZeroDivisionError: division by zero" in box._said.value
