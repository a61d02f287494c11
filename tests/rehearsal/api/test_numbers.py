"""Available and owned numbers, addresses, and emergency registration, with Twilio's own client."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from dialtone_nb.rehearsal.api.available_phone_numbers import contains_pattern, stock
from dialtone_nb.rehearsal.http.errors import Refusal
from tests.rehearsal.doors import Door
from tests.rehearsal.network import BOTH

HALL = ("Community Hall", "240 Alder Street", "Portland", "OR", "97205", "US")


def refusal(run: Any) -> tuple[int, int]:
    """The status and code of an error."""
    with pytest.raises(TwilioRestException) as raised:
        run()
    return raised.value.status, raised.value.code


@pytest.fixture
def address(client: Client) -> str:
    """The SID of an address that is enabled for emergency calling."""
    return str(client.addresses.create(*HALL, emergency_enabled=True, friendly_name="lobby").sid)


@pytest.fixture
def number(client: Client) -> Any:
    """The context of a number that the account owns."""
    return client.incoming_phone_numbers(client.incoming_phone_numbers.create(phone_number="+15035550103").sid)


def test_only_fictional_numbers_are_for_sale() -> None:
    """Every available number is 555-0100 to 555-0199; area code 503 has all hundred."""
    numbers = stock("US") + stock("CA")
    assert all(re.fullmatch(r"\+1[2-9][0-9]{2}55501[0-9]{2}", number) for number in numbers)
    assert sum(number.startswith("+1503") for number in numbers) == 100


@pytest.mark.parametrize("number", ["+15035551234", "+442079460018", "+33123456789", "+819012345678"])
def test_any_number_that_there_can_be_is_sold_by_its_digits(client: Client, number: str) -> None:
    """One's own network can be rehearsed with its numbers, of any country; they are found by their digits only."""
    assert client.available_phone_numbers("US").local.list(contains=number.lstrip("+")[-10:]) == []
    assert client.incoming_phone_numbers.create(phone_number=number).phone_number == number
    assert refusal(lambda: client.incoming_phone_numbers.create(phone_number=number)) == (400, 21422)


@pytest.mark.parametrize("number", ["+15031115555", "+1503555", "+44207946001822", "+999123456789"])
def test_a_number_that_there_can_not_be_is_not_sold(client: Client, number: str) -> None:
    """It is never available."""
    assert refusal(lambda: client.incoming_phone_numbers.create(phone_number=number)) == (400, 21422)


def test_home_may_be_called_wherever_it_is(client: Client) -> None:
    """A country in which a new account owns a number may be called; others may not."""
    britain = client.voice.v1.dialing_permissions.countries("GB")
    assert not britain.fetch().low_risk_numbers_enabled
    client.incoming_phone_numbers.create(phone_number="+442079460018")
    assert britain.fetch().low_risk_numbers_enabled
    assert not client.voice.v1.dialing_permissions.countries("FR").fetch().low_risk_numbers_enabled


