"""Countries -> how their numbers begin, so that no phone number library is needed when a call comes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import Final

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

# Twenty-five countries share +1, the North American Numbering Plan, and are told apart by area code.
NANP: Final = 1
AREA_CODES: Final = tuple(str(code) for code in range(200, 1000))
# An area code's owner is asked of a few exchanges, for some numbers are known to libphonenumber by exchange only.
_EXCHANGES: Final = ("234", "345", "456", "678", "892")


def is_country(code: str) -> bool:
    """Whether this is an ISO 3166 code of a country that has telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def countries_sharing(country: str) -> frozenset[str]:
    """All countries with the same calling code, itself included."""
    return frozenset(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[calling_code(country)])


def told_apart_by_nothing(country: str) -> frozenset[str]:
    """The countries that come along with this one, having its calling code; under +1 area codes tell."""
    sharing = countries_sharing(country)
    return frozenset({country}) if "US" in sharing else sharing


def calling_codes() -> tuple[int, ...]:
    """Every calling code there is, of countries and of services."""
    return tuple(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


def calling_code(country: str) -> int:
    """A country's calling code, such as 52 for MX."""
    return int(phonenumbers.country_code_for_region(country))


def allowed_regex(countries: Iterable[str]) -> str:
    """What an E.164 number of these countries begins with, by calling code; no calling code begins another."""
    codes = sorted({str(calling_code(country)) for country in countries})
    return rf"^\+(?:{'|'.join(codes)})"


def refused_regex(countries: Collection[str]) -> str:
    """What numbers of other countries under +1 begin with: the area codes of all that are not among these."""
    refused = refused_area_codes(countries)
    # An empty alternative would take everything; (?!) takes nothing.
    return rf"^\+{NANP}(?:{'|'.join(refused)})" if refused else "^(?!)"


def refused_area_codes(countries: Collection[str]) -> list[str]:
    """The area codes whose country is not among these; none where no country of +1 is among them."""
    if not countries_sharing("US") & set(countries):
        return []
    needs_probing = not {"US", "CA"} <= set(countries)
    return [code for code in AREA_CODES if _owner(code, probe=needs_probing) not in countries]


@cache
def _owner(area_code: str, *, probe: bool) -> str:
    """The country of an area code; one not given out yet counts as the main country's, where new ones mostly go."""
    by_leading_digits = _leading_digits()
    if area_code in by_leading_digits:
        return by_leading_digits[area_code]
    if probe and any(_region_of(area_code + exchange + "2345") == "CA" for exchange in _EXCHANGES):
        return "CA"
    return "US"


@cache
def _leading_digits() -> dict[str, str]:
    """The area codes that libphonenumber knows by leading digits: those of all under +1 but the US and Canada."""
    owners = {}
    for country in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[NANP]:
        metadata = PhoneMetadata.metadata_for_region(country)
        if metadata is not None and metadata.leading_digits:
            digits = re.compile(metadata.leading_digits)
            owners.update({code: country for code in AREA_CODES if digits.fullmatch(code)})
    return owners


def _region_of(national_number: str) -> str:
    number = phonenumbers.PhoneNumber(country_code=NANP, national_number=int(national_number))
    return phonenumbers.region_code_for_number(number) or ""
