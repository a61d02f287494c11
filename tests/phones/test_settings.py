"""A phone's settings, by make and location."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dialtone_nb.devices import MODELS
from dialtone_nb.errors import ParametersError
from dialtone_nb.parameters import EDGES, Parameters, load_parameters
from dialtone_nb.phones.settings import RegistrarAddress, device_settings
from dialtone_nb.values.sip import LONGEST_EXPIRY_S, SHORTEST_EXPIRY_S
from tests.phones.conftest import through


def test_phone_with_an_address_registers_where_emergency_calls_are_on(parameters: Parameters) -> None:
    """The host is the domain with emergency calling for a phone with an address, else the other."""
    assert device_settings(parameters, "pap2t").host == "example-prod.sip.twilio.com"
    assert device_settings(parameters, "ht801").host == "example-nonemergency-prod.sip.twilio.com"


def test_port_follows_the_transport(parameters: Parameters) -> None:
    """5061 for TLS, else 5060."""
    ports = {(each.transport, each.port) for each in (device_settings(parameters, name) for name in parameters.clients)}
    assert ports == {("UDP", 5060), ("TCP", 5060), ("TLS", 5061)}


def test_user_and_authentication_id_are_the_client(parameters: Parameters) -> None:
    """They are equal, as Twilio requires (error 32106)."""
    settings = device_settings(parameters, "ht701")
    assert (settings.user, settings.auth_id) == ("ht701", "ht701")


def test_expiry_is_in_twilios_range(parameters: Parameters) -> None:
    """The registration expiry is from 600 to 3600 s."""
    assert SHORTEST_EXPIRY_S <= device_settings(parameters, "ht701").expiry_s <= LONGEST_EXPIRY_S


@pytest.mark.parametrize(
    ("client", "begins"), [("pap2t", "([29]11|"), ("ht802", "{ [29]11 |"), ("soundpoint", "[29]11|933|")]
)
def test_dial_string_is_in_the_devices_grammar(parameters: Parameters, client: str, begins: str) -> None:
    """Each make has the dial plan in its own grammar."""
    assert device_settings(parameters, client).dial_string.startswith(begins)


def test_softphones_have_no_dial_string(parameters: Parameters) -> None:
    """Softphones send a number when the user presses call."""
    assert {device_settings(parameters, client).dial_string for client in ("softphone", "anything")} == {""}


def test_edge_becomes_the_outbound_proxy(parameters: Parameters) -> None:
    """Calls use the edge; without one there is no outbound proxy."""
    assert device_settings(through(parameters, "umatilla"), "ht801").outbound_proxy == "sip.umatilla.twilio.com"
    assert device_settings(parameters, "ht801").outbound_proxy == ""
    assert "roaming" not in EDGES  # not for SIP


def test_a_phone_of_a_rehearsal_has_it_as_its_outbound_proxy(parameters: Parameters) -> None:
    """The domain stays Twilio's, so that only the route differs; transport and port are the rehearsal's."""
    settings = device_settings(
        through(parameters, "umatilla"), "ht801", registrar=RegistrarAddress("192.0.2.20", 5070, "UDP")
    )
    assert (settings.host, settings.transport) == ("example-nonemergency-prod.sip.twilio.com", "UDP")
    assert settings.outbound_address == "192.0.2.20:5070"
    assert settings.is_rehearsed
    assert device_settings(
        parameters, "ht801", registrar=RegistrarAddress("192.0.2.20", 5060, "TCP")
    ).outbound_address == ("192.0.2.20")


def test_password_is_pointed_at_and_nowhere_in(parameters: Parameters) -> None:
    """The settings have the private file's path and no field for the password."""
    settings = device_settings(parameters, "ht801")
    assert settings.private_file == "private/prod/ht801/phone.txt"
    assert "password" not in {field.name for field in dataclasses.fields(settings)}


def test_unknown_phone_is_one_line_with_a_suggestion(parameters: Parameters) -> None:
    """The error has the name and the nearest declared one."""
    with pytest.raises(ParametersError, match="there is no phone 'ht8o1'; did you mean 'ht801'"):
        device_settings(parameters, "ht8o1")


def test_sample_network_has_settings_for_every_phone() -> None:
    """Each phone of the sample has settings, and a dial string if its make uses one."""
    sample = load_parameters(Path(__file__).parents[2] / "parameters" / "sample")
    every = [device_settings(sample, client) for client in sample.clients]
    assert {settings.model.key for settings in every} == set(MODELS)
    assert [bool(each.dial_string) for each in every] == [each.model.key not in ("linphone", "any") for each in every]
