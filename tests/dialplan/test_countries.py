"""Countries as prefixes of their numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from dialtone_nb.dialplan.countries import (
    RefusedBeginnings,
    allowed_regex,
    beginnings_regex,
    calling_code,
    possible_lengths,
    refused_beginnings,
)

TERRITORIES = ["PR", "VI", "GU", "AS", "MP"]
SAMPLE = frozenset(["US", "CA", "MX", *TERRITORIES])
SPECIAL = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER)
# What is allowed alone, or with others of its calling code.
ALLOWED = [
    *(["GB"], ["GB", "GG", "IM", "JE"], ["JE"], ["DE"], ["FR"], ["MX"], ["JP"], ["AU"], ["IT"], ["NO"], ["SJ"], ["KZ"]),
    *(["CN"], ["TH"], ["US"], ["CA"], ["PR", "JM"], sorted(SAMPLE)),
]


def lets_through(countries: Collection[str], number: str) -> bool:
    """Whether the number may be called if these countries are allowed."""
    refused = refused_beginnings(frozenset(countries))
    beginnings = (refused.elsewhere, refused.special, refused.unassigned)
    return bool(re.match(allowed_regex(countries), number)) and not any(
        re.match(beginnings_regex(one), number) for one in beginnings
    )


def e164(number: PhoneNumber) -> str:
    """The number in E.164 form."""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def example_of(country: str) -> str:
    """libphonenumber's example number of a country, in E.164 form."""
    number = phonenumbers.example_number(country)
    assert number is not None
    return e164(number)


def countries_sharing(country: str) -> frozenset[str]:
    """All countries with the same calling code, including this one."""
    return frozenset(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[calling_code(country)])


def numbers_of(countries: Collection[str], seed: int) -> Iterator[str]:
    """Numbers of all types under the calling codes of some countries, and others that differ in a digit or two."""
    chance = random.Random(seed)
    for region in sorted({other for country in countries for other in countries_sharing(country)}):
        for kind in PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            for _ in range(40):
                digits = list(str(example.national_number))
                for _ in range(chance.choice((1, 2, 4))):
                    digits[chance.randrange(len(digits))] = chance.choice("0123456789")
                yield f"+{calling_code(region)}{''.join(digits)}"


@pytest.mark.parametrize("countries", ALLOWED, ids=" ".join)
def test_the_beginnings_say_what_libphonenumber_says_of_whole_numbers(countries: list[str]) -> None:
    """Numbers of the allowed countries are called, except premium ones; other countries' are not."""
    seen = set()
    for number in numbers_of(countries, seed=7):
        parsed = phonenumbers.parse(number)
        region, kind = phonenumbers.region_code_for_number(parsed), phonenumbers.number_type(parsed)
        # What libphonenumber reads in another way than it stands, or does not know, is none of these; nor is Canada's
        # 310, which has seven digits and is not dialled with +1.
        if region is None or e164(parsed) != number or not phonenumbers.is_valid_number(parsed) or len(number) == 9:
            continue
        is_toll_free = kind == PhoneNumberType.TOLL_FREE
        is_canadian_service = number.startswith("+1600")
        expected = (region in countries or is_toll_free) and kind not in SPECIAL and not is_canadian_service
        if is_toll_free and region not in countries:
            continue  # any country of the calling code may have it; the next test looks at +1's
        assert lets_through(countries, number) == expected, (number, region, kind)
        seen.add(expected)
    assert True in seen


@pytest.mark.parametrize("country", ["US", "CA", "PR", "JM"])
def test_toll_free_numbers_are_called_from_everywhere_under_1(country: str) -> None:
    """They belong to no country of the numbering plan, and cost nothing."""
    assert all(lets_through([country], f"+1{code}5550123") for code in (800, 833, 844, 855, 866, 877, 888))


