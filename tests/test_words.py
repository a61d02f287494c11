"""Basic values: SIDs, SIP URIs, phone numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.values.phone_numbers import (
    country_of,
    example_number,
    format_number,
    is_e164,
    is_valid_number,
    mask_number,
    spellings,
)
from dialtone_nb.values.sids import is_sid, short_sid
from dialtone_nb.values.sip import parse_sip_uri, sip_domain_name


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("sip:lobby@a-b.sip.twilio.com", ("lobby", "a-b.sip.twilio.com")),
        ("sip:%23@A-B.sip.twilio.com:5060", ("#", "a-b.sip.twilio.com")),
        ("<sips:911@a.b;transport=tls>", ("911", "a.b")),
        ('"Lobby" <sip:5035550199;phone-context=x@a.b:5061>', ("5035550199", "a.b")),
        ("sip:a.b", ("", "a.b")),
        ("tel:+15035550101", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_sip_uri_has_a_user_and_a_host(uri: str, parts: tuple[str, str]) -> None:
    """Both without escapes, parameters and port; other texts have neither."""
    assert parse_sip_uri(uri) == parts


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_reader_of_sip_uris(text: str) -> None:
    """Any text gives two strings, and a host no longer than the text."""
    user, host = parse_sip_uri(text)
    assert len(user) + len(host) <= 3 * len(text)


def test_an_environment_has_two_domains() -> None:
    """Their names differ by one word."""
    assert sip_domain_name("tin-can", "stage", emergency=True) == "tin-can-stage.sip.twilio.com"
    assert sip_domain_name("tin-can", "stage", emergency=False) == "tin-can-nonemergency-stage.sip.twilio.com"


@settings(deadline=None)
@given(st.text())
def test_only_ascii_digits_make_an_e164_number(text: str) -> None:
    """A plus sign and ASCII digits, not Unicode's other digits."""
    assert not is_e164(text) or (text.isascii() and text[0] == "+" and text[1:].isdigit())


@settings(deadline=None)
@given(st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True))
def test_a_masked_number_hides_its_last_four_digits(number: str) -> None:
    """The area code stays visible."""
    assert mask_number(number) == number[:-4] + "••••"


@pytest.mark.parametrize("short", ["", "911", "lobby", "+12", "anonymous"])
def test_what_is_no_number_is_masked_whole(short: str) -> None:
    """Short and unusual parties are hidden completely."""
    assert mask_number(short) == "•" * len(short)


def test_a_number_belongs_to_a_country_and_reads_as_people_write_it() -> None:
    """Both come from libphonenumber; an unknown number has no country and no formatting."""
    assert country_of("+525555550101") == "MX"
    assert country_of("+99912345") == ""
    assert format_number("+15035550101") == "+1 503-555-0101"
    assert format_number("no number") == "no number"


def test_a_sid_tells_its_kind() -> None:
    """Two letters for the type and 32 hexadecimal digits."""
    sid = "AC" + "0123456789abcdef" * 2
    assert is_sid(sid)
    assert is_sid(sid, "account")
    assert not is_sid(sid, "api_key")
    assert not is_sid(sid + "0")
    assert short_sid(sid) == "AC012345…"
    assert short_sid("a name") == "a name"


@pytest.mark.parametrize(
    ("number", "country", "dialled"),
    [
        ("+15035550199", "US", ("5035550199", "15035550199", "+15035550199")),
        ("+442079460018", "GB", ("02079460018", "+442079460018")),
        ("+442079460018", "US", ("011442079460018", "+442079460018")),
        ("+15035550199", "GB", ("0015035550199", "+15035550199")),
        ("+390612345678", "IT", ("0612345678", "+390612345678")),
    ],
)
def test_people_of_a_country_dial_a_number_their_way(number: str, country: str, dialled: tuple[str, ...]) -> None:
    """Nationally with the trunk prefix, internationally with the exit code or a plus sign."""
    assert spellings(number, country) == dialled


@pytest.mark.parametrize("country", ["US", "CA", "GB", "FR", "MX", "JM"])
def test_an_example_is_a_number_that_there_can_be(country: str) -> None:
    """Ordinary and premium, with the country's calling code."""
    numbers = [example_number(country), example_number(country, premium=True)]
    assert all(is_valid_number(number) for number in numbers if number)
    assert numbers[0]
    assert numbers[0] != numbers[1]
