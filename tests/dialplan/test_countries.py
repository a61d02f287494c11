"""Countries as the beginnings of their numbers."""

from __future__ import annotations

import re

import phonenumbers
import pytest

from dialtone_nb.dialplan.countries import (
    allowed_regex,
    countries_sharing,
    refused_area_codes,
    refused_regex,
    told_apart_by_nothing,
)

TERRITORIES = ["PR", "VI", "GU", "AS", "MP"]


def lets_through(countries: list[str], number: str) -> bool:
    """Whether the number may be called where these countries are allowed."""
    return bool(re.match(allowed_regex(countries), number)) and not re.match(refused_regex(countries), number)


@pytest.mark.parametrize("country", sorted(countries_sharing("US")))
def test_countries_under_1_are_told_apart(country: str) -> None:
    """Libphonenumber's example number of each country under +1 passes where that country is allowed, and only there."""
    example = phonenumbers.format_number(phonenumbers.example_number(country), phonenumbers.PhoneNumberFormat.E164)
    others = sorted(countries_sharing("US") - {country})
    assert lets_through([country, "MX"], example)
    assert not lets_through([*others, "MX"], example)


@pytest.mark.parametrize("country", ["MX", "GB", "DE", "JP", "AU"])
def test_calling_codes(country: str) -> None:
    """A country elsewhere is told by its calling code."""
    example = phonenumbers.format_number(phonenumbers.example_number(country), phonenumbers.PhoneNumberFormat.E164)
    assert lets_through([country], example)
    assert not lets_through(["US", "CA"], example)


def test_area_codes_of_the_sample() -> None:
    """With the American territories allowed, what is refused is the Caribbean and Atlantic countries' 21 area codes."""
    assert refused_area_codes(["US", "CA", *TERRITORIES]) == [
        *("242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664"),
        *("721", "758", "767", "784", "809", "829", "849", "868", "869", "876"),
    ]


def test_nothing_is_refused_where_all_are_allowed() -> None:
    """Where every country under +1 is allowed, or none, no area code is refused."""
    assert refused_area_codes(sorted(countries_sharing("US"))) == []
    assert refused_area_codes(["MX"]) == []
    assert not re.match(refused_regex(["MX"]), "+15035550199")


def test_shared_calling_codes() -> None:
    """Guernsey, Jersey and Man come along with the United Kingdom; Canada does not with the United States."""
    assert told_apart_by_nothing("GB") == {"GB", "GG", "JE", "IM"}
    assert told_apart_by_nothing("US") == {"US"}
    assert told_apart_by_nothing("MX") == {"MX"}
