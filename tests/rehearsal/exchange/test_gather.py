"""Gather: the digits that the application gets, when, and what happens without digits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsal.network import Network


def gather(network: Network, attributes: str = "", inside: str = "", **answers: str) -> None:
    """Have the next calls gather digits for /done, and otherwise say that there were none."""
    network.answers(f'<Gather action="/done" {attributes}>{inside}</Gather><Say>nothing came</Say>', **answers)


@pytest.mark.parametrize(
    ("attributes", "presses", "digits"),
    [
        ("", ["123#"], "123"),
        ("", ["123"], "123"),
        ("", ["12*3#45"], "12*3"),
        ('numDigits="1"', ["7"], "7"),
        ('numDigits="2"', ["789"], "78"),
        ('numDigits="4"', ["12#"], "12"),
        ('finishOnKey="*"', ["1#2*3"], "1#2"),
        ('finishOnKey=""', ["1#2*3"], "1#2*3"),
        ('timeout="2"', ["1wwww2#"], "1"),
        ('timeout="3"', ["1wwww2#"], "12"),
        ('timeout="1"', ["1W2#"], "1"),
        ('actionOnEmptyResult="true"', [], ""),
        ('actionOnEmptyResult="true"', ["#"], ""),
    ],
)
def test_action_is_told_the_digits(network: Network, attributes: str, presses: list[str], digits: str) -> None:
    """Input ends with finishOnKey, numDigits, or the timeout after a digit."""
    gather(network, attributes, done="<Say>thank you</Say>")
    told = network.dial(presses=presses)
    assert [event["Digits"] for event in network.received("done")] == [digits]
    assert told["heard"] == ["thank you"]


@pytest.mark.parametrize("presses", [[], ["#"], ["WWWWWWW5#"]])
def test_document_goes_on_where_nothing_is_pressed(network: Network, presses: list[str]) -> None:
    """Without a digit, or with finishOnKey only, the action is not requested, and the next verb follows."""
    gather(network)
    told = network.dial(presses=presses)
    assert (network.received("done"), told["heard"]) == ([], ["nothing came"])


def test_prompts_are_heard_first(network: Network) -> None:
    """Nested verbs are executed in order and take time; then the input is waited for."""
    inside = "<Say loop='2'>press one</Say><Pause length='2'/><Play>https://example.com/a.mp3</Play>"
    gather(network, 'numDigits="1" timeout="8"', inside)
    told = network.dial()
    assert told["heard"] == ["press one", "press one", "(plays https://example.com/a.mp3)", "nothing came"]
    assert told["duration_s"] == 1 + 1 + 2 + 5 + 8 + 1


def test_menu_is_walked_through(network: Network) -> None:
    """Each Gather gets its entry of keys; without an action the current URL is requested again."""
    network.answers(
        "<Gather numDigits='1'><Say>menu</Say></Gather><Redirect>done</Redirect>", done="<Say>operator</Say>"
    )
    told = network.dial(presses=["1", "2"])
    assert told["heard"] == ["menu", "menu", "menu", "operator"]
    assert [event.get("Digits") for event in network.received("voice")] == [None, "1", "2"]


def test_one_entry_of_keys_can_be_written_alone(network: Network) -> None:
    """A string in place of a list is the input of the first Gather."""
    gather(network)
    network.dial(presses="42#")
    assert network.received("done")[0]["Digits"] == "42"


def test_caller_who_hangs_up_in_a_menu_is_gone(network: Network) -> None:
    """The call ends, and no URL is requested."""
    gather(network, 'timeout="60"', "<Say>press a key</Say>")
    told = network.dial(leaves_after=10)
    assert (told["status"], told["duration_s"], told["heard"]) == ("completed", 10, ["press a key"])
    assert network.received("done") == []


def test_speech_is_not_heard_and_said_so(network: Network) -> None:
    """input="speech" raises an error; dtmf beside it works, and speech only waits for the timeout."""
    gather(network, 'input="dtmf speech"')
    told = network.dial(presses=["5#"])
    assert [alert["code"] for alert in told["alerts"]] == [20501]
    assert network.received("done")[0]["Digits"] == "5"
    gather(network, 'input="speech"')
    told = network.dial(presses=["5#"])
    assert (told["heard"], told["duration_s"]) == (["nothing came"], 6)


@pytest.mark.parametrize(("inside", "code"), [("<Dial>+15035550199</Dial>", 13320), ("<Hangup/>", 13320)])
def test_only_what_can_be_heard_stands_in_a_gather(network: Network, inside: str, code: int) -> None:
    """Another nested verb raises a warning, and has no effect."""
    gather(network, "", inside)
    told: Any = network.dial(presses=["1#"])
    assert [(alert["code"], alert["level"]) for alert in told["alerts"]] == [(code, "warning")]
    assert network.received("done")[0]["Digits"] == "1"
