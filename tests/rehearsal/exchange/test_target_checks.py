"""Checks of a Dial's targets before anything is dialled."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest

from tests.rehearsal.network import DOMAIN, FRIEND, LOBBY, NUMBER, Network


@pytest.mark.parametrize(
    ("caller", "number", "code"),
    [
        (NUMBER, "15035550199", 13223),
        (NUMBER, "hello", 13223),
        (NUMBER, "+1503555019", 13224),
        (NUMBER, "+11115550199", 13224),
        (NUMBER, "+210555019999", 13226),
        (NUMBER, "+442079460123", 13227),
        (NUMBER, "+18765550123", 13227),
        (NUMBER, "+19005550123", 13227),
        ("+15035550104", "+15035550199", 13214),
        ("lobby", "+15035550199", 13214),
        ("", "+15035550199", 13214),
        (NUMBER, "+1911", 13224),
        (NUMBER, "911", 13223),
    ],
)
def test_number_that_twilio_would_not_dial(network: Network, caller: str, number: str, code: int) -> None:
    """An invalid number, a country without permission, and a foreign caller ID fail the Dial: no child, one alert."""
    network.answers(f'<Dial callerId="{caller}" action="/done"><Number>{number}</Number></Dial>')
    told = network.dial()
    assert told["children"] == []
    assert [(alert["code"], alert["resource_sid"]) for alert in told["alerts"]] == [(code, told["call_sid"])]
    (event,) = network.received("done")
    assert (event["DialCallStatus"], event["ErrorCode"]) == ("failed", str(code))


def test_country_can_be_switched_on(network: Network) -> None:
    """A country can be called once its permission is on."""
    network.answers(f'<Dial callerId="{NUMBER}">+442079460123</Dial>')
    assert [alert["code"] for alert in network.dial()["alerts"]] == [13227]
    update = '[{"iso_code": "GB", "low_risk_numbers_enabled": "true"}]'
    network.client.voice.v1.dialing_permissions.bulk_country_updates.create(update_request=update)
    assert network.client.voice.v1.dialing_permissions.countries("GB").fetch().low_risk_numbers_enabled is True
    assert network.dial()["children"][0]["status"] == "completed"


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("lobby", 13243),
        (f"sip:{DOMAIN}", 32223),
        ("sip:lobby@other.sip.twilio.com", 32002),
        ("sip:lobby@phones-stage.sip.dublin.twilio.com", 32220),
        ("sip:lobby@phones-stage.sip.us2.twilio.com", 32220),
        ("sip:lobby@other.sip.us1.twilio.com", 32002),
        ("sip:menu@192.168.0.1", 13254),
        ("sip:menu@nowhere", 13254),
        (f"sip:{'x' * 250}@pbx.example.org", 13243),
    ],
)
def test_sip_target_that_twilio_would_not_dial(network: Network, uri: str, code: int) -> None:
    """An invalid URI, an unknown domain, an edge's name and a private address fail the Dial with their alerts."""
    network.answers(f'<Dial callerId="{NUMBER}"><Sip>{uri}</Sip></Dial>')
    told = network.dial()
    assert ([alert["code"] for alert in told["alerts"]], told["children"]) == ([code], [])


def test_phone_that_is_not_registered_is_a_warning(network: Network) -> None:
    """Dialling an unregistered phone gives no-answer at once, and warning 32009 on the leg."""
    network.answers(LOBBY)
    told = network.door.call(from_=FRIEND, to=NUMBER)
    (alert,) = told["alerts"]
    assert (alert["code"], alert["level"], alert["resource_sid"]) == (32009, "warning", told["children"][0]["call_sid"])
    (event,) = network.received("done")
    assert (event["DialCallStatus"], event["ErrorCode"]) == ("no-answer", "32009")


def test_unreachable_phone_is_a_warning(network: Network) -> None:
    """Dialling an unreachable phone fails, with warning 32011 on the leg."""
    network.door.control("POST", "/clients/lobby", json={"registered": True})
    network.answers(LOBBY)
    told = network.door.call(from_=FRIEND, to=NUMBER, unreachable=True)
    assert ([alert["code"] for alert in told["alerts"]], told["children"][0]["status"]) == ([32011], "failed")


