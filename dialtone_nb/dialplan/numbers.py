"""The telephone numbers that a rule can make, and those that may be called, as languages for checking the dial plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from dialtone_nb.dialplan import countries
from dialtone_nb.dialplan.languages import Language
from dialtone_nb.dialplan.patterns import DIGITS, KEYS, Keys, Pattern, beginning_with, language, parse_pattern

SHORTEST: Final = 7
LONGEST: Final = 15
NANP_NUMBER: Final = "+1NXXNXXXXXX"

_TEMPLATE: Final = re.compile(r"(?P<prefix>\+?[0-9]*)\{dialled(?::(?P<skip>[0-9]+))?\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A number as made from the dialled keys: a prefix, and the keys without the first `skip`."""

    prefix: str
    skip: int

    def applied_to(self, pattern: Pattern) -> Pattern:
        """The numbers made from all that the pattern takes, as a pattern."""
        return Pattern((*keys_of(self.prefix), *pattern.keys[self.skip :]), pattern.open_ended)


def parse_template(text: str) -> Template | None:
    """The template in a text such as "+1{dialled}" or "+{dialled:3}" (as Asterisk's ${EXTEN:3}); None for others."""
    found = _TEMPLATE.fullmatch(text)
    return Template(found["prefix"], int(found["skip"] or 0)) if found else None


def keys_of(text: str) -> Keys:
    """The keys of a pattern that takes this text alone."""
    return tuple(frozenset(key) for key in text)


def is_e164(gives: Pattern) -> bool:
    """Whether all numbers of a pattern are E.164; if it is open-ended, whether some are."""
    if not gives.keys or gives.keys[0] != {"+"}:
        return False
    digits = [*gives.keys[1:], *([KEYS] if gives.open_ended else [])]
    if gives.open_ended:
        return len(digits) <= LONGEST and all(keys & DIGITS for keys in digits) and digits[0] & DIGITS != {"0"}
    return SHORTEST <= len(digits) <= LONGEST and all(keys <= DIGITS for keys in digits) and "0" not in digits[0]


@dataclass(frozen=True, slots=True)
class Reach:
    """The numbers that may be called: allowed countries, prefixes allowed in addition, and refused prefixes."""

    allowed: frozenset[str]
    also_allowed: tuple[Pattern, ...] = ()
    refused: tuple[Pattern, ...] = ()


def reaches_somebody(gives: Pattern, reach: Reach) -> bool:
    """Whether some number of the pattern may be called."""
    return not language([gives]).isdisjoint(_may_be_called(reach))


def also_allowed_problem(prefix: Pattern, reach: Reach) -> tuple[str, str] | None:
    """The problem with a prefix in also_allowed, and the repair; None if it only allows numbers otherwise refused."""
    begins = beginning_with([prefix]) & _shapes_of(reach.allowed)
    if begins.is_empty:
        return "is under no calling code of an allowed country", "add the country to allowed_countries"
    elsewhere, closed = _elsewhere(reach.allowed), _closed(reach.allowed)
    if begins <= elsewhere:
        return "is another country's", "add the country to allowed_countries"
    if begins.isdisjoint(closed | elsewhere):
        return "may be called already", "take it out"
    if not begins <= closed:
        whose = "is another country's" if begins <= closed | elsewhere else "may be called already"
        return f"{whose}, in part", "write the whole code that is new, such as +1471"
    if begins <= beginning_with(reach.refused):
        return "is refused by refused_prefixes", "take one of the two out"
    return None


def begins_some_number(prefix: Pattern) -> bool:
    """Whether some number of some calling code has this prefix."""
    return any(
        len(prefix.keys) <= len(shape) and all(mine & theirs for mine, theirs in zip(prefix.keys, shape, strict=False))
        for shape in map(_longest_number, countries.calling_codes())
    )


@cache
def _longest_number(calling_code: int) -> Keys:
    if calling_code == countries.NANP:
        return parse_pattern(NANP_NUMBER).keys
    return parse_pattern(f"+{calling_code}".ljust(1 + LONGEST, "X")).keys


@lru_cache(maxsize=16)
def _may_be_called(reach: Reach) -> Language:
    closed = _closed(reach.allowed) - beginning_with(reach.also_allowed)
    return _shapes_of(reach.allowed) - _elsewhere(reach.allowed) - closed - beginning_with(reach.refused)


@lru_cache(maxsize=16)
def _shapes_of(allowed: frozenset[str]) -> Language:
    """All strings with the length of a number under the allowed countries' calling codes; ten digits under +1."""
    shapes = []
    for code in {countries.calling_code(country) for country in allowed}:
        longest = _longest_number(code)
        lengths = [10] if code == countries.NANP else countries.possible_lengths(code)
        totals = [len(f"+{code}") + length for length in lengths]
        shapes += [Pattern(longest[:total]) for total in totals if SHORTEST < total <= len(longest)]
    return language(shapes)


def _elsewhere(allowed: frozenset[str]) -> Language:
    """Numbers of other countries with the same calling codes."""
    return _beginning_so(countries.refused_beginnings(allowed).elsewhere)


@lru_cache(maxsize=16)
def _closed(allowed: frozenset[str]) -> Language:
    """Numbers with special rates, and those with unassigned area codes."""
    refused = countries.refused_beginnings(allowed)
    return _beginning_so((*refused.special, *refused.unassigned))


def _beginning_so(beginnings: Sequence[countries.Beginning]) -> Language:
    """The strings with one of these beginnings, or equal to one of those that have an end."""
    patterns = [Pattern((frozenset("+"), *map(frozenset, one))) for one in beginnings]
    whole = [Pattern(one.keys[:-1]) for one in patterns if one.keys[-1] == {countries.END}]
    return beginning_with(one for one in patterns if one.keys[-1] != {countries.END}) | language(whole)
