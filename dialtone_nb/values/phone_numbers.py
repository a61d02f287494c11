"""Phone numbers in E.164 form, as libphonenumber knows them."""

from __future__ import annotations

import re

import phonenumbers

# What may be a number in any text: with separators where a plus sign or the American grouping tells, else seven digits.
# A SID, a hash and the beginning of one (as pages cut them) have digits enough, and are none.
NUMBER = re.compile(
    r"(?P<sid>[A-Z]{2}[0-9a-f]{32}|(?<![0-9A-Za-z])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{12}(?=…)))"
    r"|\+\d(?:[ ().-]{0,2}\d){6,14}|(?<!\d)\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\d)|\d{7,}"
)
DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def is_e164(text: str) -> bool:
    """Whether this is a plus sign and 7 to 15 digits, in ASCII, and nothing else."""
    return E164.fullmatch(text) is not None


def country_of(number: str) -> str:
    """The ISO 3166 country of an E.164 number, such as "US"; empty where the number belongs to none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


def is_valid_number(number: str) -> bool:
    """Whether an E.164 number is one that its country has given out, or may."""
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number)))
    except phonenumbers.NumberParseException:
        return False


def example_number(country: str, *, premium: bool = False) -> str:
    """A number of a country for examples, in E.164, fictional where its plan keeps some; empty where none is known."""
    if phonenumbers.country_code_for_region(country) == 1:
        return "+19005550199" if premium else "+15035550199"
    kind = phonenumbers.PhoneNumberType.PREMIUM_RATE if premium else phonenumbers.PhoneNumberType.FIXED_LINE
    found = phonenumbers.example_number_for_type(country, kind)
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164) if found else ""


def spellings(number: str, country: str) -> tuple[str, ...]:
    """How people of a country dial a number: as they write it, in full from there, and with a plus sign."""
    parsed = phonenumbers.parse(number)
    written = [phonenumbers.format_out_of_country_calling_number(parsed, country)]
    if country_of(number) == country or phonenumbers.country_code_for_region(country) == parsed.country_code:
        written.insert(0, phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))
    return tuple(dict.fromkeys([*("".join(filter(str.isdecimal, one)) for one in written), number]))


def is_toll_free(number: str) -> bool:
    """Whether an E.164 number is one that costs its caller nothing, such as +1 800 …."""
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
    return bool(kind == phonenumbers.PhoneNumberType.TOLL_FREE)


def format_number(number: str) -> str:
    """A number as people of its country write it, with the country code: "+1 503-555-0101"."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def mask_number(number: str) -> str:
    """A number with its last four digits hidden: "+1503555••••"; shorter strings keep nothing but their length."""
    digits = number.removeprefix("+")
    if not digits.isdigit() or len(digits) < 7:
        return "•" * len(number)
    return number[:-4] + "••••"


def mask_numbers(text: str) -> str:
    """A text with the last four digits of every number in it hidden; SIDs and days such as 20260302 stay."""
    return NUMBER.sub(lambda found: found[0] if found["sid"] or DAY.fullmatch(found[0]) else _hide(found[0]), text)


def hide_numbers(text: str) -> str:
    """A text with nothing of every number in it but its last two digits: "…07"; SIDs and days stay."""
    return NUMBER.sub(lambda found: found[0] if found["sid"] or DAY.fullmatch(found[0]) else f"…{found[0][-2:]}", text)


def _hide(number: str) -> str:
    return re.sub(r"\d(?=(?:\D*\d){0,3}\D*$)", "•", number)