def test_countries_have_their_names_and_codes_and_nothing_else_is_read_for_them() -> None:
    """What libphonenumber knows of the world's places and numbers would take a second and a half of every verify."""
    program = """
import sys
from phonenumbers import SUPPORTED_REGIONS, country_code_for_region
from dialtone_nb.rehearsal.api.dialing_permissions import CODES, _name
print([_name(country) for country in ("US", "GB", "JE", "BL", "ZZ")])
codes = [CODES[country] for country in sorted(SUPPORTED_REGIONS)]
print([name for name in sys.modules if name.startswith(("phonenumbers.geodata", "phonenumbers.data.region"))])
print(codes == [country_code_for_region(country) for country in sorted(SUPPORTED_REGIONS)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names, read, same = done.stdout.splitlines()
    assert names == "['United States', 'United Kingdom', 'Jersey', 'Saint Barthélemy', 'ZZ']"
    assert (read, same) == ("[]", "True")


@given(st.text(max_size=20))
def test_a_search_pattern_is_a_pattern_or_a_refusal(text: str) -> None:
    """Any value of Contains is a pattern, or an error with a code."""
    try:
        assert contains_pattern(text).search("+15035550199") is not NotImplemented
    except Refusal as refused:
        assert refused.code == 21421


def test_search_by_area_code_and_digits(client: Client) -> None:
    """A search by area code and digits returns matching numbers, with location and capabilities."""
    (found,) = client.available_phone_numbers("US").local.list(area_code=503, contains="5550103")
    assert (found.phone_number, found.friendly_name) == ("+15035550103", "(503) 555-0103")
    assert (found.locality, found.region, found.address_requirements) == ("Portland", "OR", "none")
    assert found.capabilities["voice"] is True


@pytest.mark.parametrize("contains", ["5", "5*5", "55501036666777788"])
def test_search_with_a_wrong_pattern_is_refused(client: Client, contains: str) -> None:
    """One digit, a wildcard in the middle, or over sixteen characters give 400."""
    with pytest.raises(TwilioException):
        client.available_phone_numbers("US").local.list(contains=contains)


def test_search_in_other_countries(client: Client, door: Door) -> None:
    """Canada has numbers, Great Britain none, and an unknown country gives 404."""
    assert client.available_phone_numbers("CA").local.list(limit=1)[0].iso_country == "CA"
    assert client.available_phone_numbers("GB").local.list() == []
    assert door.classic("GET", "/AvailablePhoneNumbers/XX/Local.json").status_code == 404
    assert door.classic("GET", "/AvailablePhoneNumbers/US/Mobile.json").status_code == 404


def test_owned_number_is_for_sale_no_more(client: Client, number: Any) -> None:
    """An owned number is not available and can't be bought (21422) until it is released."""
    search = client.available_phone_numbers("US").local
    assert search.list(contains="5035550103") == []
    assert refusal(lambda: client.incoming_phone_numbers.create(phone_number="+15035550103")) == (400, 21422)
    assert number.delete()
    assert len(search.list(contains="5035550103")) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"voice_url": "nowhere"}, 21402),
        ({"voice_method": "PUT"}, 21403),
        ({"voice_fallback_url": "https://example.com"}, 21405),
        ({"voice_application_sid": "AP" + "0" * 32}, 21420),
        ({"friendly_name": "x" * 65}, 20001),
    ],
)
def test_number_with_a_wrong_field_is_refused(number: Any, options: dict[str, str], code: int) -> None:
    """An invalid field gives its own code, and changes nothing."""
    assert refusal(lambda: number.update(**options)) == (400, code)
    assert number.fetch().voice_url == ""


def test_number_is_pointed_at_a_url_and_away(number: Any) -> None:
    """A voice URL is set, kept by other updates, and cleared by an empty value."""
    assert number.update(voice_url="https://example.com/in").voice_url == "https://example.com/in"
    assert number.update(friendly_name="Lobby").voice_url == "https://example.com/in"
    assert number.update(voice_url="").voice_url == ""


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"phone_number": "+15035550103"}, 1),
        ({"phone_number": "503555"}, 1),
        ({"phone_number": "5***550103"}, 1),
        ({"phone_number": "999"}, 0),
        ({"friendly_name": "(503) 555-0103"}, 1),
        ({"friendly_name": "other"}, 0),
        ({"origin": "hosted"}, 0),
    ],
)
def test_numbers_are_filtered(client: Client, number: Any, filters: dict[str, str], count: int) -> None:
    """By part of the number with * for a digit, and by friendly name."""
    assert number
    assert len(client.incoming_phone_numbers.list(**filters)) == count


def test_emergency_address_registers_in_its_own_time(number: Any, address: str) -> None:
    """Its status is pending-registration for two reads, then registered."""
    assert number.update(emergency_address_sid=address).emergency_address_status == "pending-registration"
    assert [number.fetch().emergency_address_status for _ in range(2)] == ["pending-registration", "registered"]
    assert number.fetch().emergency_status == "Active"


@BOTH
def test_emergency_address_of_a_purchase(client: Client, address: str, twilio: str) -> None:
    """It is ignored as recorded, or registered in time as documented."""
    number = client.incoming_phone_numbers.create(phone_number="+15035550104", emergency_address_sid=address)
    status = "pending-registration" if twilio == "documented" else "unregistered"
    assert number.emergency_address_status == status
    assert number.emergency_address_sid == (address if twilio == "documented" else None)


def test_emergency_address_registers_while_time_passes(number: Any, address: str, door: Door) -> None:
    """After a minute the first read shows it as registered."""
    number.update(emergency_address_sid=address)
    door.control("POST", "/clock", json={"advance_s": 61})
    assert number.fetch().emergency_address_status == "registered"


