"""Phone numbers in E.164 form, as libphonenumber knows them."""

from __future__ import annotations

import re

import phonenumbers

# What may be a number in any text: with separators where a plus sign or the American grouping tells, else seven digits.
NUMBER = re.compile(
    r"(?P<sid>[A-Z]{2}[0-9a-f]{32})|\+\d(?:[ ().-]{0,2}\d){6,14}"
    r"|(?<!\d)\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\d)|\d{7,}"
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


def _hide(number: str) -> str:
    return re.sub(r"\d(?=(?:\D*\d){0,3}\D*$)", "•", number)