def test_trunk_sees_the_headers_and_no_secret_is_told(network: Network) -> None:
    """Headers in a SIP URI reach our own server; a password in the TwiML is never shown."""
    sip = '<Sip username="me" password="hunter2hunter2">sip:menu@pbx.example.org?X-Phone=lobby</Sip>'
    network.answers(f'<Dial callerId="{NUMBER}">{sip}</Dial>')
    told = network.dial()
    assert told["children"][0]["sip_headers"] == {"X-Phone": "lobby"}
    assert "hunter2" not in json.dumps(told["children"])


def test_several_targets_ring_and_one_answers(network: Network) -> None:
    """The first to answer is connected and the others are canceled."""
    network.answers(f'<Dial callerId="{NUMBER}"><Number>+15035550198</Number><Number>+15035550199</Number></Dial>')
    told = network.dial()
    assert [(c["to"], c["status"]) for c in told["children"]] == [
        ("+15035550198", "completed"),
        ("+15035550199", "canceled"),
    ]


@pytest.mark.parametrize(("twilio", "dialled"), [("recorded", "+1911"), ("documented", "+1911"), ("documented", "911")])
def test_emergency_call_needs_the_domain_and_the_address(network: Network, dialled: str) -> None:
    """911 is dialled if the domain has emergency calling; without a registered address 22221 is raised."""
    client = network.client
    client.sip.domains(client.sip.domains.list()[0].sid).update(emergency_calling_enabled=True)
    network.answers(f'<Dial callerId="{NUMBER}"><Number>{dialled}</Number></Dial>')
    told = network.dial()
    assert (told["children"][0]["emergency"], [a["code"] for a in told["alerts"]]) == ("911", [22221])
    address = client.addresses.create(
        "Hall", "240 Alder Street", "Portland", "OR", "97205", "US", emergency_enabled=True
    )
    number = client.incoming_phone_numbers(client.incoming_phone_numbers.list()[0].sid)
    number.update(emergency_address_sid=address.sid)
    network.door.control("POST", "/clock", json={"advance_s": 61})
    assert number.fetch().emergency_address_status == "registered"
    assert network.dial()["alerts"] == []


@pytest.mark.parametrize("edge", ["us1", "us1-ix"])
def test_the_oldest_edge_may_still_be_dialled(network: Network, edge: str) -> None:
    """As a legacy name of the domain; an unregistered phone gives 32221 and no-answer, as with 32009."""
    uri = f"sip:lobby@phones-stage.sip.{edge}.twilio.com"
    network.answers(f'<Dial action="/done"><Sip>{uri}</Sip></Dial>')
    told = network.door.call(from_=FRIEND, to=NUMBER)
    assert ([alert["code"] for alert in told["alerts"]], told["children"][0]["status"]) == ([32221], "no-answer")
    network.door.control("POST", "/clients/lobby", json={"registered": True, "talk": 7})
    (child,) = network.door.call(from_=FRIEND, to=NUMBER)["children"]
    assert (child["to"], child["status"], child["duration_s"]) == (uri, "completed", 7)
    first, second = network.received("done")
    assert (first["ErrorCode"], second.get("ErrorCode")) == ("32221", None)


def test_alerts_about_phones_show_the_invite(network: Network) -> None:
    """32009 has its URI as request, 32011 the headers To and From; neither has webhook parameters."""
    network.answers(LOBBY)
    network.door.call(from_=FRIEND, to=NUMBER)
    network.door.control("POST", "/clients/lobby", json={"registered": True, "unreachable": True})
    network.door.call(from_=FRIEND, to=NUMBER)
    told = {one.error_code: one.fetch() for one in network.client.monitor.v1.alerts.list()}
    uri = f"sip:lobby@{DOMAIN}"
    assert (told["32009"].request_method, told["32009"].request_url) == ("INVITE", uri)
    assert dict(parse_qsl(told["32009"].request_variables)) == {"To": uri}
    headers = dict(parse_qsl(told["32011"].request_variables))
    assert (told["32011"].request_url, headers["To"]) == (None, "<sip:lobby@192.0.2.10:5060>")
    assert headers["From"].startswith(f"<sip:{FRIEND}@{DOMAIN}>;tag=")
