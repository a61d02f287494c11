"""The deployed functions keep Twilio's contract and ours: TwiML, one event line, no secret."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone_nb.dialplan.compile import Table
from tests.dialplan.strategies import calls
from tests.service.node import FUNCTIONS, Functions
from tests.service.test_agreement import request_of

CONTEXT = {
    "DOMAIN_NAME": "dialtone-1234-prod.twil.io",
    "TRUNK_PASSWORD": "correct-horse-battery",
    "AUTH_TOKEN": "t0ken",
}
CALL_SID = "CA" + "1" * 32
BY_USERNAME = {"identified_by": "SipUsername"}


def outgoing(phone: str, dialled: str) -> dict[str, str]:
    """Twilio's parameters when a phone dials."""
    to = f"sip:{dialled}@dialtone-example-prod.sip.twilio.com"
    return {"SipUsername": phone, "To": to, "From": f"sip:{phone}@example.org", "CallSid": CALL_SID}


def recorded(phone: str, dialled: str) -> dict[str, str]:
    """Twilio's recorded parameters, of which only From identifies the caller."""
    domain = "dialtone-example-prod.sip.twilio.com"
    return {"To": f"sip:{dialled}@{domain}", "From": f"sip:{phone}@{domain}", "CallSid": CALL_SID}


def incoming(to: str) -> dict[str, str]:
    """Twilio's parameters when a number is called."""
    return {"To": to, "From": "+12125550188", "CallSid": CALL_SID}


def ended(direction: str, status: str, **more: str) -> dict[str, str]:
    """Twilio's parameters when a dialled call has ended: the action's query, and its own."""
    return {"direction": direction, "client": "lobby", "CallSid": CALL_SID, "DialCallStatus": status, **more}


@pytest.mark.parametrize(
    ("function", "sent", "event"),
    [
        ("sip-outgoing", outgoing("lobby", "5035550199"), {"event": "outgoing-call", "rule": "local", **BY_USERNAME}),
        ("sip-outgoing", outgoing("lobby", "%23"), {"event": "outgoing-call", "rule": "menu", **BY_USERNAME}),
        (
            "sip-outgoing",
            outgoing("lobby", "911"),
            {"event": "outgoing-emergency", "rule": "emergency", "other_party": "911", **BY_USERNAME},
        ),
        (
            "sip-outgoing",
            outgoing("lobby", "9005550199"),
            {"event": "outgoing-refused", "rule": "local", "reason": "premium-rate", **BY_USERNAME},
        ),
        (
            "sip-outgoing",
            recorded("lobby", "911"),
            {"event": "outgoing-emergency", "rule": "emergency", "other_party": "911", "identified_by": "From"},
        ),
        (
            "sip-outgoing",
            recorded("lobby", "9005550199"),
            {"event": "outgoing-refused", "rule": "local", "reason": "premium-rate", "identified_by": "From"},
        ),
        (
            "sip-outgoing",
            outgoing("nobody", "5035550199"),
            {"event": "outgoing-refused", "rule": "", "reason": "unknown-client", "channel": "", "endpoint": ""},
        ),
        ("sip-incoming", incoming("+15035550103"), {"event": "incoming-call", "rule": "incoming"}),
        (
            "sip-incoming",
            incoming("+15035550190"),
            {"event": "incoming-refused", "rule": "", "reason": "unknown-number", "channel": "", "endpoint": ""},
        ),
        ("call-status", ended("outgoing", "completed"), {"event": "outgoing-dialstatus-completed"}),
        ("call-status", ended("outgoing", "no-answer"), {"event": "outgoing-dialstatus-no-answer"}),
        (
            "call-status",
            ended("incoming", "failed", ErrorCode="32009"),
            {"event": "incoming-dialstatus-failed", "error_code": "32009"},
        ),
        (
            "call-status",
            ended("outgoing", "failed", DialSipResponseCode="503"),
            {"event": "outgoing-dialstatus-failed", "sip_response": "503"},
        ),
    ],
)
def test_event(functions: Functions, function: str, sent: dict[str, str], event: dict[str, str]) -> None:
    """Each call logs one line with time, phone, decision and call SID."""
    (logged,) = functions.invoke(function, CONTEXT, sent).events
    moment = datetime.fromisoformat(logged.pop("timestamp"))
    assert moment.utcoffset() == timedelta(0)
    assert logged == {"channel": "lobby", "endpoint": "lobby", "call_sid": CALL_SID, **event}


@pytest.mark.parametrize(
    ("direction", "status", "message"),
    [
        ("outgoing", "completed", None),
        ("incoming", "answered", None),
        ("outgoing", "canceled", None),
        ("outgoing", "busy", "busy"),
        ("outgoing", "no-answer", "no_answer"),
        ("outgoing", "failed", "failed"),
        ("incoming", "failed", "phone_unreachable"),
    ],
)
def test_call_status(functions: Functions, table: Table, direction: str, status: str, message: str | None) -> None:
    """After a call the caller hears why it was not answered, then the call is hung up."""
    response = ET.fromstring(functions.invoke("call-status", CONTEXT, ended(direction, status)).twiml)
    said = [verb.text for verb in response.findall("Say")]
    assert said == ([getattr(table.messages, message)] if message else [])
    assert response[-1].tag == "Hangup"


