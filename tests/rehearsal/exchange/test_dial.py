"""Dial: simultaneous and sequential targets, ends of calls, and TwiML for the called party only."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsal.network import DOMAIN, FRIEND, NUMBER, Network

FIRST, SECOND, THIRD = "+15035550197", "+15035550198", "+15035550199"


def dial(network: Network, inside: str, **attributes: str) -> None:
    """Have the next calls carry out a Dial with these attributes and targets."""
    written = "".join(f' {name}="{value}"' for name, value in attributes.items())
    network.answers(f'<Dial callerId="{NUMBER}" action="/done"{written}>{inside}</Dial>')


def numbers(*targets: str) -> str:
    """Number elements."""
    return "".join(f"<Number>{target}</Number>" for target in targets)


def children(told: Any) -> list[tuple[str, str]]:
    """The child calls of a call, with their ends."""
    return [(child["to"], child["status"]) for child in told["children"]]


def test_whoever_answers_first_talks(network: Network) -> None:
    """Of simultaneous targets the fastest to answer is connected, whatever the order; a busy one ends as busy."""
    dial(network, numbers(FIRST, SECOND, THIRD))
    told = network.dial(
        targets={FIRST: {"answer_after": 9}, SECOND: {"busy": True}, THIRD: {"answer_after": 4, "talk": 60}}
    )
    assert children(told) == [(FIRST, "canceled"), (SECOND, "busy"), (THIRD, "completed")]
    (done,) = network.received("done")
    assert (done["DialCallSid"], done["DialCallDuration"]) == (told["children"][2]["call_sid"], "60")


def test_one_after_another_in_sequence(network: Network) -> None:
    """With sequential each target has the whole timeout and rings after the one before has failed."""
    dial(network, numbers(FIRST, SECOND, THIRD), sequential="true", timeout="20")
    told = network.dial(targets={FIRST: {"no_answer": True}, SECOND: {"answer_after": 15}})
    assert children(told) == [(FIRST, "no-answer"), (SECOND, "completed")]
    rung = [network.client.calls(child["call_sid"]).fetch().start_time for child in told["children"]]
    assert (rung[1] - rung[0]).total_seconds() == 20


def test_sequence_that_nobody_answers_ends_as_its_last(network: Network) -> None:
    """If all fail, DialCallStatus is the last one's."""
    dial(network, numbers(FIRST, SECOND), sequential="true")
    network.dial(targets={FIRST: {"busy": True}, SECOND: {"unreachable": True}})
    (done,) = network.received("done")
    assert (done["DialCallStatus"], done["ErrorCode"]) == ("failed", "32016")


def test_caller_who_gives_up_ends_the_sequence(network: Network) -> None:
    """If the caller hangs up while the first target rings, the second does not ring."""
    dial(network, numbers(FIRST, SECOND), sequential="true")
    told = network.dial(no_answer=True, cancel_after=5)
    assert (children(told), told["status"]) == ([(FIRST, "canceled")], "completed")


def test_star_ends_the_talk_and_the_document_goes_on(network: Network) -> None:
    """With hangupOnStar the caller's * ends the leg and requests the action; otherwise it has no effect."""
    dial(network, numbers(FIRST), hangupOnStar="true")
    assert network.dial(talk=60, star_after=7)["children"][0]["duration_s"] == 7
    dial(network, numbers(FIRST))
    assert network.dial(talk=60, star_after=7)["children"][0]["duration_s"] == 60
    assert [event["DialCallStatus"] for event in network.received("done")] == ["completed", "completed"]


def test_caller_who_leaves_a_talk_ends_both(network: Network) -> None:
    """A caller's hangup ends the leg; the action is requested with completed, and its answer ignored."""
    dial(network, numbers(FIRST), answerOnBridge="true")
    told = network.dial(answer_after=5, talk=600, leaves_after=25)
    assert (told["status"], told["duration_s"], children(told)) == ("completed", 20, [(FIRST, "completed")])
    (done,) = network.received("done")
    assert (done["DialCallStatus"], done["CallStatus"], done["DialCallDuration"]) == ("completed", "completed", "20")


def test_talk_ends_with_its_time_limit(network: Network) -> None:
    """timeLimit ends the call with warning 32015 on the leg."""
    dial(network, numbers(FIRST), timeLimit="40")
    told = network.dial(talk=600)
    (alert,) = told["alerts"]
    assert (alert["code"], alert["level"], alert["resource_sid"]) == (32015, "warning", told["children"][0]["call_sid"])
    assert told["children"][0]["duration_s"] == 40


