"""The function at the fallback URL: it depends on no other module and loses no emergency call."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from dialtone_nb.dialplan.compile import Table, compile_table
from dialtone_nb.dialplan.decide import IdentifiedCaller, caller_of
from dialtone_nb.dialplan.decisions import OutgoingCall
from dialtone_nb.dialplan.twiml import EMERGENCY_IN_E164
from dialtone_nb.parameters import Parameters
from dialtone_nb.parameters.dialplan import Rule
from dialtone_nb.service.bundle import FALLBACK, read_bundle
from dialtone_nb.values.sids import NO_CALL
from tests.service.node import FUNCTIONS, Functions

DOMAIN = "dialtone-example-prod.sip.twilio.com"
CALL_SID = "CA" + "1" * 32
REPAIRED = "This line is being repaired. Please try again later."


def source_of(table: Table) -> str:
    """The source as deployed."""
    return read_bundle(table, "node22").modules[FALLBACK].content.decode()


def ask(functions: Functions, table: Table, **event: str) -> tuple[ET.Element, dict[str, Any]]:
    """The function's response if it can load no module, and its one event."""
    done = functions.ask(do="alone", source=source_of(table), event={"CallSid": CALL_SID, **event})
    ((error, response),) = done["called"]
    ((level, line),) = done["logged"]
    assert (error, level, response["headers"]) == (None, "log", {"Content-Type": "text/xml"})
    return ET.fromstring(response["body"]), json.loads(line)


def dialling(phone: str, dialled: str, **more: str) -> dict[str, str]:
    """Twilio's parameters when a phone dials."""
    of_it = {"To": f"sip:{dialled}@{DOMAIN}", "From": f"sip:{phone}@{DOMAIN}", "SipDomain": DOMAIN}
    return {**of_it, "ErrorCode": "11200", "ErrorUrl": "https://example.org/sip-outgoing", **more}


@pytest.mark.parametrize(
    "dialled", ["911", "+911", "+1911", "1911", "9-1-1", "911%23", "%2B1911", "9%201%201", "911;x=y"]
)
def test_an_emergency_call_goes_out_however_it_is_spelled(functions: Functions, table: Table, dialled: str) -> None:
    """With the phone's own number, which is deployed with the function; with SipUsername and without."""
    number = table.environments["prod"].clients["lobby"].caller_id
    for more in ({}, {"SipUsername": "lobby"}):
        response, event = ask(functions, table, **dialling("lobby", dialled, **more))
        (dial,) = response
        assert (dial.tag, dial.get("callerId"), dial.findtext("Number")) == ("Dial", number, "+1911")
        assert (event["event"], event["endpoint"], event["call_sid"]) == ("outgoing-fallback", "lobby", CALL_SID)
        assert (event["rule"], event["error_code"]) == ("emergency", "11200")


@pytest.mark.parametrize(
    "from_",
    [
        f"sips:lobby@{DOMAIN}:5061;transport=tls",
        f"sip:lobby@{DOMAIN}.",
        f"sip:lobby@{DOMAIN.upper()}?X-A=1",
        "sip:lobby@dialtone-example-prod.sip.ashburn.twilio.com",
        f"sip:lobby:password@{DOMAIN}",
        f"sip:lobby;x=y@{DOMAIN}",
        f"<sip:lobby@{DOMAIN}>;tag=1",
        f'"Lobby <2>" <sip:lobby@{DOMAIN}>',
        f"Lobby <sip:lob%62y@{DOMAIN}>",
    ],
)
@pytest.mark.parametrize(
    "to", [f"sip:911@{DOMAIN}", f"<sip:+1911@{DOMAIN};user=phone>", f"sip:tel:911@{DOMAIN}", "tel:911"]
)
def test_an_emergency_call_goes_out_however_the_phone_names_itself(
    functions: Functions, table: Table, from_: str, to: str
) -> None:
    """Every From and To that the other functions understand are understood here too."""
    assert caller_of(table, OutgoingCall("prod", "", to, from_)) == IdentifiedCaller("lobby", "From")
    response, event = ask(functions, table, **dialling("lobby", "911") | {"From": from_, "To": to})
    assert (response.findtext("Dial/Number"), event["endpoint"]) == ("+1911", "lobby")


@pytest.mark.parametrize(
    "asked",
    [
        dialling("lobby", "911") | {"From": f'"<sip:lobby@{DOMAIN}>" <sip:lobby@elsewhere.example.org>'},
        dialling("lobby", "911") | {"From": f"sip:lobby@evil.example.org;sip:lobby@{DOMAIN}"},
        dialling("lobby", "911") | {"From": "sip:lobby@dialtone-example-prod.evil.twilio.com"},
        dialling("lobby", "5035550199"),
        dialling("lobby", "9911"),
        dialling("lobby", "999"),
        dialling("nobody", "911"),
        dialling("constructor", "911"),
        dialling("lobby", "911") | {"From": "sip:lobby@elsewhere.example.org"},
        dialling("lobby", "911") | {"From": f"sip:lobby@{DOMAIN}.example.org"},
        {"To": "+15035550103", "From": "+12125550188"},
        {"To": "+15035550103", "From": "911"},
        {},
    ],
)
def test_everybody_else_hears_that_the_line_is_being_repaired(
    functions: Functions, table: Table, asked: dict[str, str]
) -> None:
    """One event, without a number; an unknown caller can't make an emergency call."""
    response, event = ask(functions, table, **asked)
    assert [(one.tag, one.text) for one in response] == [("Say", REPAIRED), ("Hangup", None)]
    direction = "outgoing" if "sip:" in asked.get("From", "") else "incoming"
    assert event["event"] == f"{direction}-fallback"
    assert not re.search(r"\d{7,}", json.dumps({key: value for key, value in event.items() if key != "call_sid"}))


def test_verifys_own_requests_look_like_no_call(functions: Functions, table: Table) -> None:
    """Their call SID tells them apart."""
    _, event = ask(functions, table, **dialling("lobby", "911"), CallSid=NO_CALL)
    assert event["event"] == "probe-outgoing-fallback"


def test_its_emergency_numbers_are_those_of_the_phones_country(functions: Functions, parameters: Parameters) -> None:
    """The table's, by the emergency address, with the country's code before them too; <Number> gets Twilio's form."""
    lobby = parameters.clients["lobby"]
    assert lobby.emergency_address
    in_london = lobby.emergency_address.model_copy(update={"country": "GB"})
    rules = tuple(Rule(name=f"help-{number}", pattern=number, emergency=True) for number in ("999", "112"))
    table = compile_table(
        replace(
            parameters,
            clients={**parameters.clients, "lobby": lobby.model_copy(update={"emergency_address": in_london})},
            dialplan=parameters.dialplan.model_copy(update={"rules": (*rules, *parameters.dialplan.rules)}),
        )
    )
    called = {}
    for dialled in ("999", "112", "+44999", "+1112", "911", "+1911"):
        response, _ = ask(functions, table, **dialling("lobby", dialled))
        called[dialled] = response.findtext("Dial/Number")
    assert called == {"999": "999", "112": "112", "+44999": "999", "+1112": "112", "911": None, "+1911": None}
    source = (FUNCTIONS / "fallback.protected.js").read_text()
    assert all(f"{number}: '{dialled}'" in source for number, dialled in EMERGENCY_IN_E164.items())