@pytest.mark.parametrize("country", sorted(countries_sharing("US")))
def test_countries_under_1_are_told_apart(country: str) -> None:
    """libphonenumber's example number of each country under +1 passes only if that country is allowed."""
    example = example_of(country)
    others = sorted(countries_sharing("US") - {country})
    assert lets_through([country, "MX"], example)
    assert not lets_through([*others, "MX"], example)


@pytest.mark.parametrize(
    ("countries", "numbers"),
    [
        (["GB"], ["+449012345678", "+447012345678", "+448431234567", "+448712345678", "+441481960194"]),
        (["DE"], ["+499001234567", "+491801234567", "+4970012345678", "+491371234567"]),
        (["FR"], ["+33891234567", "+33820123456"]),
        (["MX"], ["+529001234567", "+523001234567", "+525001234567"]),
        (sorted(SAMPLE), [f"+1{code}5550123" for code in (500, 521, 522, 529, 532, 533, 544, 566, 577, 588, 622, 633)]),
        (sorted(SAMPLE), [f"+1{code}5550123" for code in (600, 700, 710, 456, 211, 370, 911, 976, 988, 933, 999)]),
        (["US"], ["+16225550123", "+16005550123", "+16045550123", "+18765550123"]),
    ],
)
def test_what_costs_more_and_what_nobody_has_is_refused(countries: list[str], numbers: list[str]) -> None:
    """Premium rate, shared cost and personal numbers, unassigned codes, and other countries."""
    assert [number for number in numbers if lets_through(countries, number)] == []


@pytest.mark.parametrize("country", ["MX", "GB", "DE", "JP", "AU"])
def test_calling_codes(country: str) -> None:
    """A country outside the allowed ones is named by its calling code."""
    example = example_of(country)
    assert lets_through([country], example)
    assert not lets_through(["US", "CA"], example)


def test_other_countries_under_1_of_the_sample() -> None:
    """With the American territories allowed, area codes of the Caribbean and Atlantic countries are foreign."""
    beginnings = beginnings_regex(refused_beginnings(SAMPLE).elsewhere)
    codes = [str(code) for code in range(200, 1000) if re.match(beginnings, f"+1{code}")]
    assert codes == [
        *("242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664"),
        *("721", "758", "767", "784", "809", "829", "849", "868", "869", "876"),
    ]


def test_the_table_stays_small() -> None:
    """A country's expressions take less than two kilobytes, even if the last digits decide about prices (China)."""
    sizes = [_size(country) for country in ("US", "CA", "GB", "DE", "FR", "IT", "MX", "JP", "SJ", "CN")]
    assert max(sizes) < 2000
    assert sorted(sizes)[len(sizes) // 2] < 400


def _size(country: str) -> int:
    refused: RefusedBeginnings = refused_beginnings(frozenset([country]))
    return sum(len(beginnings_regex(one)) for one in (refused.elsewhere, refused.special, refused.unassigned))


def test_nothing_is_elsewhere_where_all_are_allowed() -> None:
    """If all countries of a calling code are allowed, none of its numbers is foreign."""
    assert refused_beginnings(countries_sharing("US")).elsewhere == ()
    assert refused_beginnings(frozenset(["MX"])).elsewhere == ()


def test_no_beginnings_take_nothing() -> None:
    """The expression of no prefixes matches no number, and that of several only numbers with one of them."""
    assert not re.match(beginnings_regex([]), "+15035550199")
    beginnings = [("1", "9", "0", "0"), ("1", "5", "24", "0123456789", "0123456789"), ("1", "5", "3", "$")]
    assert beginnings_regex(beginnings) == r"^\+1(?:5(?:[24][0-9]{2}|3$)|900)"


@pytest.mark.parametrize(
    ("code", "digits", "is_possible"), [(1, 10, True), (1, 3, False), (44, 3, False), (44, 9, True)]
)
def test_possible_lengths(code: int, digits: int, is_possible: bool) -> None:
    """The possible numbers of digits after the calling code."""
    assert (digits in possible_lengths(code)) == is_possible
