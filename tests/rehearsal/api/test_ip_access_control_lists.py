"""IP access control lists: their errors, and the calls that they admit."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.rehearsal.doors import Door, add_phone

DOMAIN = "guarded.sip.twilio.com"
PHONES_COME_FROM = "192.0.2.10"


def new_list(client: Client, name: str = "office", **address: Any) -> str:
    """The SID of a new list with one address."""
    made = client.sip.ip_access_control_lists.create(friendly_name=name)
    if address:
        client.sip.ip_access_control_lists(made.sid).ip_addresses.create(friendly_name="desk", **address)
    return str(made.sid)


def refused(code: int) -> Any:
    """Expect Twilio's client to raise this code."""
    return pytest.raises(TwilioRestException, check=lambda error: error.code == code)


@pytest.mark.parametrize(
    ("address", "heard"),
    [
        ({"ip_address": PHONES_COME_FROM}, None),
        ({"ip_address": "192.0.2.200", "cidr_prefix_length": 24}, None),
        ({"ip_address": "192.0.2.11"}, 32201),
        ({"ip_address": "198.51.100.1", "cidr_prefix_length": 24}, 32201),
    ],
)
def test_both_credentials_and_address_must_pass(
    client: Client, door: Door, address: dict[str, Any], heard: int | None
) -> None:
    """Valid credentials are accepted from a listed address or range, and get 32201 from elsewhere."""
    domain = add_phone(client, "lobby", DOMAIN)
    client.sip.domains(domain).auth.calls.ip_access_control_list_mappings.create(new_list(client, **address))
    assert set(client.sip.domains(domain).fetch().auth_type.split(",")) == {"IP_ACL", "CREDENTIAL_LIST"}
    told = door.call(client="lobby", dial="5035550199")
    assert (32201 in [alert["code"] for alert in told["alerts"]]) == (heard == 32201)
    assert (told["call_sid"] is None) == (heard == 32201)


def test_addresses_alone_are_no_rehearsed_way_in(client: Client, door: Door) -> None:
    """Twilio admits calls to a domain without credentials by address; here that is not modelled and rejected."""
    domain = client.sip.domains.create(domain_name=DOMAIN)
    listed = new_list(client, ip_address=PHONES_COME_FROM)
    client.sip.domains(domain.sid).auth.calls.ip_access_control_list_mappings.create(listed)
    assert client.sip.domains(domain.sid).fetch().auth_type == "IP_ACL"
    told = door.call(client="lobby", dial="5035550199", domain=DOMAIN)
    assert told["code"] == 20501
    assert DOMAIN in told["message"]


def test_both_addresses_of_mappings_share_one_store(client: Client) -> None:
    """A mapping created under either path is visible under both."""
    domain = client.sip.domains(client.sip.domains.create(domain_name=DOMAIN).sid)
    listed = new_list(client)
    domain.ip_access_control_list_mappings.create(listed)
    with refused(21231):
        domain.auth.calls.ip_access_control_list_mappings.create(listed)
    assert [one.sid for one in domain.auth.calls.ip_access_control_list_mappings.list()] == [listed]


def test_a_mapped_list_stays(client: Client) -> None:
    """Deleting a mapped list is 21236; without mappings it succeeds."""
    domain = client.sip.domains(client.sip.domains.create(domain_name=DOMAIN).sid)
    listed = new_list(client)
    domain.ip_access_control_list_mappings.create(listed)
    with refused(21236):
        client.sip.ip_access_control_lists(listed).delete()
    assert domain.ip_access_control_list_mappings(listed).delete()
    assert client.sip.ip_access_control_lists(listed).delete()


def test_names_and_addresses_are_unique_and_sound(client: Client) -> None:
    """A duplicate name or address is 21235, an invalid address or prefix 21238, the 26th address 21237."""
    addresses = client.sip.ip_access_control_lists(new_list(client, ip_address="192.0.2.1")).ip_addresses
    with refused(21235):
        new_list(client)
    with refused(21235):
        addresses.create(friendly_name="again", ip_address="192.0.2.1")
    for wrong in ({"ip_address": "2001:db8::1"}, {"ip_address": "192.0.2.2", "cidr_prefix_length": 33}):
        with refused(21238):
            addresses.create(friendly_name="wrong", **wrong)
    for number in range(2, 26):
        addresses.create(friendly_name="more", ip_address=f"192.0.2.{number}")
    with refused(21237):
        addresses.create(friendly_name="too many", ip_address="192.0.2.26")
