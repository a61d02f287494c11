"""Decisions about calls."""

from __future__ import annotations

import pytest
from hypothesis import given

from dialtone_nb.dialplan.compile import Table
from dialtone_nb.dialplan.decide import caller_of, decide, dialled_of, spoken_reason
from dialtone_nb.dialplan.decisions import (
    Call,
    DialEmergency,
    DialPstn,
    DialTrunk,
    IncomingCall,
    OutgoingCall,
    Refuse,
    RingClient,
)
from dialtone_nb.parameters import Parameters
from dialtone_nb.values.phone_numbers import country_of
from tests.dialplan.cases import CALLERS, CASES, CallerCase, Case, decision_data, told
from tests.dialplan.strategies import PHONES, REFUSED_AREAS, calls, outgoing_calls


def dialled_by(table: Table, phone: str, dialled: str) -> object:
    """The decision about a call from a phone of prod."""
    return decide(table, OutgoingCall("prod", phone, f"sip:{dialled}@phones.example"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.situation)
def test_case(table: Table, case: Case) -> None:
    """Each case of cases.yaml gets the decision that it states."""
    assert told(decision_data(decide(table, case.call))) == case.then


@pytest.mark.parametrize("case", CALLERS, ids=lambda case: case.situation)
def test_caller(table: Table, case: CallerCase) -> None:
    """The caller in each case of cases.yaml; a call from an unknown caller is refused."""
    caller = caller_of(table, case.call)
    assert case.caller == (f"{caller.client} by {caller.identified_by}" if caller else "nobody")
    assert isinstance(decide(table, case.call), DialPstn if caller else Refuse)


@pytest.mark.parametrize("way", ["", "1", "0111", "+1"])
@pytest.mark.parametrize("area", REFUSED_AREAS)
def test_refused_areas(table: Table, area: str, way: str) -> None:
    """The old service's 22 area codes and 658 are refused with ten digits, eleven, 011 and a plus."""
    decision = dialled_by(table, "lobby", f"{way}{area}5550199")
    assert isinstance(decision, Refuse)
    assert decision.reason in ("premium-rate", "expensive-islands")


@pytest.mark.parametrize("way", ["", "1", "0111", "+1"])
@pytest.mark.parametrize("area", ["201", "503", "604", "787", "989"])
def test_refused_exchange(table: Table, area: str, way: str) -> None:
    """Exchange 976 is refused in any area, and 975 and 977 are not."""
    assert isinstance(dialled_by(table, "lobby", f"{way}{area}9760199"), Refuse)
    for exchange in ("975", "977", "796"):
        assert isinstance(dialled_by(table, "lobby", f"{way}{area}{exchange}0199"), DialPstn)


@given(call=calls)
def test_no_call_goes_where_it_must_not(table: Table, parameters: Parameters, call: Call) -> None:
    """Whatever is dialled, refused prefixes, other countries, and emergencies without an address are never called."""
    decision = decide(table, call)
    if isinstance(decision, DialPstn):
        assert not decision.number.startswith(tuple(f"+1{area}" for area in REFUSED_AREAS))
        assert not (decision.number.startswith("+1") and decision.number[5:8] == "976")
        assert country_of(decision.number) in {"", *parameters.dialplan.allowed_countries}
        assert decision.number.startswith(("+1", "+52"))
        assert decision.number.isascii()
    if isinstance(decision, DialEmergency):
        assert parameters.clients[decision.client].emergency_address is not None
        assert decision.number in ("911", "933")


@given(call=calls)
def test_every_dial_is_limited_and_owned(table: Table, parameters: Parameters, call: Call) -> None:
    """Every Dial has time limits, and is the phone's own: by caller ID for outgoing calls, by address for incoming."""
    decision = decide(table, call)
    if isinstance(decision, Refuse):
        return
    client = parameters.clients[decision.client]
    assert client.environment == call.environment
    assert 0 < decision.ring_timeout_s <= 600
    limit = client.call_time_limit_s or parameters.network.call_time_limit_s
    assert decision.time_limit_s == (14400 if isinstance(decision, DialEmergency) else limit)
    if isinstance(call, OutgoingCall):
        assert (caller := caller_of(table, call))
        assert decision.client == caller.client
        assert decision.caller_id == client.caller_id
    else:
        assert isinstance(decision, RingClient)
        assert decision.uris == (f"sip:{decision.client}@{parameters.sip_domain_of(decision.client)}",)
        assert call.to == client.caller_id


@given(call=outgoing_calls)
def test_a_refusal_has_words(table: Table, call: OutgoingCall) -> None:
    """A refusal of a phone's call has a message for the caller."""
    decision = decide(table, call)
    assert not isinstance(decision, Refuse) or (decision.message and decision.reason)


@pytest.mark.parametrize("phone", PHONES)
def test_own_environment(table: Table, phone: str) -> None:
    """A phone's call is placed in its own environment; the other one does not know the phone."""
    decided = {env: decide(table, OutgoingCall(env, phone, "sip:5035550199@x.example")) for env in ("stage", "prod")}
    home = "stage" if phone in ("workbench", "van") else "prod"
    (other,) = decided.keys() - {home}
    assert isinstance(decided[home], DialPstn)
    assert isinstance(refused := decided[other], Refuse)
    assert refused.reason == "unknown-client"


@pytest.mark.parametrize(
    ("to", "dialled"),
    [
        ("sip:911@phones.example", "911"),
        ("sips:911@phones.example:5061;transport=tls", "911"),
        ("SIP:911@phones.example", "911"),
        ('"Lobby" <sip:911@phones.example>;tag=1', "911"),
        ("sip:911;phone-context=+1@phones.example", "911"),
        ("sip:%23@phones.example", "#"),
        ("sip:%2B15035550199@phones.example", "+15035550199"),
        ("sip:%2523@phones.example", ""),
        ("sip:%39%31%31@phones.example", "911"),
        ("sip:911%0A@phones.example", ""),
        ("sip:911@phones.example\n", "911"),
        ("sip:911:secret@phones.example", ""),
        ("sip:911@evil.example@phones.example", ""),
        ("sip:phones.example", ""),
        ("tel:911", "911"),
        ("<tel:+1-503-555-0199;ext=5>;tag=1", "+15035550199"),
        ("tel:911@phones.example", ""),
        ("sip:tel:+1911@phones.example", "+1911"),
        ("sip:sip:%2B1911@phones.example;user=phone@phones.example", "+1911"),
        ("sip:sip%3A%2B1911%40phones.example%3Buser%3Dphone@phones.example", "+1911"),
        ("sip:sip:911@a@b@phones.example", ""),
        ("sip:sip:sip:911@a@b@phones.example", ""),
        ("sip:911%20@phones.example", "911"),
        ("sip:(503)%09555-0199@phones.example", "5035550199"),
        ("sip:503%C2%A0555%C2%A00199@phones.example", "5035550199"),
        ("sip:503%C2555@phones.example", ""),
        ("sip:5035550199#@phones.example", "5035550199"),
        ("sip:5035550199%23;x=1@phones.example", "5035550199"),
        ("sip:5035550199##@phones.example", "5035550199##"),
        ("sip:%23%23@phones.example", "##"),
        ("sip:*67%23@phones.example", "*67"),
        ("sip:911%0A%23@phones.example", ""),
        ("sip:-.()@phones.example", ""),
        ("sip:;911@phones.example", ""),
        ("ſip:911@phones.example", ""),
        ("sip:９１１@phones.example", ""),
        ("sip:%EF%BC%99@phones.example", ""),
        ("", ""),
    ],
)
def test_dialled_of(table: Table, to: str, dialled: str) -> None:
    """The dialled keys are the user part of the URI without separators, parameters and characters not on a keypad."""
    assert dialled_of(table, to) == dialled


def test_trunk_headers(table: Table) -> None:
    """A call to the trunk names the phone in a header, and no header has a password."""
    decision = dialled_by(table, "clinic", "%23")
    assert isinstance(decision, DialTrunk)
    assert decision.headers == {"X-Dialtone-Client": "clinic"}
    assert "password" not in decision_data(decision)


def test_an_incoming_refusal_is_silent(table: Table) -> None:
    """A call to a number that rings no phone is rejected without a message, so that it costs nothing."""
    assert decide(table, IncomingCall("prod", "+15035550190", "+12125550188")) == Refuse(
        rule="", client="", reason="unknown-number", message=""
    )


@pytest.mark.parametrize(
    ("direction", "status", "message"),
    [
        ("outgoing", "completed", ""),
        ("outgoing", "answered", ""),
        ("outgoing", "canceled", ""),
        ("outgoing", "busy", "busy"),
        ("outgoing", "no-answer", "no_answer"),
        ("outgoing", "failed", "failed"),
        ("outgoing", "something new", "failed"),
        ("incoming", "failed", "phone_unreachable"),
        ("incoming", "busy", "busy"),
        ("incoming", "no-answer", "no_answer"),
    ],
)
def test_spoken_reason(table: Table, direction: str, status: str, message: str) -> None:
    """A caller hears why there was no answer, but nothing after an answer or a hangup."""
    assert spoken_reason(table, direction, status) == (getattr(table.messages, message) if message else "")
