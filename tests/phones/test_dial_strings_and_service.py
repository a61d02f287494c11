"""The sample's dial strings and its dial plan agree on what can be dialled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.devices.model import GRAMMARS, Grammar
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decisions import Decision
from dialtone_nb.parameters import load_parameters
from dialtone_nb.phones.dial_strings import write_dial_string
from dialtone_nb.phones.keypad import press_keys
from dialtone_nb.phones.what_if import simulate

SAMPLE = load_parameters(Path(__file__).parents[2] / "parameters" / "sample")
TABLE = compile_table(SAMPLE)
STRINGS = {
    grammar: write_dial_string(grammar, [rule.pattern for rule in SAMPLE.dialplan.rules]) for grammar in GRAMMARS
}
DIALLED = ("911", "933", "988", "711", "211", "#", "0", "5035550199", "15035550199", "011525512345678", "9005550100")
keys = st.text("0123456789*#", min_size=1, max_size=16)
likely_keys = st.builds(
    str.__add__, st.sampled_from(["", "1", "011", "01152", "503555", "1503555", "91", "98", "933"]), keys
)


def decided(dialled: str) -> Decision:
    """The decision when the lobby's phone sends this."""
    return simulate(TABLE, "prod", "lobby", dialled).decision


@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize("dialled", DIALLED)
def test_what_the_service_has_a_rule_for_reaches_it(grammar: Grammar, dialled: str) -> None:
    """Each kind of number is sent completely and matches a rule of the dial plan."""
    assert press_keys(grammar, STRINGS[grammar], dialled).sent == dialled
    assert decided(dialled).rule


@settings(deadline=None)
@given(likely_keys)
def test_phones_send_nothing_that_no_rule_takes(pressed: str) -> None:
    """Whatever keys are pressed, what a phone sends matches a rule of the dial plan."""
    for grammar in GRAMMARS:
        sent = press_keys(grammar, STRINGS[grammar], pressed).sent
        assert not sent or decided(sent).rule


@settings(deadline=None)
@given(likely_keys)
def test_what_a_call_is_made_of_can_be_dialled(pressed: str) -> None:
    """Whatever the dial plan accepts is sent by every phone, or begins with a code that is sent at once."""
    pressed = re.sub("(?<=[0-9])#$", "", pressed)  # a softphone may send it; the others send by themselves
    if decided(pressed).kind != "refuse":
        for grammar in GRAMMARS:
            assert press_keys(grammar, STRINGS[grammar], pressed).sent in (pressed, pressed[:3])