@pytest.mark.parametrize("odd", [None, [], ["sip:5035550199@x", "sip:9005550199@x"], ["+15035550103", "+15035550104"]])
def test_an_address_sent_twice_or_not_at_all(functions: Functions, odd: Any) -> None:
    """A call without exactly one To is refused."""
    answer = functions.invoke("sip-outgoing", CONTEXT, {"SipUsername": "lobby", "To": odd})
    assert answer.events[0]["reason"] == "not-dialable"
    answer = functions.invoke("sip-incoming", CONTEXT, {"From": odd, "To": odd})
    assert answer.events[0]["reason"] == "unknown-number"
    answer = functions.invoke("sip-incoming", CONTEXT, {"From": odd, "To": "+15035550103"})
    assert 'callerId="+15035550103"' in answer.twiml


@pytest.mark.parametrize("odd", [None, "", [], ["library"], ["lobby", "lobby"], ["library", "clinic"]])
def test_a_user_name_sent_twice_or_not_at_all(functions: Functions, odd: Any) -> None:
    """Then From identifies the caller, unless it was sent twice too."""
    sent: dict[str, Any] = {**recorded("lobby", "5035550199"), "SipUsername": odd}
    (event,) = functions.invoke("sip-outgoing", CONTEXT, sent).events
    assert (event["channel"], event["identified_by"]) == ("lobby", "From")
    (event,) = functions.invoke("sip-outgoing", CONTEXT, {**sent, "From": [sent["From"]] * 2}).events
    assert (event["channel"], event["reason"]) == ("", "unknown-client")


sensible = st.sampled_from(
    ["lobby", "sip:5035550199@x", "sip:lobby@dialtone-example-prod.sip.twilio.com", "+15035550103", "busy", "incoming"]
)
single = st.one_of(sensible, st.text(max_size=9))
anything: st.SearchStrategy[Any] = st.one_of(st.none(), single, single, st.lists(single, max_size=2))


@given(
    function=st.sampled_from(["sip-outgoing", "sip-incoming", "call-status"]),
    sent=st.dictionaries(
        st.sampled_from(
            ["To", "From", "SipUsername", "CallSid", "DialCallStatus", "ErrorCode", "direction", "client", "request"]
        ),
        anything,
    ),
    domain=st.sampled_from(["dialtone-1234-prod.twil.io", "dialtone-1234-stage.twil.io", "localhost:3000", ""]),
)
def test_whatever_is_sent(functions: Functions, function: str, sent: dict[str, Any], domain: str) -> None:
    """Missing, repeated or invalid parameters get TwiML, once, and one event."""
    answer = functions.invoke(function, {**CONTEXT, "DOMAIN_NAME": domain}, sent)
    assert ET.fromstring(answer.twiml).tag == "Response"
    assert len(answer.events) == 1


@given(call=calls)
def test_no_secret_is_logged(functions: Functions, call: Any) -> None:
    """No event has the trunk's password, the auth token, or a number."""
    function, sent = request_of(call)
    (event,) = functions.invoke(function, CONTEXT, sent).events
    written = " ".join(event.values()).replace(event["timestamp"], "")
    assert CONTEXT["TRUNK_PASSWORD"] not in written
    assert CONTEXT["AUTH_TOKEN"] not in written
    assert not re.search("[0-9]{4}", written)


@pytest.mark.parametrize(
    ("domain", "environment"),
    [
        ("dialtone-1234-prod.twil.io", "prod"),
        ("dialtone-1234-stage.twil.io", "stage"),
        ("our-stage-phones-98-prod.twil.io", "prod"),
        ("dialtone-1234-dev.twil.io", ""),
        ("dialtone-1234.twil.io", ""),
        ("dialtone-prod.twil.io", ""),
        ("dialtone-1234-prod.example.org", ""),
        ("dialtone-1234-preprod.twil.io", ""),
        ("", ""),
    ],
)
def test_environment(functions: Functions, domain: str, environment: str) -> None:
    """A function knows its environment by the suffix of its domain name, among those in the table."""
    assert functions.ask(do="environment", domain=domain) == environment


def test_a_stranger_domain_dials_nothing(functions: Functions) -> None:
    """On a domain without a declared environment every phone is unknown."""
    answer = functions.invoke("sip-outgoing", {"DOMAIN_NAME": "x-1-dev.twil.io"}, outgoing("lobby", "5035550199"))
    assert answer.events[0]["reason"] == "unknown-client"


def test_visibility() -> None:
    """Three functions are protected by the signature check; all other modules are private."""
    assert sorted(path.name for path in FUNCTIONS.glob("*.protected.js")) == [
        "call-status.protected.js",
        "fallback.protected.js",
        "sip-incoming.protected.js",
        "sip-outgoing.protected.js",
    ]
    others = {path.name for path in FUNCTIONS.iterdir()} - {path.name for path in FUNCTIONS.glob("*.protected.js")}
    assert all(name.endswith(".private.js") for name in others)


def test_a_cold_start_loads_little(functions: Functions) -> None:
    """A function requires its own modules and the table, and no npm package."""
    required = {
        name
        for path in FUNCTIONS.iterdir()
        for name in re.findall(r"require\((.*?)\)", path.read_text(encoding="utf-8"))
    }
    assert required == {"Runtime.getFunctions("}
    functions.invoke("sip-outgoing", CONTEXT, outgoing("lobby", "5035550199"))
    loaded = [path for path in functions.ask(do="loaded") if str(FUNCTIONS) in path]
    assert {path.rsplit("/", 1)[-1] for path in loaded} <= {path.name for path in FUNCTIONS.iterdir()}
