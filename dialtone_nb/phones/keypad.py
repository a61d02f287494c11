"""A phone with a dial string in its vendor's grammar: what it sends after which key, and how long it waits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from dialtone_nb.devices.model import Grammar
from dialtone_nb.dialplan.patterns import DIGITS
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.phones.dial_strings import KEYPAD


@dataclass(frozen=True, slots=True)
class Dialled:
    """What comes of pressing keys: `sent` is empty if the phone sends nothing; it decided after `after_keys` keys.

    `wait_s` is how long it waits after the last of them: 0 at once, `inf` where only hanging up ends it.
    """

    sent: str
    after_keys: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class Timing:
    """What a vendor's phones do at the three moments that decide, in seconds."""

    complete_s: float  # a match, but more keys could make a longer one: sent after this
    incomplete_s: float  # no match yet, and no more keys: given up after this
    impossible_s: float  # nothing can match any more: given up after this


# Linksys ATA administration guide: Interdigit Short Timer 3 s; after the Interdigit Long Timer, 10 s, "the entry is
# evaluated as incomplete, and the call is rejected".
# Grandstream HT80x manual: No Key Entry Timeout 4 s. That what matches no rule is then refused, and not sent, is
# unverified: the manual says only "dialing process is completed". The service refuses such pieces in any case.
# Polycom administrator guide: digitmap.timeOut 3 s for T; impossibleMatchHandling 1, as we set it, "give reorder tone"
# (0, the default, would send the piece); an incomplete number waits for more.
TIMINGS: dict[Grammar, Timing] = {
    "linksys": Timing(complete_s=3, incomplete_s=10, impossible_s=0),
    "grandstream": Timing(complete_s=4, incomplete_s=4, impossible_s=4),
    "polycom": Timing(complete_s=3, incomplete_s=math.inf, impossible_s=0),
}


@dataclass(frozen=True, slots=True)
class _Step:
    """One of some keys; where it loops, none or any number of them."""

    keys: frozenset[str]
    loops: bool = False


@dataclass(frozen=True, slots=True)
class _Alternative:
    steps: tuple[_Step, ...]
    timed: bool = False  # Polycom's T: a match counts only when the timer has run out


def press_keys(grammar: Grammar, dial_string: str, keys: str) -> Dialled:
    """What the phone sends when the keys are pressed one after the other without a pause, and then no more.

    An `InputError` where the dial string is outside the part of the grammar that we write.
    """
    alternatives = _read_alternatives(grammar, dial_string)
    timing = TIMINGS[grammar]
    positions = [_reach(alternative, {0}) for alternative in alternatives]
    for count, key in enumerate(keys, start=1):
        positions = [
            _reach(alternative, _step(alternative, at, key))
            for alternative, at in zip(alternatives, positions, strict=True)
        ]
        if not any(positions):
            return Dialled("", count, timing.impossible_s)
        if _sends_now(grammar, alternatives, positions):
            return Dialled(keys[:count], count, 0)
    if any(len(alternative.steps) in at for alternative, at in zip(alternatives, positions, strict=True)):
        return Dialled(keys, len(keys), timing.complete_s)
    return Dialled("", len(keys), timing.incomplete_s)


def _step(alternative: _Alternative, positions: set[int], key: str) -> set[int]:
    reached = set()
    for position in positions:
        if position < len(alternative.steps) and key in alternative.steps[position].keys:
            reached.add(position if alternative.steps[position].loops else position + 1)
    return reached


def _reach(alternative: _Alternative, positions: set[int]) -> set[int]:
    """The positions, and those that they reach over steps that may be left out."""
    reached = set(positions)
    for position in range(len(alternative.steps)):
        if position in reached and alternative.steps[position].loops:
            reached.add(position + 1)
    return reached


def _sends_now(grammar: Grammar, alternatives: list[_Alternative], positions: list[set[int]]) -> bool:
    """Whether the phone need not wait: Polycom at the first match without a T, the others when no more can come."""
    pairs = list(zip(alternatives, positions, strict=True))
    matched = [alternative for alternative, at in pairs if len(alternative.steps) in at]
    if grammar == "polycom":
        return any(not alternative.timed for alternative in matched)
    goes_on = any(position < len(alternative.steps) for alternative, at in pairs for position in at)
    return bool(matched) and not goes_on


@dataclass(frozen=True, slots=True)
class _Syntax:
    """What tells one vendor's dial strings from another's."""

    opening: str
    closing: str
    repeat: str  # behind a key: at least so many of it, and any number
    at_least: int
    timer: str = ""


# A plan that a Grandstream can't read is replaced by { x+ | *x+ | *xx*x+ }, which sends any piece of a number.
_SYNTAXES: dict[Grammar, _Syntax] = {
    "linksys": _Syntax("(", ")", repeat=".", at_least=0),
    "grandstream": _Syntax("{", "}", repeat="+", at_least=1),
    "polycom": _Syntax("", "", repeat=".", at_least=0, timer="T"),
}


def _read_alternatives(grammar: Grammar, dial_string: str) -> list[_Alternative]:
    syntax = _SYNTAXES[grammar]
    if not (dial_string.startswith(syntax.opening) and dial_string.endswith(syntax.closing)):
        raise _unreadable(grammar, dial_string, f"is not between {syntax.opening} and {syntax.closing}")
    inside = dial_string.removeprefix(syntax.opening).removesuffix(syntax.closing)
    return [
        _Alternative(
            _read_steps(grammar, dial_string, part.removesuffix(syntax.timer)),
            timed=bool(syntax.timer) and syntax.timer in part,
        )
        for part in inside.split("|")
    ]


def _read_steps(grammar: Grammar, dial_string: str, part: str) -> tuple[_Step, ...]:
    syntax = _SYNTAXES[grammar]
    steps: list[_Step] = []
    rest = part.strip()
    while rest:
        sign, rest = rest[0], rest[1:]
        if sign == syntax.repeat and steps:
            steps[-1:] = [*steps[-1:] * syntax.at_least, replace(steps[-1], loops=True)]
        elif sign == "x":
            steps.append(_Step(DIGITS))
        elif sign == "[" and "]" in rest:
            inside, _, rest = rest.partition("]")
            steps.append(_Step(_read_set(inside)))
        elif sign in KEYPAD:
            steps.append(_Step(frozenset(sign)))
        else:
            raise _unreadable(grammar, dial_string, f"has {sign!r}, which is not simulated")
    if not steps:
        raise _unreadable(grammar, dial_string, "has an empty alternative")
    return tuple(steps)


def _read_set(inside: str) -> frozenset[str]:
    keys: set[str] = set()
    while inside:
        if inside[1:2] == "-" and len(inside) > 2:
            keys.update(str(digit) for digit in range(int(inside[0]), int(inside[2]) + 1))
            inside = inside[3:]
        else:
            keys.add(inside[0])
            inside = inside[1:]
    return frozenset(keys)


def _unreadable(grammar: Grammar, dial_string: str, what: str) -> InputError:
    return InputError(Fault(f"{grammar} dial string", f"{what}: {dial_string}"))
