"""Which calls and registrations are accepted: of phones at their domains, and of outside numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsal.doors import PASSWORD, add_phone
from tests.rehearsal.network import DOMAIN, FRIEND, LOBBY, NUMBER, Network


def test_number_without_a_url_fails_without_an_alert(network: Network) -> None:
    """A number with an empty voice URL fails its calls without an alert."""
    network.client.incoming_phone_numbers(network.client.incoming_phone_numbers.list()[0].sid).update(voice_url="")
    told = network.door.call(from_=FRIEND, to=NUMBER)
    assert (told["status"], told["alerts"], network.alerts()) == ("failed", [], [])


def test_number_that_is_not_ours_is_not_in_service(network: Network) -> None:
    """A call to a number that the account does not own leaves no record."""
    told = network.door.call(from_=FRIEND, to="+15035550177")
    assert (told["call_sid"], told["status"], told["sip_response"]) == (None, "refused", 404)
    assert network.client.calls.list() == []


def test_phone_without_a_calls_mapping_may_not_call(network: Network) -> None:
    """A phone whose list is not mapped for calls, and an unknown phone, get 32202 and leave no record."""
    told = network.door.call(client="stranger", dial="5035550199")
    assert (told["call_sid"], told["sip_response"]) == (None, 403)
    sid = network.client.sip.domains.list()[0].sid
    mappings = network.client.sip.domains(sid).auth.calls.credential_list_mappings
    mappings(mappings.list()[0].sid).delete()
    assert network.door.call(client="lobby", dial="5035550199", domain=DOMAIN)["status"] == "refused"
    assert network.alerts() == ["32202", "32202"]
    assert network.client.calls.list() == []


def test_phone_with_two_domains_names_one(network: Network) -> None:
    """A phone with two domains must name one, unless it is registered at only one."""
    add_phone(network.client, "lobby", "other.sip.twilio.com")
    refused = network.dial()
    assert "other.sip.twilio.com" in refused["message"]
    network.answers("<Say>hello</Say>")
    assert network.dial(domain="phones-stage")["heard"] == ["hello"]
    network.door.control("POST", "/clients/lobby", json={"registered": True, "domain": DOMAIN})
    assert network.dial()["heard"] == ["hello"]


def test_phone_registers_and_leaves(network: Network) -> None:
    """A phone can register and unregister, as the list of phones shows."""
    phones = network.door.control("GET", "/clients")["clients"]
    assert phones == [{"client": "lobby", "domain": DOMAIN, "registered": False}]
    assert network.door.control("POST", "/clients/lobby", json={"registered": True})["domain"] == DOMAIN
    assert network.door.control("GET", "/clients")["clients"][0]["registered"] is True
    network.door.control("POST", "/clients/lobby", json={"registered": False})
    assert network.door.control("GET", "/clients")["clients"][0]["registered"] is False


def test_registering_is_refused_with_its_alert(network: Network) -> None:
    """Without SipRegistration the error is 32210, without credential or mapping 32212."""
    sid = network.client.sip.domains.list()[0].sid
    assert network.door.control("POST", "/clients/stranger", json={"registered": True})["code"] == 32212
    network.client.sip.domains(sid).update(sip_registration=False)
    refused = network.door.ask("POST", "rehearsal.localhost", "/clients/lobby", json={"registered": True})
    assert (refused.status_code, refused.json()["code"]) == (403, 32210)
    assert network.alerts() == ["32210", "32212"]


def test_deleted_credential_ends_the_registration(network: Network) -> None:
    """Deleting the credential ends the registration; with a new one the phone registers again."""
    network.door.control("POST", "/clients/lobby", json={"registered": True})
    listed = network.client.sip.credential_lists(network.client.sip.credential_lists.list()[0].sid)
    listed.credentials(listed.credentials.list()[0].sid).delete()
    assert network.door.control("GET", "/clients")["clients"] == []
    network.answers(LOBBY)
    assert network.door.call(from_=FRIEND, to=NUMBER)["alerts"][0]["code"] == 32009
    listed.credentials.create("lobby", PASSWORD)
    assert network.door.control("GET", "/clients")["clients"][0]["registered"] is True


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"client": "lobby"},
        {"client": "lobby", "dial": "1", "from": FRIEND, "to": NUMBER},
        {"client": "lobby", "dial": "1", "mood": "good"},
        {"client": "lobby", "dial": "1", "talk": -1},
        {"client": "lobby", "dial": "1", "busy": "yes"},
        {"client": "lobby", "dial": "1", "domain": "other"},
        {"from": "5035550199", "to": NUMBER},
    ],
)
def test_order_that_makes_no_sense_is_refused(network: Network, order: dict[str, Any]) -> None:
    """A missing end, unknown words or impossible times are rejected with a reason."""
    response = network.door.ask("POST", "rehearsal.localhost", "/calls", json=order)
    assert response.status_code in {400, 404}
    assert response.json()["message"]
