"""Parsing TwiML: verbs and defaults, Twilio's warnings, and verbs that are not modelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from dialtone_nb.rehearsal.exchange.twiml_parser import parse_twiml
from dialtone_nb.rehearsal.exchange.verbs import (
    Dial,
    Document,
    Gather,
    Hangup,
    InvalidTwiml,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    StatusCallback,
    Target,
)


def read(inside: str) -> Document:
    """A document with this inside its root."""
    return parse_twiml(f'<?xml version="1.0" encoding="UTF-8"?><Response>{inside}</Response>')


def test_every_verb_is_read_with_its_defaults() -> None:
    """Each modelled verb, as twilio-python writes it, is read with Twilio's defaults."""
    response = VoiceResponse()
    response.say("Hello")
    response.play("https://example.com/a.mp3")
    response.pause()
    response.redirect("/next")
    response.reject()
    response.hangup()
    response.dial("+15035550199")
    assert parse_twiml(str(response)).verbs == (
        Say("Hello"),
        Play("https://example.com/a.mp3"),
        Pause(1),
        Redirect("/next"),
        Reject("rejected"),
        Hangup(),
        Dial((Target("number", "+15035550199"),)),
    )


def test_dial_has_its_attributes_and_targets() -> None:
    """All attributes of Dial, Number and Sip are read."""
    response = VoiceResponse()
    dial = response.dial(
        action="/done", method="GET", timeout=20, time_limit=600, caller_id="+15035550103", answer_on_bridge=True
    )
    dial.number("+15035550199", status_callback="/progress", status_callback_event="ringing completed")
    dial.sip("sip:menu@pbx.example.org", username="me", password="secret")
    (read_dial,) = parse_twiml(str(response)).verbs
    assert read_dial == Dial(
        (
            Target(
                "number",
                "+15035550199",
                callback=StatusCallback("/progress", events=("ringing", "completed")),
            ),
            Target("sip", "sip:menu@pbx.example.org", username="me"),
        ),
        action="/done",
        method="GET",
        caller_id="+15035550103",
        timeout=20,
        time_limit=600,
        answer_on_bridge=True,
    )
    assert "secret" not in repr(read_dial)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 12100),
        ("<Response>", 12100),
        (' <?xml version="1.0"?><Response/>', 12100),
        ("<Response><Say>a & b</Say></Response>", 12100),
        ("hello", 12100),
        ("<html><body/></html>", 12102),
        ("<response/>", 12102),
    ],
)
def test_what_is_no_twiml_is_unreadable(text: str, code: int) -> None:
    """Invalid XML is 12100, and another root than Response 12102."""
    with pytest.raises(InvalidTwiml) as raised:
        parse_twiml(text)
    assert raised.value.complaint.code == code


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        ("<Shout>hi</Shout>", 12200),
        ("<Say tone='x'>hi</Say>", 12200),
        ("<Dial><Nummer>1</Nummer></Dial>", 12200),
        ("<Dial colour='red'>+15035550199</Dial>", 12200),
        ("<Dial timeLimit='soon'>+15035550199</Dial>", 13216),
        ("<Dial timeLimit='0'>+15035550199</Dial>", 13216),
        ("<Dial answerOnBridge='yes'>+15035550199</Dial>", 13219),
        ("<Dial method='PUT'>+15035550199</Dial>", 13210),
        ("<Reject reason='tired'/>", 13810),
        ("<Say loop='often'>hi</Say>", 13510),
        ("<Play loop='often'>a.mp3</Play>", 13410),
        ("<Play digits='five'/>", 13430),
        ("<Pause length='long'/>", 13910),
        ("<Redirect method='PUT'>next</Redirect>", 13710),
        ("<Dial timeout='soon'>+15035550199</Dial>", 13212),
        ("<Dial hangupOnStar='yes'>+15035550199</Dial>", 13213),
        ("<Dial sequential='yes'>+15035550199</Dial>", 13218),
        ("<Dial><Number sendDigits='five'>+15035550199</Number></Dial>", 13222),
        ("<Dial><Number method='PUT'>+15035550199</Number></Dial>", 13221),
        ("<Dial><Sip method='PUT'>sip:a@example.org</Sip></Dial>", 13241),
        ("<Gather finishOnKey='A'/>", 13310),
        ("<Gather finishOnKey='12'/>", 13311),
        ("<Gather method='PUT'/>", 13312),
        ("<Gather timeout='-1'/>", 13313),
        ("<Gather numDigits='0'/>", 13314),
        ("<Gather><Dial>+15035550199</Dial></Gather>", 13320),
        ("<Gather input='smell'/>", 13326),
        ("<Gather bargeIn='yes'/>", 13332),
        ("<Gather actionOnEmptyResult='yes'/>", 13338),
        ("<Record method='PUT'/>", 13610),
        ("<Record timeout='0'/>", 13611),
        ("<Record maxLength='0'/>", 13612),
        ("<Record finishOnKey='A'/>", 13613),
        ("<Record playBeep='yes'/>", 13616),
        ("<Enqueue/>", 14204),
        (f"<Enqueue>{'x' * 65}</Enqueue>", 14205),
        ("<Enqueue method='PUT'>menu</Enqueue>", 14201),
    ],
)
def test_what_twilio_would_warn_of_is_a_complaint(inside: str, code: int) -> None:
    """Unknown elements and attributes, and invalid values, are warnings with Twilio's codes."""
    assert [complaint.code for complaint in read(inside).complaints] == [code]


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("<Gather input='speech'><Say>hi</Say></Gather>", "speech as input of <Gather>"),
        ("<Enqueue workflowSid='WW1'>queue</Enqueue>", "workflowSid of <Enqueue>"),
        ("<Record transcribe='true'/>", "transcribe of <Record>"),
        ("<Refer><Sip>sip:a@example.org</Sip></Refer>", "<Refer>"),
        ("<Dial><Conference>room</Conference></Dial>", "<Conference>"),
        ("<Dial record='record-from-answer'>+15035550199</Dial>", "record of <Dial>"),
        ("<Dial><Number byoc='BY1'>+15035550199</Number></Dial>", "byoc of <Number>"),
    ],
)
def test_what_is_not_carried_out_is_named(inside: str, what: str) -> None:
    """Verbs that Twilio has and the rehearsal does not are listed by name."""
    assert read(inside).not_carried_out == (what,)


