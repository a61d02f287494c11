"""Countries -> how their numbers begin, so that no phone number library is needed when a call comes.

What is an ordinary number, what costs a premium and whose a number is, is what the pinned libphonenumber says. Its
expressions of whole numbers are read as automata, and become the shortest beginnings that tell the same.
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
# How far a beginning is looked at for being given out at all. Area codes have three digits under +1 and, with two of
# three, in Mexico; further on, a new block of numbers would be refused for years in places that have always existed.
AREA_CODE: Final = 3
DIGITS: Final = frozenset("0123456789")
# Kinds of numbers in libphonenumber's metadata: those called like any number, and those that are not.
ORDINARY: Final = ("fixed_line", "mobile", "toll_free", "voip", "uan", "pager", "voicemail")
SPECIAL: Final = ("premium_rate", "shared_cost", "personal_number")
# Under +1 a number has an area code or is toll-free. The rest are codes without a place, 5XX and 6XX, at their own
# prices: libphonenumber has Canada's 600 as "VoIP".
ORDINARY_IN_NANP: Final = ("fixed_line", "mobile", "toll_free")


# The digits at each place of a beginning: ("5", "23", "0123456789") for 52X and 53X. END says that the number ends.
Beginning: TypeAlias = tuple[str, ...]
END: Final = "$"
_ANY_DIGITS: Final = re.compile(r"(?:\[0-9\]){2,}")


@dataclass(frozen=True, slots=True)
class RefusedBeginnings:
    """How numbers begin, from the calling code on, that may not be called though it is an allowed country's code."""

    # another country's, with the same calling code
    elsewhere: tuple[Beginning, ...] = ()
    # premium rate, shared cost, personal numbers
    special: tuple[Beginning, ...] = ()
    # area codes that nobody has been given
    unassigned: tuple[Beginning, ...] = ()


def is_country(code: str) -> bool:
    """Whether this is an ISO 3166 code of a country that has telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def countries_sharing(country: str) -> frozenset[str]:
    """All countries with the same calling code, itself included."""
    return frozenset(_regions(calling_code(country)))


def calling_codes() -> tuple[int, ...]:
    """Every calling code there is, of countries and of services."""
    return tuple(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


def calling_code(country: str) -> int:
    """A country's calling code, such as 52 for MX."""
    return int(phonenumbers.country_code_for_region(country))


def is_possible_length(code: int, digits: int) -> bool:
    """Whether some number under a calling code has this many digits after it."""
    return any(digits in _lengths(_metadata(region)) for region in _regions(code))


def allowed_regex(countries: Iterable[str]) -> str:
    """What an E.164 number of these countries begins with, by calling code; no calling code begins another."""
    codes = sorted({str(calling_code(country)) for country in countries})
    return rf"^\+(?:{'|'.join(codes)})"


def beginnings_regex(beginnings: Iterable[Beginning]) -> str:
    """What begins with one of these; those that begin alike are drawn together, as in 1(?:2(?:0[04]|[34]2)."""
    drawn = _drawn_together(frozenset(beginnings))
    # An empty alternative would take everything; (?!) takes nothing.
    return _ANY_DIGITS.sub(lambda run: f"[0-9]{{{len(run[0]) // 5}}}", rf"^\+{drawn}") if drawn else "^(?!)"


@cache
def refused_beginnings(countries: frozenset[str]) -> RefusedBeginnings:
    """What must not be called where these countries may be, under all their calling codes."""
    found = [_refused_under(code, countries) for code in sorted({calling_code(country) for country in countries})]
    return RefusedBeginnings(
        elsewhere=tuple(one for part in found for one in part.elsewhere),
        special=tuple(one for part in found for one in part.special),
        unassigned=tuple(one for part in found for one in part.unassigned),
    )


def _regions(code: int) -> tuple[str, ...]:
    """The countries of a calling code in the order in which libphonenumber asks whose a number is."""
    return tuple(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code])


def _metadata(region: str) -> PhoneMetadata:
    """What libphonenumber knows of a country."""
    return PhoneMetadata.metadata_for_region(region) or PhoneMetadata(region)


def _lengths(metadata: PhoneMetadata) -> tuple[int, ...]:
    """How many digits a country's numbers have, without the calling code."""
    return tuple(metadata.general_desc.possible_length) if metadata.general_desc else ()


# --- whole numbers, as automata over their digits ---


def _refused_under(code: int, countries: frozenset[str]) -> RefusedBeginnings:
    """What must not be called of one calling code's numbers."""
    found = _Search(*_numbers_under(code, countries)).refused()
    return RefusedBeginnings(*(tuple((*str(code), *beginning) for beginning in kind) for kind in found))


def _numbers_under(code: int, countries: frozenset[str]) -> tuple[Language, Language, Language]:
    """The numbers under a calling code that are ordinary in these countries, special in them, and other countries'.

    A number that several countries claim belongs to the first of them.
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
        # Toll-free numbers are the whole calling code's: any of its countries may dial them.
        ordinary |= (called - elsewhere) | toll_free
        special |= at_special_prices - elsewhere
    return ordinary, special, elsewhere - ordinary


def _turn(metadata: PhoneMetadata, is_allowed: bool) -> int:
    """When a country is asked: first, in libphonenumber's order, those without leading digits of their own.

    The others have none in common, so the order among them is free, and the allowed ones are taken together.
    """
    return 1 + is_allowed if metadata.leading_digits else 0


def _claims(metadata: PhoneMetadata) -> Iterator[str]:
    """Expressions of all that is a country's: what begins with its leading digits, or else what it gave out."""
    if metadata.leading_digits:
        yield rf"({metadata.leading_digits})\d{{0,{max(_lengths(metadata))}}}"
    else:
        yield from _expressions([metadata], (*ORDINARY, *SPECIAL))


def _language(metadata: Iterable[PhoneMetadata], kinds: Iterable[str]) -> Language:
    """All numbers of some kinds."""
    return _automaton("|".join(f"({one})" for one in dict.fromkeys(_expressions(metadata, kinds))))


def _expressions(metadata: Iterable[PhoneMetadata], kinds: Iterable[str]) -> Iterator[str]:
    """The expressions of some kinds of numbers; what a country does not have has none."""
    found = (getattr(one, kind) for one in metadata for kind in kinds)
    return (kind.national_number_pattern for kind in found if kind and kind.national_number_pattern)


@cache
def _automaton(expression: str) -> Language:
    """An expression of libphonenumber's as an automaton."""
    return matching(expression) if expression else NOTHING


# --- the shortest beginnings that tell them apart ---


_NONE: Final[tuple[tuple[Beginning, ...], ...]] = ((), (), ())


class _Search:
    """The beginnings with which no ordinary number begins, by why they are refused, as in `RefusedBeginnings`.

    Many beginnings lead to the same states, and what is refused after them is worked out once and drawn once.
    """

    def __init__(self, ordinary: Language, special: Language, elsewhere: Language) -> None:
        self._automata = (ordinary, special, elsewhere)
        self._known: dict[tuple[Any, ...], tuple[tuple[Beginning, ...], ...]] = {}

    def refused(self) -> tuple[tuple[Beginning, ...], ...]:
        """All of them."""
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
        # A whole number at a special price, that is also how longer ordinary numbers begin.
        if states[1] in self._automata[1].whole:
            found[1] = ((END,), *found[1])
        return tuple(found)


@cache
def _drawn_together(beginnings: frozenset[Beginning]) -> str:
    """An expression for what begins with one of these; "" where there are none, or where one has begun already."""
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
