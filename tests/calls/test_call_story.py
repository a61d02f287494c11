"""One call told from beginning to end, from the data that Twilio keeps of it."""

from __future__ import annotations

from typing import Any

import pytest

from dialtone_nb.calls.attempts.outcomes import CODES
from dialtone_nb.calls.call_story import CallResources, Story, tell_story

DOMAIN = "dialtone-example-stage.sip.twilio.com"
AT = "Mon, 02 Mar 2026 09:01:53 +0000"
TWIML = (
    '<Response><Dial callerId="+15035550101"><Sip username="dialtone" password="s3cret">sip:menu@pbx.example.org</Sip>'
    "<Number>+12065550142</Number></Dial></Response>"
)


def call(sid: str, parent: str | None = None, **others: Any) -> dict[str, Any]:
    """A call record as Twilio has it."""
    return {
        "sid": sid,
        "parent_call_sid": parent,
        "from": f"sip:workbench@{DOMAIN}",
        "to": f"sip:2065550142@{DOMAIN}",
        "status": "completed",
        "date_created": AT,
        "start_time": AT,
        "end_time": AT,
        "duration": "0",
        "price": None,
        "price_unit": "USD",
        **others,
    }


def webhook(path: str, body: str = "<Response/>", code: int = 200) -> dict[str, Any]:
    """A request to our service and its response."""
    return {
        "request": {"method": "POST", "url": f"https://dialtone-1-stage.twil.io{path}", "parameters": {}},
        "response": {
            "response_code": code,
            "request_duration": 12,
            "content_type": "text/xml",
            "response_body": body,
            "date_created": AT,
        },
    }


def found(code: int = 200) -> CallResources:
    """A call with an unanswered dialled leg, all within a second."""
    dialled = call("CA2", "CA1", **{"from": "+15035550101", "to": "+12065550142", "status": "no-answer"})
    return CallResources(
        [call("CA1"), dialled],
        {"CA1": [webhook("/sip-outgoing", TWIML, code), webhook("/call-status?direction=outgoing")], "CA2": []},
        {"CA1": [], "CA2": [{"error_code": "13224", "message_text": "", "message_date": AT}]},
        [
            {"event": "outgoing-dialstatus-no-answer", "call_sid": "CA1", "at": "2026-03-02T09:01:53Z"},
            {"event": "outgoing-call", "rule": "local", "call_sid": "CA1", "at": "2026-03-02T09:01:53Z"},
        ],
    )


def told(story: Story) -> list[str]:
    """The steps in short."""
    return [f"{step.about}: {step.what}" for step in story.steps]


def test_steps_of_one_second_stand_in_the_order_in_which_they_can_only_have_happened() -> None:
    """Request before decision, decision before dial, dial before rejection, and the end last."""
    assert told(tell_story(found(), ours=["+15035550101"])) == [
        f"leg: sip:workbench@{DOMAIN} calls sip:206555••••@{DOMAIN}",
        "service: /sip-outgoing is asked, and answers in 12 ms: the delay before ringing",
        "log: outgoing-call · rule local",
        "leg: dials +1206555••••",
        f"alert: 13224: {CODES['13224'].meaning}; {CODES['13224'].repair}",
        "leg: the leg to +1206555•••• ends: no-answer",
        "service: /call-status is asked, and answers in 12 ms",
        "log: outgoing-dialstatus-no-answer",
        "leg: the call ends: completed",
    ]


def test_the_trunks_password_is_never_shown() -> None:
    """It is in the TwiML that Twilio keeps, but is not shown."""
    for show_numbers in (False, True):
        story = tell_story(found(), ours=[], show_numbers=show_numbers)
        assert "s3cret" not in repr(story)
        assert any('password="…"' in step.text for step in story.steps)


def test_other_peoples_numbers_are_hidden_and_ours_are_not() -> None:
    """In legs and in TwiML; they are shown in full only on request."""
    hidden = tell_story(found(), ours=["+15035550101"])
    assert "2065550142" not in repr(hidden)
    assert 'callerId="+15035550101"' in hidden.steps[1].text
    assert "<Number>+12065550142</Number>" in tell_story(found(), ours=[], show_numbers=True).steps[1].text


@pytest.mark.parametrize(
    ("to", "shown"),
    [
        ("sip:206-555-0142@x.example", "sip:206555••••@x.example"),
        ("sip:(206)%20555-0142@x.example", "sip:206555••••@x.example"),
        ("sip:%2B1%20206%20555%200142@x.example", "sip:+1206555••••@x.example"),
        ("sip:206%C2%A0555%C2%A00142@x.example", "sip:206555••••@x.example"),
        ("sip:sip%3A+12065550142%40x@x.example", "sip:sip%3A+1206555••••%40x@x.example"),
        ("tel:+1-206-555-0142", "tel:+1206555••••"),
        ("sip:+1-503-555-0101@x.example", "sip:+1-503-555-0101@x.example"),
        ("sip:+1911@x.example", "sip:+1911@x.example"),
        ("sip:9-1-1@x.example", "sip:9-1-1@x.example"),
    ],
)
def test_a_number_is_hidden_however_it_is_spelled(to: str, shown: str) -> None:
    """With dashes, spaces or escapes; our own numbers and short codes are shown."""
    story = tell_story(CallResources([call("CA1", to=to)], {"CA1": []}, {"CA1": []}, []), ours=["+15035550101"])
    assert story.legs[0].to == shown


def test_what_went_wrong_is_marked() -> None:
    """An unanswered leg, an alert and a failing service are marked, other steps are not."""
    assert [step.about for step in tell_story(found(), ours=[]).steps if step.is_trouble] == ["alert", "leg"]
    failing = tell_story(found(500), ours=[])
    assert failing.steps[1].is_trouble
    assert failing.steps[1].what == "/sip-outgoing is asked, and fails with HTTP 500"


def test_a_call_that_rang_on_is_told_step_by_step() -> None:
    """The new decision follows the status that caused it, in words."""
    names = ("fallback", "call", "dialstatus-no-answer", "rang-on", "dialstatus-busy", "told")
    events = [{"event": f"incoming-{name}", "call_sid": "CA1", "at": "2026-03-02T09:01:53Z"} for name in names]
    story = tell_story(CallResources([call("CA1")], {"CA1": []}, {"CA1": []}, events), ours=[])
    assert [step.what.partition(" · ")[::2] for step in story.steps if step.about == "log"] == [
        ("incoming-fallback", "our service could not be asked, its fallback was"),
        ("incoming-call", ""),
        ("incoming-dialstatus-no-answer", ""),
        ("incoming-rang-on", "nobody answered, it rings on"),
        ("incoming-dialstatus-busy", ""),
        ("incoming-told", "nobody answered, the caller hears the words of the phone's entry"),
    ]
    assert [step.is_trouble for step in story.steps if step.about == "log"] == [True, *[False] * 5]


def test_a_call_that_goes_on_has_no_end() -> None:
    """A call in progress has no end step."""
    going_on = call("CA1", status="in-progress", end_time=None, duration=None)
    story = tell_story(CallResources([going_on], {"CA1": []}, {"CA1": []}, []), ours=[])
    assert len(story.steps) == 1
    assert story.legs[0].ended is None