def test_values_are_kept_within_twilios_limits() -> None:
    """timeLimit and timeout are limited to Twilio's maximum, even for very long numbers."""
    for much in ("999999", "9" * 6000, "0" * 6000 + "999999"):
        (dial,) = read(f"<Dial timeout='{much}' timeLimit='{much}'>+15035550199</Dial>").verbs
        assert isinstance(dial, Dial)
        assert (dial.timeout, dial.time_limit) == (600, 14400)


def test_gather_has_its_attributes_and_prompts() -> None:
    """A Gather's attributes and nested verbs, as twilio-python writes them, are read."""
    response = VoiceResponse()
    gather = response.gather(
        action="/menu", num_digits=4, finish_on_key="*", timeout=9, action_on_empty_result=True, barge_in=False
    )
    gather.say("Press a key", loop=2)
    gather.pause(length=3)
    gather.play("https://example.com/a.mp3")
    response.gather(finish_on_key="")
    first, second = parse_twiml(str(response)).verbs
    prompts = (Say("Press a key", 2), Pause(3), Play("https://example.com/a.mp3"))
    assert first == Gather(prompts, "/menu", "POST", 4, "*", 9, barge_in=False, action_on_empty=True)
    assert second == Gather(finish_on="")


@given(st.text(max_size=80))
def test_any_text_is_a_document_or_unreadable(text: str) -> None:
    """Any response of a function is read, or rejected with one of two codes."""
    try:
        assert isinstance(parse_twiml(text), Document)
    except InvalidTwiml as unreadable:
        assert unreadable.complaint.code in {12100, 12102}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_words_arrive_as_they_were_written(words: str) -> None:
    """The text of a Say is read as twilio-python writes it, without space around it."""
    response = VoiceResponse()
    response.say(words)
    assert parse_twiml(str(response)).verbs == (Say(words.strip()),)
