""" "What happens if these keys are pressed", from the phone's keypad to the cost of the call."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decisions import DialPstn, DialTrunk, Refuse
from dialtone_nb.parameters import load_parameters
from dialtone_nb.phones.what_if import KeypadResult, ask_dial_plan, simulate

SAMPLE = load_parameters(Path(__file__).parents[2] / "parameters" / "sample")
TABLE = compile_table(SAMPLE)


def ask(client: str, keys: str) -> KeypadResult:
    """The answer for a phone of the sample network."""
    return ask_dial_plan(SAMPLE, TABLE, client, keys)


@pytest.mark.parametrize(
    ("client", "keys", "told"),
    [
        ("workbench", "5035550199", "sends 5035550199 when its call key is pressed"),
        ("makerspace", "5035550199", "sends 5035550199 at key 10"),
        ("makerspace", "0", "sends 0 3 s after key 1"),
        ("library", "0", "sends 0 4 s after key 1"),
        ("clinic", "911", "sends 911 at key 3"),
        ("clinic", "55", "sends nothing: it waits for more after key 2"),
        ("library", "55", "sends nothing: it gives up 4 s after key 2"),
        ("makerspace", "*72", "sends nothing: it gives up at key 1"),
    ],
)
def test_a_phone_sends_as_its_make_does(client: str, keys: str, told: str) -> None:
    """An adapter sends when the number is complete or after a timeout; a softphone on the call button."""
    assert ask(client, keys).at_the_phone == told


def test_what_the_phone_sends_is_what_is_decided_on() -> None:
    """An eleventh key after a ten-digit number is too late and ignored."""
    answer = ask("makerspace", "50355501991")
    assert answer.simulation is not None
    assert isinstance(answer.simulation.decision, DialPstn)
    assert answer.simulation.decision.number == "+15035550199"
    assert answer.simulation.rule == "local"
    assert "<Number>+15035550199</Number>" in answer.simulation.twiml


def test_where_nothing_is_sent_nothing_is_decided() -> None:
    """An incomplete number makes no call and costs nothing."""
    answer = ask("clinic", "503555")
    assert (answer.simulation, answer.cost) == (None, None)


def test_a_refusal_has_its_rule_its_words_and_its_cost() -> None:
    """The spoken message makes it a call of the phone's own leg."""
    answer = ask("library", "9005550142")
    assert answer.simulation is not None
    assert answer.cost is not None
    assert isinstance(answer.simulation.decision, Refuse)
    assert answer.simulation.decision.reason == "premium-rate"
    assert answer.cost.name == "SIP leg"


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("5035550199", "domestic"),
        ("2125550142", "domestic"),
        ("8005550142", "toll-free"),
        ("01152" + "5512345678", "abroad (MX)"),
        ("6045550142", "abroad (CA)"),
        ("911", "emergency"),
        ("#", "SIP legs"),
        ("18765550142", "SIP leg"),
    ],
)
def test_each_call_has_its_class_of_cost(keys: str, name: str) -> None:
    """It depends on the destination, not the spelling."""
    answer = ask("workbench", keys)
    assert answer.cost is not None
    assert answer.cost.name == name


def test_simulate() -> None:
    """A dialled number gives the decision, its rule and the TwiML."""
    simulation = simulate(TABLE, "prod", "lobby", "5035550199")
    assert simulation.decision == DialPstn(
        rule="local",
        client="lobby",
        number="+15035550199",
        caller_id="+15035550103",
        time_limit_s=3600,
        ring_timeout_s=30,
    )
    assert simulation.rule == "local"
    assert "<Number>+15035550199</Number>" in simulation.twiml


def test_keys_that_need_escaping() -> None:
    """The # key is dialled like any other."""
    assert isinstance(simulate(TABLE, "prod", "clinic", "#").decision, DialTrunk)


@pytest.mark.parametrize(
    ("environment", "client", "reason"),
    [("prod", "nobody", "unknown-client"), ("prod", "van", "unknown-client"), ("dev", "lobby", "unknown-client")],
)
def test_strangers(environment: str, client: str, reason: str) -> None:
    """An unknown phone or environment gives a refusal, not an error."""
    decision = simulate(TABLE, environment, client, "5035550199").decision
    assert isinstance(decision, Refuse)
    assert decision.reason == reason
