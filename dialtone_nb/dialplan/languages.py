"""Regular languages of digit strings, as automata: the strings that a dial plan's rules take, and telephone numbers.

This has only what dial plans and libphonenumber's expressions need. Importing a library for automata, with the graph
library that it depends on, would take longer than everything done here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final, TypeVar

State = TypeVar("State", bound=Hashable)
# A state of each of two automata; None if that automaton has no such string.
Pair = tuple[int | None, int | None]
_Takes = Callable[[bool, bool], bool]

# The steps of an expression that may come next, as bits; the lowest bit is its end.
_Next = int
END: Final[_Next] = 1
_SIGN: Final = re.compile(r"\(\?:|\\d|\[[0-9-]+\]|\{[0-9]+(?:,[0-9]+)?\}|[0-9()|?]")
_RANGE: Final = re.compile(r"([0-9])-([0-9])")


@dataclass(frozen=True)
class Language:
    """A set of strings as a deterministic automaton: the transitions of each state by key, and the final states.

    State 0 is the initial one, and a final state can be reached from every state; the empty set has no states.
    """

    steps: tuple[Mapping[str, int], ...]
    whole: frozenset[int]

    @property
    def first(self) -> int | None:
        """The initial state; None if the language is empty."""
        return 0 if self.steps else None

    @property
    def is_empty(self) -> bool:
        """Whether the language has no string."""
        return not self.steps

    def after(self, state: int | None, key: str) -> int | None:
        """The state after one more key; None if no string continues with it."""
        return None if state is None else self.steps[state].get(key)

    def __contains__(self, text: str) -> bool:
        return reduce(self.after, text, self.first) in self.whole

    def __or__(self, other: Language) -> Language:
        return self._with(other, lambda mine, theirs: mine or theirs)

    def __and__(self, other: Language) -> Language:
        return self._with(other, lambda mine, theirs: mine and theirs)

    def __sub__(self, other: Language) -> Language:
        return self._with(other, lambda mine, theirs: mine and not theirs)

    def __le__(self, other: Language) -> bool:
        return not self._meets(other, lambda mine, theirs: mine and not theirs)

    def isdisjoint(self, other: Language) -> bool:
        """Whether no string is in both languages."""
        return not self._meets(other, lambda mine, theirs: mine and theirs)

    def _with(self, other: Language, takes: _Takes) -> Language:
        """The language of the strings that `takes` accepts, told whether each of the two has them."""
        return _explored(
            (self.first, other.first),
            self._beside(other, takes),
            lambda pair: takes(pair[0] in self.whole, pair[1] in other.whole),
        )

    def _meets(self, other: Language, takes: _Takes) -> bool:
        """Whether there is any such string: the search ends at the first."""
        follow = self._beside(other, takes)
        waiting: list[Pair] = [(self.first, other.first)]
        found = set(waiting)
        while waiting:
            mine, theirs = waiting.pop()
            if takes(mine in self.whole, theirs in other.whole):
                return True
            new = {pair for _, pair in follow((mine, theirs))} - found
            found |= new
            waiting += new
        return False

    def _beside(self, other: Language, takes: _Takes) -> Callable[[Pair], Iterator[tuple[str, Pair]]]:
        """How both go on from a pair of their states, but for where no string can be accepted any more."""
        mine_alone, theirs_alone = takes(True, False), takes(False, True)
        both = mine_alone or takes(True, True)
        none: Mapping[str, int] = {}

        def follow(pair: Pair) -> Iterator[tuple[str, Pair]]:
            mine = none if pair[0] is None else self.steps[pair[0]]
            theirs = none if pair[1] is None else other.steps[pair[1]]
            for key, state in mine.items():
                beside = theirs.get(key)
                if mine_alone or (both and beside is not None):
                    yield key, (state, beside)
            if theirs_alone:
                for key, state in theirs.items():
                    if key not in mine:
                        yield key, (None, state)

        return follow


NOTHING: Final = Language((), frozenset())


def _explored(
    first: State, follow: Callable[[State], Iterable[tuple[str, State]]], is_whole: Callable[[State], bool]
) -> Language:
    """The automaton of all states reachable from `first`, without those from which no final state can be reached."""
    numbers, found = {first: 0}, [first]
    steps: list[dict[str, int]] = []
    before: list[list[int]] = [[]]
    for number, state in enumerate(found):
        after: dict[str, int] = {}
        for key, reached in follow(state):
            place = numbers.get(reached)
            if place is None:
                place = numbers[reached] = len(found)
                found.append(reached)
                before.append([])
            after[key] = place
            before[place].append(number)
        steps.append(after)
    whole = [number for number, state in enumerate(found) if is_whole(state)]
    alive, waiting = set(whole), list(whole)
    while waiting:
        new = set(before[waiting.pop()]) - alive
        alive |= new
        waiting += new
    if 0 not in alive:
        return NOTHING
    kept = {number: place for place, number in enumerate(sorted(alive))}
    return Language(
        tuple({key: kept[to] for key, to in steps[number].items() if to in kept} for number in kept),
        frozenset(kept[number] for number in whole),
    )


class Expression:
    """Builds a language from its end to its beginning: each step is given the steps that may follow it."""

    def __init__(self) -> None:
        self._steps: list[tuple[Iterable[str], _Next]] = []

    def step(self, keys: Iterable[str], then: _Next) -> _Next:
        """Add a step of one of these keys."""
        self._steps.append((keys, then))
        return 1 << len(self._steps)

    def many(self, keys: Iterable[str], then: _Next) -> _Next:
        """Add a step of one or more of these keys."""
        again = 1 << (len(self._steps) + 1)
        return self.step(keys, again | then)

    def language(self, first: _Next) -> Language:
        """The language of all strings that begin with one of these steps."""
        return _explored(first, self._follow, lambda places: bool(places & END))

    def _follow(self, places: _Next) -> Iterable[tuple[str, _Next]]:
        after: dict[str, _Next] = {}
        left = places >> 1
        while left:
            lowest = left & -left
            keys, then = self._steps[lowest.bit_length() - 1]
            for key in keys:
                after[key] = after.get(key, 0) | then
            left ^= lowest
        return after.items()


def sequences(given: Iterable[tuple[Iterable[Iterable[str]], Iterable[str]]]) -> Language:
    """The language of strings with one key of each set in turn, then one or more of further keys if there are any."""
    expression = Expression()
    first = 0
    for sets, further in given:
        then = expression.many(further, END) if further else END
        for keys in reversed(list(sets)):
            then = expression.step(keys, then)
        first |= then
    return expression.language(first)


def matching(regular: str) -> Language:
    """The language of a regular expression that has only digits, groups, classes and counts; ValueError for others."""
    signs = _SIGN.findall(regular)[::-1]
    expression = Expression()
    built = _alternatives(signs, expression)
    if signs or "".join(_SIGN.findall(regular)) != regular:
        raise ValueError(f"{regular} has more than digits, whole groups, classes and counts")
    return expression.language(built(END))


# A part of an expression as a function: from the steps that follow it to the steps that it begins with.
_Part = Callable[[_Next], _Next]


def _alternatives(signs: list[str], expression: Expression) -> _Part:
    """Parse up to the end of a group; `signs` are those still to be read, the next one last."""
    parts = [_in_turn(signs, expression)]
    while signs and signs[-1] == "|":
        signs.pop()
        parts.append(_in_turn(signs, expression))
    return lambda then: reduce(lambda places, part: places | part(then), parts, 0)


def _in_turn(signs: list[str], expression: Expression) -> _Part:
    parts: list[_Part] = []
    while signs and signs[-1] not in ("|", ")"):
        sign = signs.pop()
        if sign in ("(", "(?:"):
            part = _alternatives(signs, expression)
            if not signs:
                raise ValueError("a group has no end")
            signs.pop()
        else:
            part = _one_of(sign, expression)
        if signs and (signs[-1] == "?" or signs[-1][0] == "{"):
            part = _repeated(part, signs.pop())
        parts.append(part)
    return lambda then: reduce(lambda after, part: part(after), reversed(parts), then)


def _one_of(sign: str, expression: Expression) -> _Part:
    inside = "0-9" if sign == r"\d" else sign.strip("[]")
    keys = _RANGE.sub(lambda ends: "".join(map(str, range(int(ends[1]), int(ends[2]) + 1))), inside)
    return lambda then: expression.step(keys, then)


def _repeated(part: _Part, count: str) -> _Part:
    numbers = [0, 1] if count == "?" else [int(number) for number in count[1:-1].split(",")]
    least, most = numbers[0], numbers[-1]

    def built(then: _Next) -> _Next:
        first = then
        for _ in range(most - least):
            first = part(first) | then
        for _ in range(least):
            first = part(first)
        return first

    return built
