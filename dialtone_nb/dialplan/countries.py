"""Countries -> regular expressions of how their numbers begin, so that deciding a call needs no phone number library.

The pinned libphonenumber defines which numbers are ordinary, which have special rates, and whose a number is. Its
regular expressions for whole numbers are turned into automata, and these into the shortest equivalent prefixes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, Final, TypeAlias

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

from dialtone_nb.dialplan.languages import NOTHING, Language, matching

# Twenty-five countries share +1, the North American Numbering Plan, and are told apart by area code.
NANP: Final = 1
# Beginnings are checked for being assigned at all only up to this many digits. Area codes have three digits under +1,
# and two or three in Mexico. Checking more would refuse new blocks of numbers in existing places for years.
AREA_CODE: Final = 3
DIGITS: Final = frozenset("0123456789")
# Kinds of numbers in libphonenumber's metadata, with ordinary and with special rates.
ORDINARY: Final = ("fixed_line", "mobile", "toll_free", "voip", "uan", "pager", "voicemail")
SPECIAL: Final = ("premium_rate", "shared_cost", "personal_number")
# Under +1 a number has an area code or is toll-free. Others have non-geographic codes (5XX, 6XX) with rates of their
# own; libphonenumber has Canada's 600 as "VoIP".
ORDINARY_IN_NANP: Final = ("fixed_line", "mobile", "toll_free")


# The digits at each place of a beginning: ("5", "23", "0123456789") for 52X and 53X. END marks the end of the number.
Beginning: TypeAlias = tuple[str, ...]
END: Final = "$"
_ANY_DIGITS: Final = re.compile(r"(?:\[0-9\]){2,}")


@dataclass(frozen=True, slots=True)
class RefusedBeginnings:
    """Beginnings, from the calling code on, of numbers that may not be called although the calling code is allowed."""

    # another country's, with the same calling code
    elsewhere: tuple[Beginning, ...] = ()
    # premium rate, shared cost, personal numbers
    special: tuple[Beginning, ...] = ()
    # area codes that nobody has been given
    unassigned: tuple[Beginning, ...] = ()


def is_country(code: str) -> bool:
    """Whether this is the ISO 3166 code of a country with telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def calling_codes() -> tuple[int, ...]:
    """All calling codes, of countries and of services."""
    return tuple(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


def calling_code(country: str) -> int:
    """A country's calling code, such as 52 for MX."""
    return int(phonenumbers.country_code_for_region(country))


def possible_lengths(code: int) -> tuple[int, ...]:
    """How many digits a number under a calling code can have after it."""
    return tuple(sorted({length for region in _regions(code) for length in _lengths(_metadata(region))}))


def allowed_regex(countries: Iterable[str]) -> str:
    """A regular expression for the calling codes of these countries; no calling code is a prefix of another."""
    codes = sorted({str(calling_code(country)) for country in countries})
    return rf"^\+(?:{'|'.join(codes)})"


def beginnings_regex(beginnings: Iterable[Beginning]) -> str:
    """A regular expression for all that begins with one of these, with common parts factored out, as in 1(?:20|3)."""
    drawn = _drawn_together(frozenset(beginnings))
    # An empty alternative would match everything; (?!) matches nothing.
    return _ANY_DIGITS.sub(lambda run: f"[0-9]{{{len(run[0]) // 5}}}", rf"^\+{drawn}") if drawn else "^(?!)"


@cache
def refused_beginnings(countries: frozenset[str]) -> RefusedBeginnings:
    """The refused beginnings under all calling codes of these allowed countries."""
    found = [_refused_under(code, countries) for code in sorted({calling_code(country) for country in countries})]
    return RefusedBeginnings(
        elsewhere=tuple(one for part in found for one in part.elsewhere),
        special=tuple(one for part in found for one in part.special),
        unassigned=tuple(one for part in found for one in part.unassigned),
    )


def _regions(code: int) -> tuple[str, ...]:
    """The countries of a calling code, in the order in which libphonenumber tries them."""
    return tuple(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code])


def _metadata(region: str) -> PhoneMetadata:
    """libphonenumber's metadata of a country."""
    return PhoneMetadata.metadata_for_region(region) or PhoneMetadata(region)


def _lengths(metadata: PhoneMetadata) -> tuple[int, ...]:
    """The possible numbers of digits of a country's numbers, without the calling code."""
    return tuple(metadata.general_desc.possible_length) if metadata.general_desc else ()


# --- whole numbers, as automata over their digits ---


def _refused_under(code: int, countries: frozenset[str]) -> RefusedBeginnings:
    """The refused beginnings under one calling code."""
    found = _Search(*_numbers_under(code, countries)).refused()
    return RefusedBeginnings(*(tuple((*str(code), *beginning) for beginning in kind) for kind in found))


