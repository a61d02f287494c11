"""Decisions as TwiML."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given

from dialtone_nb.dialplan.compile import Table
from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import (
    Call,
    DialEmergency,
    DialPstn,
    DialTrunk,
    OutgoingCall,
    Refuse,
    RingClient,
)
from dialtone_nb.dialplan.twiml import status_url, twiml_of, twiml_saying
from tests.dialplan.strategies import calls

LOBBY = Refuse(rule="", client="lobby", reason="", message="")
URL = status_url("https://dialtone-1234-prod.twil.io", "outgoing", LOBBY)
LIMITS: dict[str, Any] = {"caller_id": "+15035550103", "time_limit_s": 3600, "ring_timeout_s": 30}
DIAL = (
    '<Dial action="https://dialtone-1234-prod.twil.io/call-status?direction=outgoing&amp;client=lobby" '
    'answerOnBridge="true" callerId="+15035550103" timeLimit="3600" timeout="30">'
)
HEAD = '<?xml version="1.0" encoding="UTF-8"?><Response>'


def test_pstn() -> None:
    """A number is dialled with the phone's caller ID, both limits, answerOnBridge and an action URL."""
    decision = DialPstn(rule="local", client="lobby", number="+15035550199", **LIMITS)
    assert twiml_of(decision, URL) == f"{HEAD}{DIAL}<Number>+15035550199</Number></Dial></Response>"


def test_emergency() -> None:
    """North America's emergency number and its test number are dialled in E.164 form, others as they are."""
    for number, dialled in {"911": "+1911", "933": "+1933", "999": "999", "112": "112"}.items():
        decision = DialEmergency(rule="emergency", client="lobby", number=number, country="US", **LIMITS)
        assert twiml_of(decision, URL) == f"{HEAD}{DIAL}<Number>{dialled}</Number></Dial></Response>"


def test_trunk() -> None:
    """The trunk is dialled with its user name and password, and its headers escaped as URI parameters."""
    headers = {"X-Client": "lobby", "X-Words": "a b&c=d?é"}
    decision = DialTrunk(
        rule="menu",
        client="lobby",
        uri="sip:menu@pbx.example.org;transport=tls",
        username="u",
        headers=headers,
        **LIMITS,
    )
    uri = "sip:menu@pbx.example.org;transport=tls?X-Client=lobby&amp;X-Words=a%20b%26c%3Dd%3F%C3%A9"
    assert twiml_of(decision, URL, "s3cret") == (
        f'{HEAD}{DIAL}<Sip password="s3cret" username="u">{uri}</Sip></Dial></Response>'
    )
    assert twiml_of(decision, URL) == f'{HEAD}{DIAL}<Sip username="u">{uri}</Sip></Dial></Response>'


def test_ring() -> None:
    """A phone is rung at its SIP domain."""
    decision = RingClient(rule="incoming", client="lobby", uris=("sip:lobby@x.sip.twilio.com",), next_step=0, **LIMITS)
    assert twiml_of(decision, URL) == f"{HEAD}{DIAL}<Sip>sip:lobby@x.sip.twilio.com</Sip></Dial></Response>"


def test_refusal() -> None:
    """A refusal with a message is Say and Hangup; one without is Reject."""
    refuse = Refuse(rule="", client="", reason="no-rule", message="Not <here> & not now.")
    assert twiml_of(refuse, URL) == f"{HEAD}<Say>Not &lt;here&gt; &amp; not now.</Say><Hangup /></Response>"
    silent = Refuse(rule="", client="", reason="unknown-number", message="")
    assert twiml_of(silent, URL) == f"{HEAD}<Reject /></Response>"


def test_saying_nothing() -> None:
    """Without a message the call is hung up."""
    assert twiml_saying("") == f"{HEAD}<Hangup /></Response>"


@given(call=calls)
def test_every_answer_is_within_the_contract(table: Table, call: Call) -> None:
    """Whatever is sent, the answer is valid TwiML: a Dial with all limits, Say, or Reject."""
    response = ET.fromstring(twiml_of(decide(table, call), URL))
    assert response.tag == "Response"
    if [verb.tag for verb in response] != ["Dial"]:
        expected = ["Say", "Hangup"] if isinstance(call, OutgoingCall) else ["Reject"]
        assert [verb.tag for verb in response] == expected
        return
    (dial,) = response
    assert set(dial.attrib) == {"action", "answerOnBridge", "callerId", "timeLimit", "timeout"}
    assert dial.get("answerOnBridge") == "true"
    assert [noun.tag for noun in dial] in (["Number"], ["Sip"])
    assert len(dial[0].text or "") < 255