def test_digits_are_sent_before_the_two_are_joined(network: Network) -> None:
    """sendDigits is heard by the called party, and the caller is connected afterwards."""
    dial(network, f'<Number sendDigits="w123#">{FIRST}</Number>', answerOnBridge="true")
    told = network.dial(answer_after=2, talk=30)
    assert told["children"][0]["heard"] == ["(tones w123#)"]
    assert (told["children"][0]["duration_s"], told["duration_s"]) == (35, 30)


def test_called_party_hears_what_is_for_them_alone(network: Network) -> None:
    """A target's url is requested for its leg and executed before the parties are connected."""
    network.answers(
        f'<Dial callerId="{NUMBER}" answerOnBridge="true"><Number url="/done">{FIRST}</Number></Dial>',
        done="<Say>A call from the lobby</Say>",
    )
    told = network.dial(talk=30)
    assert (told["children"][0]["heard"], told["heard"]) == (["A call from the lobby"], [])
    (asked,) = network.received("done")
    assert (asked["CallSid"], asked["ParentCallSid"]) == (told["children"][0]["call_sid"], told["call_sid"])
    assert (told["children"][0]["duration_s"], told["duration_s"]) == (32, 30)


@pytest.mark.parametrize(
    ("whispered", "far_side"),
    [("<Say>no</Say><Hangup/>", {}), ("<Say>a long story, told slowly</Say>", {"leaves_after": 4})],
)
def test_called_party_can_be_gone_before_the_two_are_joined(
    network: Network, whispered: str, far_side: dict[str, Any]
) -> None:
    """A Hangup there, or the called party's own, means that the caller is never connected."""
    network.answers(
        f'<Dial callerId="{NUMBER}" action="/voice2"><Number url="/done">{FIRST}</Number></Dial><Say>unheard</Say>',
        done=whispered,
    )
    told = network.dial(targets={FIRST: {"answer_after": 3} | far_side})
    assert children(told) == [(FIRST, "completed")]
    asked = next(webhook for webhook in told["webhooks"] if webhook["url"].endswith("/voice2"))
    assert asked["status"] == 404
    events = network.client.calls(told["call_sid"]).events.list()
    assert events[-1].request["parameters"]["DialBridged"] == "false"


def test_nobody_else_can_be_dialled_for_the_called_party_alone(network: Network) -> None:
    """A Dial in a target's url is error 13201, and ends the leg."""
    network.answers(
        f'<Dial callerId="{NUMBER}"><Number url="/done">{FIRST}</Number></Dial><Say>after</Say>',
        done=f"<Dial>{SECOND}</Dial>",
    )
    told = network.dial()
    assert [(alert["code"], alert["level"]) for alert in told["alerts"]] == [(13201, "error")]
    assert (children(told), told["heard"]) == ([(FIRST, "completed")], ["after"])


def test_phones_behave_as_was_said_of_them(network: Network) -> None:
    """A behaviour set for a phone holds for all calls to it, unless an order overrides it."""
    network.door.control("POST", "/clients/lobby", json={"registered": True, "busy": True})
    network.answers(f"<Dial><Sip>sip:lobby@{DOMAIN}</Sip></Dial>")

    def ring(**far_side: Any) -> str:
        return str(network.door.call(from_=FRIEND, to=NUMBER, **far_side)["children"][0]["status"])

    assert (ring(), ring(no_answer=True)) == ("busy", "busy")
    assert ring(targets={f"sip:lobby@{DOMAIN}": {"no_answer": True}}) == "no-answer"
    network.door.control("POST", f"/numbers/sip:lobby@{DOMAIN}", json={})
    assert (ring(), ring(no_answer=True)) == ("completed", "no-answer")


@pytest.mark.parametrize(
    "behaviour", [{"mood": "good"}, {"busy": "yes"}, {"talk": -1}, {"presses": ["abc"]}, {"presses": 5}]
)
def test_behaviour_that_makes_no_sense_is_refused(network: Network, behaviour: dict[str, Any]) -> None:
    """Unknown words and values for a number or a target are rejected with a reason."""
    for path, body in (
        (f"/numbers/{FRIEND}", behaviour),
        ("/calls", {"client": "lobby", "dial": "1", "targets": {FRIEND: behaviour}}),
    ):
        refused = network.door.ask("POST", "rehearsal.localhost", path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (400, 20001)
    refused = network.door.ask(
        "POST", "rehearsal.localhost", "/calls", json={"client": "lobby", "dial": "1", "targets": ["x"]}
    )
    assert refused.status_code == 400


def test_trunk_answers_by_sip(network: Network) -> None:
    """A SIP leg passes DialSipCallId and DialSipResponseCode to the action."""
    dial(network, "<Sip>sip:menu@pbx.example.org</Sip>")
    network.dial(busy=True)
    (done,) = network.received("done")
    assert (done["DialCallStatus"], done["DialSipResponseCode"]) == ("busy", "486")
    assert done["DialSipCallId"]
