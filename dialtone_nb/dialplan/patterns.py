"""Asterisk's patterns of dialled digits, as sets of keys, regular expressions and languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dialtone_nb.dialplan.languages import Language, sequences

DIGITS: Final = frozenset("0123456789")
# The characters that a phone can send: its keys, and the + that softphones put before numbers of their address book.
KEYS: Final = DIGITS | frozenset("#*+")
SETS: Final[Mapping[str, frozenset[str]]] = {
    "X": DIGITS,
    "Z": frozenset("123456789"),
    "N": frozenset("23456789"),
}
# `.` is one or more of any key, and must be last, as in Asterisk and in the dial plans of devices.
REST: Final = "."

_CLASS: Final = re.compile(r"\[([^\]]*)\]")
_RANGE: Final = re.compile(r"([0-9])-([0-9])")

Keys = tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern: the possible keys at each place, and whether one or more of any key follow."""

    keys: Keys
    open_ended: bool = False

    def regex(self) -> str:
        """An anchored regular expression, with the same meaning in Python (with fullmatch) and in JavaScript."""
        rest = f"{_regex_of(KEYS)}+" if self.open_ended else ""
        return f"^{_regex_of_keys(self.keys)}{rest}$"

    def prefix_regex(self) -> str:
        """A regular expression for all that begins with this pattern."""
        return f"^{_regex_of_keys(self.keys)}"


def parse_pattern(text: str) -> Pattern:
    """Parse a pattern; raises ValueError with the wrong character, and the repair after a semicolon."""
    keys: list[frozenset[str]] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character == REST:
            if at != len(text) - 1:
                raise ValueError(f"{_nth(at)} is '.', which takes all that follows; let it stand last")
            return Pattern(tuple(keys), open_ended=True)
        if character == "[":
            found = _CLASS.match(text, at)
            if not found:
                raise ValueError(f"{_nth(at)} is '[' without a ']' after it; write [15-7] for one of 1, 5, 6, 7")
            keys.append(_class(found[1], at + 1))
            at = found.end()
            continue
        if character not in KEYS and character not in SETS:
            raise ValueError(
                f"{_nth(at)} is {character!r}, which no phone can dial; use 0-9 # * + X (0-9) Z (1-9) N (2-9) [15-7] ."
            )
        keys.append(SETS.get(character) or frozenset(character))
        at += 1
    if not keys:
        raise ValueError("is empty; write what the person dials, such as NXXNXXXXXX")
    return Pattern(tuple(keys))


def language(patterns: Iterable[Pattern]) -> Language:
    """The language of all that any of the patterns takes."""
    return sequences((pattern.keys, KEYS if pattern.open_ended else ()) for pattern in patterns)


def beginning_with(prefixes: Iterable[Pattern]) -> Language:
    """The language of all that begins with any of these patterns."""
    prefixes = list(prefixes)
    return language([Pattern(p.keys) for p in prefixes] + [Pattern(p.keys, open_ended=True) for p in prefixes])


def _class(inside: str, at: int) -> frozenset[str]:
    """The keys of a class such as [15-7]."""
    expanded = _RANGE.sub(lambda found: _range(found[1], found[2]), inside)
    wrong = next((c for c in expanded if c not in KEYS), None)
    if wrong is not None:
        raise ValueError(f"{_nth(at + inside.index(wrong))} is {wrong!r}, which can't stand in [ ]; write [15-7]")
    if not expanded:
        raise ValueError(f"{_nth(at - 1)} begins a [ ] that holds no key; write [15-7] for one of 1, 5, 6, 7")
    return frozenset(expanded)


def _range(first: str, last: str) -> str:
    keys = "".join(sorted(key for key in DIGITS if first <= key <= last))
    # A backward range is left as it is, so that its dash is reported as a wrong character.
    return keys or f"{first}-{last}"


def _regex_of_keys(keys: Keys) -> str:
    """A regular expression for keys in turn, with equal neighbours combined: [2-9][0-9]{2}."""
    source = ""
    at = 0
    while at < len(keys):
        end = at
        while end < len(keys) and keys[end] == keys[at]:
            end += 1
        one = _regex_of(keys[at])
        source += one * (end - at) if len(keys[at]) == 1 or end - at == 1 else f"{one}{{{end - at}}}"
        at = end
    return source


def _regex_of(choice: frozenset[str]) -> str:
    if len(choice) == 1:
        (key,) = choice
        return re.escape(key) if key in "*+" else key
    digits = "".join(sorted(choice & DIGITS))
    # Not \d, which in Python takes the digits of every script.
    span = f"{digits[0]}-{digits[-1]}" if len(digits) > 2 and digits in "0123456789" else digits
    return f"[{span}{''.join(sorted(choice - DIGITS))}]"


def _nth(at: int) -> str:
    return f"character {at + 1}"
