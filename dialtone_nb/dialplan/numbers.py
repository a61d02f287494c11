"""Which telephone numbers a rule can make, and which of them may be called; as automata, before any call comes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from automata.fa.dfa import DFA

from dialtone_nb.dialplan import countries
from dialtone_nb.dialplan.patterns import DIGITS, KEYS, Keys, Pattern, beginning_with, language, parse_pattern

SHORTEST: Final = 7
LONGEST: Final = 15
NANP_NUMBER: Final = "+1NXXNXXXXXX"

_TEMPLATE: Final = re.compile(r"(?P<prefix>\+?[0-9]*)\{dialled(?::(?P<skip>[0-9]+))?\}")


@dataclass(frozen=True, slots=True)
class Template:
    """How a number is made of what was dialled: a prefix, and the dialled keys less the first `skip`."""

    prefix: str
    skip: int

    def applied_to(self, pattern: Pattern) -> Pattern:
        """All that comes out of all that the pattern takes."""
        return Pattern((*keys_of(self.prefix), *pattern.keys[self.skip :]), pattern.open_ended)


def parse_template(text: str) -> Template | None:
    """The template that "+1{dialled}" or "+{dialled:3}" stands for (the latter as Asterisk's ${EXTEN:3}); else None."""
    found = _TEMPLATE.fullmatch(text)
    return Template(found["prefix"], int(found["skip"] or 0)) if found else None


def keys_of(text: str) -> Keys:
    """The text as a pattern of itself alone."""
    return tuple(frozenset(key) for key in text)


def is_e164(gives: Pattern) -> bool:
    """Whether all that comes out is E.164; of an open-ended pattern, whether anything is."""
    if not gives.keys or gives.keys[0] != {"+"}:
        return False
    digits = [*gives.keys[1:], *([KEYS] if gives.open_ended else [])]
    if gives.open_ended:
        return len(digits) <= LONGEST and all(keys & DIGITS for keys in digits) and digits[0] & DIGITS != {"0"}
    return SHORTEST <= len(digits) <= LONGEST and all(keys <= DIGITS for keys in digits) and "0" not in digits[0]


def reaches_somebody(gives: Pattern, allowed: Sequence[str], refused: Sequence[Pattern]) -> bool:
    """Whether any number that comes out is one of an allowed country and begins with no refused prefix."""
    return not language([gives]).isdisjoint(_may_be_called(frozenset(allowed), tuple(refused)))


def begins_some_number(prefix: Pattern) -> bool:
    """Whether some number of some calling code begins like this."""
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
def _may_be_called(allowed: frozenset[str], refused: tuple[Pattern, ...]) -> DFA:
    return _numbers_of(allowed) - beginning_with(refused)


def _numbers_of(allowed: frozenset[str]) -> DFA:
    """Every number of the allowed countries: under +1 ten digits, less the area codes of the other countries."""
    shapes = []
    for code in {countries.calling_code(country) for country in allowed}:
        longest = _longest_number(code)
        shortest = len(longest) if code == countries.NANP else 1 + SHORTEST
        shapes += [Pattern(longest[:length]) for length in range(shortest, len(longest) + 1)]
    elsewhere = [Pattern(keys_of(f"+{countries.NANP}{code}")) for code in countries.refused_area_codes(allowed)]
    return language(shapes) - beginning_with(elsewhere)