def test_number_with_an_emergency_address_is_not_released(number: Any, address: str, client: Client) -> None:
    """The number can be released once unregistration, which takes time, is complete."""
    number.update(emergency_address_sid=address)
    assert refusal(number.delete)[0] == 400
    client.incoming_phone_numbers.list()
    client.incoming_phone_numbers.list()
    assert refusal(number.delete)[0] == 400
    assert number.update(emergency_address_sid="").emergency_address_status == "pending-unregistration"
    assert refusal(number.delete)[0] == 400
    assert [number.fetch().emergency_address_status for _ in range(2)] == ["pending-unregistration", "unregistered"]
    assert number.fetch().emergency_address_sid is None
    assert number.delete()


def test_emergency_address_is_cleared_before_another_is_set(client: Client, number: Any, address: str) -> None:
    """Replacing a registered address is an error; setting the same one has no effect."""
    other = client.addresses.create("Other", "1 Other Street", *HALL[2:], emergency_enabled=True).sid
    number.update(emergency_address_sid=address)
    assert refusal(lambda: number.update(emergency_address_sid=other))[0] == 400
    assert number.update(emergency_address_sid=address).emergency_address_status == "pending-registration"


def test_plain_address_is_no_emergency_address(client: Client, number: Any) -> None:
    """An address without emergency_enabled is rejected, and an unknown one gives 404."""
    plain = client.addresses.create(*HALL).sid
    assert refusal(lambda: number.update(emergency_address_sid=plain))[0] == 400
    assert refusal(lambda: number.update(emergency_address_sid="AD" + "0" * 32)) == (404, 20404)


def test_address_is_corrected_or_refused(client: Client) -> None:
    """An emergency address is corrected; with AutoCorrectAddress=false 21629 has the suggestion."""
    sloppy = ("Hall", "240  Alder Street", "Portland", "oregon", "97205", "US")
    made = client.addresses.create(*sloppy, emergency_enabled=True)
    assert (made.street, made.region, made.validated) == ("240 Alder Street", "OR", True)
    with pytest.raises(TwilioRestException, match="Suggested address: 240 Alder Street, Portland, OR") as raised:
        client.addresses.create(*sloppy, emergency_enabled=True, auto_correct_address=False)
    assert raised.value.code == 21629


@pytest.mark.parametrize(
    "address",
    [
        ("Hall", "Alder Street", "Portland", "OR", "97205", "US"),
        ("Hall", "240 Alder Street", "Portland", "Atlantis", "97205", "US"),
        ("Hall", "240 Alder Street", "Portland", "OR", "9720", "US"),
        ("Hall", "1 Hlavna ulica", "Bratislava", "BL", "81101", "SK"),
        ("Hall", "1 Maple Street", "Toronto", "ON", "12345", "CA"),
    ],
)
def test_impossible_emergency_address_is_refused(client: Client, address: tuple[str, ...]) -> None:
    """No house number, an unknown state, a wrong postal code, or an unsupported country give 21628."""
    assert refusal(lambda: client.addresses.create(*address, emergency_enabled=True)) == (400, 21628)


def test_incomplete_address_is_refused(door: Door) -> None:
    """All required parts of an address must be given."""
    response = door.classic("POST", "/Addresses.json", data={"CustomerName": "Hall"})
    assert (response.status_code, response.json()["code"]) == (400, 20001)


def test_addresses_are_filtered(client: Client, address: str) -> None:
    """By friendly name, customer, country, and whether they are emergency addresses."""
    client.addresses.create(*HALL, friendly_name="plain")
    assert [one.sid for one in client.addresses.list(friendly_name="lobby")] == [address]
    assert [one.sid for one in client.addresses.list(emergency_enabled=True)] == [address]
    assert len(client.addresses.list(customer_name="Community Hall")) == 2
    assert client.addresses.list(iso_country="CA") == []


def test_address_in_use_is_not_deleted(client: Client, number: Any, address: str) -> None:
    """An address that a number requires can't be deleted; an unused one can."""
    number.update(emergency_address_sid=address)
    (dependent,) = client.addresses(address).dependent_phone_numbers.list()
    assert dependent.phone_number == "+15035550103"
    assert refusal(client.addresses(address).delete)[0] == 400
    free = client.addresses.create(*HALL).sid
    assert client.addresses(free).delete()


def test_address_is_updated_and_checked_again(client: Client, address: str) -> None:
    """A changed emergency address is validated like a new one."""
    assert client.addresses(address).update(street="12 Quill Lane").street == "12 Quill Lane"
    assert refusal(lambda: client.addresses(address).update(postal_code="x")) == (400, 21628)
