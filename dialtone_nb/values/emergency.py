"""Emergency numbers, by the country that a phone is in: those that Twilio puts through."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from phonenumbers import PhoneMetadata

# Twilio's test line in North America: it reads the address back, and calls nobody.
TEST_LINE: Final = "933"
_NORTH_AMERICA: Final = ("911", TEST_LINE)
# Twilio puts a call through where its caller ID is of the same country as the emergency number (its changelog of
# 2021-12-16). The countries are those of its page on emergency calling for SIP interfaces (2026); the numbers are each
# country's own, and GB's 999 and 112 are on that page too. Neither has 112 for the United States. The territories have
# +1 numbers and 911; that Twilio serves them as it does the states is assumed. Two-digit numbers (FR 15, 17, 18) would
# have to be dialled otherwise: a rule says `emergency: "112"` for them.
EMERGENCY_NUMBERS: Final = MappingProxyType(
    {
        **dict.fromkeys(("US", "CA", "PR", "VI", "GU", "AS", "MP"), _NORTH_AMERICA),
        "GB": ("999", "112"),
        "AU": ("000", "112"),
        "IE": ("112", "999"),
        "FR": ("112",),
        "DE": ("112", "110"),
        "AT": ("112", "133", "144", "122"),
    }
)
# One number for police, fire brigade and ambulance, as most countries have it.
FOR_EVERYTHING: Final = ("112", "911")
# Where Twilio registers an address for a number; elsewhere emergency calls go without (the same page).
ADDRESSES_IN: Final = frozenset({"US", "CA", "GB"})
# What a person dials who is in need, anywhere: where it is not the phone's own country's, the person hears which is.
KNOWN: Final = frozenset(number for numbers in EMERGENCY_NUMBERS.values() for number in numbers) - {TEST_LINE}


def emergency_number(country: str) -> str:
    """What to dial in an emergency there, on whatever telephone: Twilio's first, else as libphonenumber knows it.

    Its example is any of a country's, such as Mexico's 060, which is no more, or Spain's 085, a fire brigade's: the one
    number for everything comes before it where there is one.
    """
    if numbers := EMERGENCY_NUMBERS.get(country):
        return numbers[0]
    metadata = PhoneMetadata.short_metadata_for_region(country)
    if metadata is None or metadata.emergency is None:
        return "112"
    known = re.compile(emergency_numbers_regex(country))
    return next(filter(known.fullmatch, FOR_EVERYTHING), str(metadata.emergency.example_number))


def emergency_numbers_regex(country: str) -> str:
    """A regular expression for all emergency numbers that libphonenumber knows of a country; empty if it knows none."""
    metadata = PhoneMetadata.short_metadata_for_region(country)
    pattern = metadata.emergency.national_number_pattern if metadata and metadata.emergency else None
    return (pattern or "").replace(r"\d", "[0-9]")


def countries_of(number: str) -> list[str]:
    """Where this is an emergency number that Twilio puts through, in alphabetical order."""
    return sorted(country for country, numbers in EMERGENCY_NUMBERS.items() if number in numbers)
