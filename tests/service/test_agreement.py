"""Python and the deployed JavaScript agree on decisions, TwiML, and messages after a call."""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialtone_nb.dialplan.compile import Table
from dialtone_nb.dialplan.decide import caller_of, decide, spoken_reason
from dialtone_nb.dialplan.decisions import Call, DialPstn, DialTrunk, OutgoingCall
from dialtone_nb.dialplan.patterns import parse_pattern
from dialtone_nb.dialplan.table import TableRule
from dialtone_nb.dialplan.twiml import status_url, twiml_of, twiml_saying
from tests.dialplan.cases import CALLERS, CASES, CallerCase, Case, decision_data, told
from tests.dialplan.strategies import calls, froms, outgoing_calls
from tests.service.node import Functions

DOMAINS = {"stage": "dialtone-1234-stage.twil.io", "prod": "dialtone-1234-prod.twil.io"}


def canonical(twiml: str) -> str:
    """The TwiML without insignificant differences: order of attributes, spaces in tags."""
    return ET.canonicalize(twiml)


def request_of(call: Call) -> tuple[str, dict[str, str]]:
    """The function that Twilio would request for a call, and its parameters."""
    if isinstance(call, OutgoingCall):
        sent = {"SipUsername": call.sip_username, "To": call.to, "From": call.from_}
        return "sip-outgoing", {name: value for name, value in sent.items() if value}
    return "sip-incoming", {"To": call.to, "From": call.from_}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.situation)
def test_case(functions: Functions, case: Case) -> None:
    """Each case of cases.yaml gets its decision on Node."""
    assert told(functions.decide(case.call)) == case.then


@pytest.mark.parametrize("case", CALLERS, ids=lambda case: case.situation)
def test_caller(functions: Functions, case: CallerCase) -> None:
    """Each case of caller identification gets its result on Node, and in the event of the call."""
    function, event = request_of(case.call)
    (logged,) = functions.invoke(function, {"DOMAIN_NAME": DOMAINS[case.call.environment]}, event).events
    caller = f"{logged['channel']} by {logged['identified_by']}" if "identified_by" in logged else "nobody"
    assert caller == case.caller
    assert logged["event"] == ("outgoing-refused" if caller == "nobody" else "outgoing-call")


@given(call=outgoing_calls)
def test_callers(functions: Functions, table: Table, call: OutgoingCall) -> None:
    """The same parameters identify the same phone."""
    caller = caller_of(table, call)
    asked = {"environment": call.environment, "sip_username": call.sip_username, "from": call.from_}
    assert functions.ask(do="caller", **asked) == (asdict(caller) if caller else None)


@given(call=calls)
def test_decisions(functions: Functions, table: Table, call: Call) -> None:
    """The same call gets the same decision."""
    assert functions.decide(call) == decision_data(decide(table, call))


@given(call=calls.filter(lambda call: call.environment in DOMAINS))
def test_twiml(functions: Functions, table: Table, call: Call) -> None:
    """The same call gets the same TwiML from the deployed function."""
    function, event = request_of(call)
    domain = DOMAINS[call.environment]
    answer = functions.invoke(function, {"DOMAIN_NAME": domain, "TRUNK_PASSWORD": "s3cret & <more>"}, event)
    decision = decide(table, call)
    url = status_url(f"https://{domain}", function.removeprefix("sip-"), decision)
    assert canonical(answer.twiml) == canonical(twiml_of(decision, url, "s3cret & <more>"))


@given(
    direction=st.sampled_from(["outgoing", "incoming"]),
    status=st.one_of(
        st.sampled_from(["completed", "answered", "busy", "no-answer", "failed", "canceled", "constructor", ""]),
        st.text(),
    ),
    emergency=st.sampled_from(["", "US", "GB", "constructor"]),
    to=froms(),
)
def test_after_the_call(
    functions: Functions, table: Table, direction: str, status: str, emergency: str, to: str
) -> None:
    """The same end of a call gets the same message."""
    message = spoken_reason(table, direction, status, emergency, to)
    asked = {"direction": direction, "status": status, "emergency": emergency, "to": to}
    assert functions.ask(do="spoken", **asked) == message
    event = {"direction": direction, "client": "lobby", "DialCallStatus": status, "emergency": emergency, "To": to}
    answer = functions.invoke("call-status", {"DOMAIN_NAME": DOMAINS["prod"]}, event)
    assert canonical(answer.twiml) == canonical(twiml_saying(message))


awkward = st.text("abc{}$&?;= é'()!*~\"%/\\", max_size=8)
keys = st.text("0123456789#*+", min_size=1, max_size=6)
placeholder = st.sampled_from(["{client}", "{context}", "{dialled}", "{nothing}", "{client", "{{client}}"])
template = st.lists(st.one_of(placeholder, awkward), max_size=4).map("".join)


@example(dialled="#", context="a b&é{client}", uri="{context}-{dialled}", headers=["{context}", "{dialled}"])
@given(dialled=keys, context=awkward, uri=template, headers=st.lists(template, max_size=2))
def test_any_trunk(
    functions: Functions, table: Table, dialled: str, context: str, uri: str, headers: list[str]
) -> None:
    """Placeholders are replaced alike, with any text around them and any context."""
    trunk = table.trunk.model_copy(
        update={"uri": f"sip:{uri}@x", "headers": {f"X-{i}": value for i, value in enumerate(headers)}}
    )
    everything = table.rules[0].model_copy(update={"pattern": "^[0-9*#+]+$", "to": "trunk", "value": context})
    other = table.model_copy(update={"trunk": trunk, "rules": (everything,)})
    call = OutgoingCall("prod", "lobby", f"sip:{quote(dialled)}@x")
    decision = decide(other, call)
    assert isinstance(decision, DialTrunk)
    assert functions.decide(call, other) == decision_data(decision)


@pytest.mark.parametrize("number", ["18765550199", "16585550199", "12425550199", "442079460143", "17875550199"])
def test_countries_without_prefixes(functions: Functions, table: Table, number: str) -> None:
    """The allowed countries are read alike, and refuse what no prefix refuses."""
    other = table.model_copy(update={"refused": ()})
    call = OutgoingCall("prod", "lobby", f"sip:011{number}@x")
    decision = decide(other, call)
    assert functions.decide(call, other) == decision_data(decision)
    assert isinstance(decision, DialPstn) == (number == "17875550199")


pieces = st.sampled_from([*"019#*+XZN", "[15-7]", "[0#*]"])
patterns = st.tuples(st.lists(pieces, min_size=1, max_size=4).map("".join), st.sampled_from(["", "."])).map("".join)


@given(
    wanted=st.lists(patterns, min_size=1, max_size=5),
    dialled=keys,
    skip=st.integers(0, 4),
)
def test_any_rules(functions: Functions, table: Table, wanted: list[str], dialled: str, skip: int) -> None:
    """The same rule matches a call, and makes the same number, for any patterns."""
    rules = [
        TableRule(name=f"r{i}", pattern=parse_pattern(pattern).regex(), to="pstn", prefix="+1503555", skip=skip)
        for i, pattern in enumerate(wanted)
    ]
    other = table.model_copy(update={"rules": tuple(rules)})
    call = OutgoingCall("prod", "lobby", f"sip:{quote(dialled)}@x")
    assert functions.decide(call, other) == decision_data(decide(other, call))