def _numbers_under(code: int, countries: frozenset[str]) -> tuple[Language, Language, Language]:
    """The numbers under a calling code: ordinary in these countries, special in them, and those of other countries.

    A number that several countries claim belongs to the first of them, as in libphonenumber.
    """
    ordinary = special = elsewhere = NOTHING
    in_order = sorted(map(_metadata, _regions(code)), key=lambda one: _turn(one, one.id in countries))
    for is_allowed, of_some in groupby(in_order, key=lambda one: one.id in countries):
        metadata = list(of_some)
        if not is_allowed:
            elsewhere |= _automaton("|".join(f"({claim})" for one in metadata for claim in _claims(one)))
            continue
        toll_free = _language(metadata, ("toll_free",))
        at_special_prices = _language(metadata, SPECIAL) - toll_free
        called = _language(metadata, ORDINARY_IN_NANP if code == NANP else ORDINARY) - at_special_prices
        # Toll-free numbers belong to the whole calling code: all its countries can dial them.
        ordinary |= (called - elsewhere) | toll_free
        special |= at_special_prices - elsewhere
    return ordinary, special, elsewhere - ordinary


def _turn(metadata: PhoneMetadata, is_allowed: bool) -> int:
    """A country's turn: those without leading digits of their own come first, in libphonenumber's order.

    The others' leading digits are disjoint, so their order does not matter, and the allowed ones are grouped together.
    """
    return 1 + is_allowed if metadata.leading_digits else 0


def _claims(metadata: PhoneMetadata) -> Iterator[str]:
    """Expressions of all numbers of a country: those with its leading digits, or else those that it has assigned."""
    if metadata.leading_digits:
        yield rf"({metadata.leading_digits})\d{{0,{max(_lengths(metadata))}}}"
    else:
        yield from _expressions([metadata], (*ORDINARY, *SPECIAL))


def _language(metadata: Iterable[PhoneMetadata], kinds: Iterable[str]) -> Language:
    """All numbers of some kinds, as a language."""
    return _automaton("|".join(f"({one})" for one in dict.fromkeys(_expressions(metadata, kinds))))


def _expressions(metadata: Iterable[PhoneMetadata], kinds: Iterable[str]) -> Iterator[str]:
    """libphonenumber's expressions of some kinds of numbers, without those that a country does not have."""
    found = (getattr(one, kind) for one in metadata for kind in kinds)
    return (kind.national_number_pattern for kind in found if kind and kind.national_number_pattern)


@cache
def _automaton(expression: str) -> Language:
    """One of libphonenumber's expressions as a language."""
    return matching(expression) if expression else NOTHING


# --- the shortest beginnings that tell them apart ---


_NONE: Final[tuple[tuple[Beginning, ...], ...]] = ((), (), ())


class _Search:
    """Finds the shortest beginnings of no ordinary number, by reason, in the order of `RefusedBeginnings`.

    Many beginnings lead to the same states, and what is refused from there is computed only once.
    """

    def __init__(self, ordinary: Language, special: Language, elsewhere: Language) -> None:
        self._automata = (ordinary, special, elsewhere)
        self._known: dict[tuple[Any, ...], tuple[tuple[Beginning, ...], ...]] = {}

    def refused(self) -> tuple[tuple[Beginning, ...], ...]:
        """All refused beginnings, one tuple for each reason."""
        return self._after(0, *(automaton.first for automaton in self._automata))

    def _after(self, length: int, ordinary: Any, special: Any, elsewhere: Any) -> tuple[tuple[Beginning, ...], ...]:
        if ordinary is None:
            if special is not None:
                return (), ((),), ()
            if elsewhere is not None:
                return ((),), (), ()
            return ((), (), ((),)) if length <= AREA_CODE else _NONE
        if special is None and elsewhere is None and length >= AREA_CODE:
            return _NONE
        key = (min(length, AREA_CODE), ordinary, special, elsewhere)
        if key not in self._known:
            self._known[key] = self._searched(length, ordinary, special, elsewhere)
        return self._known[key]

    def _searched(self, length: int, *states: Any) -> tuple[tuple[Beginning, ...], ...]:
        alike: dict[tuple[tuple[Beginning, ...], ...], str] = defaultdict(str)
        for digit in sorted(DIGITS):
            after = [automaton.after(state, digit) for automaton, state in zip(self._automata, states, strict=True)]
            alike[self._after(length + 1, *after)] += digit
        found = [
            tuple((digits, *rest) for refused, digits in alike.items() for rest in refused[kind]) for kind in range(3)
        ]
        # A whole number with a special rate may also be the beginning of longer ordinary numbers.
        if states[1] in self._automata[1].whole:
            found[1] = ((END,), *found[1])
        return tuple(found)


@cache
def _drawn_together(beginnings: frozenset[Beginning]) -> str:
    """An expression for what begins with one of these; "" if there are none, or one of them is empty."""
    if () in beginnings:
        return ""
    following: dict[str, set[Beginning]] = defaultdict(set)
    for first, *rest in beginnings:
        following[first].add(tuple(rest))
    alike: dict[str, str] = defaultdict(str)
    ends = following.pop(END, None)
    for digits in sorted(following):
        alike[_drawn_together(frozenset(following[digits]))] += digits
    parts = [f"{_one_of(digits)}{rest}" for rest, digits in alike.items()] + ([END] if ends else [])
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})" if parts else ""


def _one_of(digits: str) -> str:
    if len(digits) == 1:
        return digits
    runs = "".join(sorted(digits))
    return f"[{runs[0]}-{runs[-1]}]" if len(runs) > 2 and runs in "0123456789" else f"[{runs}]"
