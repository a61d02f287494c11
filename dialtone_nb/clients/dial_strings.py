"""The dial plan's patterns in each vendor's grammar: a phone then sends what the service accepts, as soon as it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from dialtone_nb.errors import Fault, ParametersError

Grammar = Literal["linksys", "grandstream", "polycom"]
GRAMMARS: tuple[Grammar, ...] = get_args(Grammar)

DIGITS = frozenset("0123456789")
KEYS = DIGITS | frozenset("*#")
CLASSES = {"X": DIGITS, "Z": DIGITS - {"0"}, "N": DIGITS - {"0", "1"}}

# Polycom's administrator guide, digit map: "limited to 512 bytes and 20 segments" in the oldest firmware.
POLYCOM_BYTES, POLYCOM_SEGMENTS = 512, 20


@dataclass(frozen=True, slots=True)
class Element:
    """One of some keys, or one or more of them."""

    keys: frozenset[str]
    repeats: bool = False


KeySequence = tuple[Element, ...]


def write_dial_string(grammar: Grammar, patterns: Sequence[str]) -> str:
    """The dial string that sends what the (Asterisk) patterns match; empty where there are none.

    Two things are on purpose. `.` matches digits here: no phone should wait for `#` after an international number.
    And no longer pattern begins with a service code such as 911 that is a pattern itself, so 911 is sent at once.
    """
    sequences = sequences_of(patterns)
    if not sequences:
        return ""
    if grammar == "linksys":
        return f"({'|'.join(_linksys(sequence) for sequence in sequences)})"
    if grammar == "grandstream":
        return f"{{ {' | '.join(_grandstream(sequence) for sequence in sequences)} }}"
    return _polycom_map(sequences)


def sequences_of(patterns: Sequence[str]) -> tuple[KeySequence, ...]:
    """What the patterns match, in their order, as keys to press: none that has no key, none that another contains."""
    read = [sequence for pattern in patterns if (sequence := read_pattern(pattern))]
    codes = frozenset().union(*(sequence[0].keys for sequence in read if _is_service_code(sequence)))
    if codes:
        read = [part for sequence in read for part in _without_service_codes(sequence, codes)]
    kept: list[KeySequence] = []
    for index, sequence in enumerate(read):
        others = kept + read[index + 1 :]
        if not any(_contains(other, sequence) for other in others):
            kept.append(sequence)
    return tuple(kept)


def read_pattern(pattern: str) -> KeySequence:
    """An Asterisk pattern (X, Z, N, [15-7], `.`) as keys; empty where it asks for a key that phones don't have."""
    elements: list[Element] = []
    rest = pattern
    while rest:
        sign, rest = rest[0], rest[1:]
        if sign == "[":
            inside, closed, rest = rest.partition("]")
            if not closed:
                raise _unreadable(pattern, "a [ without its ]")
            elements.append(Element(_set_of(inside, pattern) & KEYS))
        elif sign == ".":
            elements.append(Element(DIGITS, repeats=True))
        elif sign in CLASSES:
            elements.append(Element(CLASSES[sign]))
        elif sign in KEYS or sign == "+":
            elements.append(Element(frozenset(sign) & KEYS))
        else:
            raise _unreadable(pattern, f"the sign {sign!r}")
    return tuple(elements) if all(element.keys for element in elements) else ()


def _set_of(inside: str, pattern: str) -> frozenset[str]:
    keys: set[str] = set()
    rest = inside
    while rest:
        if len(rest) >= 3 and rest[1] == "-":
            first, last, rest = rest[0], rest[2], rest[3:]
            if not (first in DIGITS and last in DIGITS and first <= last):
                raise _unreadable(pattern, f"the range {first}-{last}")
            keys.update(str(digit) for digit in range(int(first), int(last) + 1))
        else:
            keys.add(rest[0])
            rest = rest[1:]
    if not keys:
        raise _unreadable(pattern, "an empty set []")
    return frozenset(keys)


def _unreadable(pattern: str, what: str) -> ParametersError:
    return ParametersError(Fault("dialplan.yaml", f"the pattern {pattern!r} has {what}", "use X, Z, N, [15-7] and ."))


def _is_service_code(sequence: KeySequence) -> bool:
    """Whether this is N11 and nothing else: NANPA keeps those codes for services, no area code looks like that."""
    return (
        len(sequence) == 3
        and not any(element.repeats for element in sequence)
        and sequence[0].keys <= CLASSES["N"]
        and all(element.keys == {"1"} for element in sequence[1:])
    )


def _without_service_codes(sequence: KeySequence, codes: frozenset[str]) -> list[KeySequence]:
    """The sequence in the parts that don't begin with one of the codes (9 for 911) and go on; else itself."""
    begins = sequence[:3]
    if len(sequence) <= 3 or any(element.repeats for element in begins):
        return [sequence]
    first, second, third = (element.keys for element in begins)
    if not (first & codes and "1" in second and "1" in third):
        return [sequence]
    parts = (
        (first - codes, second, third),
        (first & codes, second - {"1"}, third),
        (first & codes, frozenset("1"), third - {"1"}),
    )
    return [tuple(map(Element, part)) + sequence[3:] for part in parts if all(part)]


def _contains(outer: KeySequence, inner: KeySequence) -> bool:
    """Whether everything that the inner sequence matches is matched by the outer one, seen element by element."""
    if not outer or not inner:
        return outer == inner
    *outer_start, outer_last = outer
    if any(element.repeats for element in outer_start) or (len(inner) < len(outer)):
        return outer == inner
    if len(inner) > len(outer) and not outer_last.repeats:
        return False
    if any(element.repeats for element in inner) and not outer_last.repeats:
        return False
    padded = [*outer_start, *[outer_last] * (len(inner) - len(outer_start))]
    return all(
        element.keys <= over.keys and (not element.repeats or over.repeats)
        for element, over in zip(inner, padded, strict=True)
    )


def _keys_in_grammar(keys: frozenset[str]) -> str:
    """A set of keys as all three vendors write it: a key, `x`, or a set such as [02-9]."""
    if len(keys) == 1:
        return next(iter(keys))
    if keys == DIGITS:
        return "x"
    runs: list[list[int]] = []
    for digit in sorted(int(key) for key in keys & DIGITS):
        if runs and digit == runs[-1][-1] + 1:
            runs[-1].append(digit)
        else:
            runs.append([digit])
    written = "".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else "".join(map(str, run)) for run in runs)
    return f"[{written}{''.join(sorted(keys - DIGITS))}]"


def _linksys(sequence: KeySequence) -> str:
    # Linksys ATA administration guide: a period means zero or more of what stands before it.
    return "".join(
        _keys_in_grammar(element.keys) + (f"{_keys_in_grammar(element.keys)}." if element.repeats else "")
        for element in sequence
    )


def _grandstream(sequence: KeySequence) -> str:
    # HT70x and HT80x manuals: x+ is one digit or more. They disagree on what a period means, so there is none.
    return "".join(_keys_in_grammar(element.keys) + ("+" if element.repeats else "") for element in sequence)


def _polycom_map(sequences: Sequence[KeySequence]) -> str:
    """A digit map, which sends at the first match (RFC 3435, 2.1.5): what could go on needs T, the timer."""
    segments = [_linksys(sequence) + ("T" if _could_go_on(sequence, sequences) else "") for sequence in sequences]
    written = "|".join(segments)
    if len(segments) > POLYCOM_SEGMENTS or len(written) > POLYCOM_BYTES:
        raise ParametersError(
            Fault(
                "dialplan.yaml",
                f"makes a Polycom digit map of {len(segments)} segments and {len(written)} bytes, "
                f"more than {POLYCOM_SEGMENTS} and {POLYCOM_BYTES}",
                "use fewer patterns",
            )
        )
    return written


def _could_go_on(sequence: KeySequence, sequences: Sequence[KeySequence]) -> bool:
    """Whether something that this sequence matches is the beginning of something longer."""
    return any(element.repeats for element in sequence) or any(_begins(sequence, other) for other in sequences)


def _begins(short: KeySequence, long: KeySequence) -> bool:
    """Whether a match of the first sequence (which does not repeat) can be a true beginning of one of the second."""
    positions = {0}
    for element in short:
        reached: set[int] = set()
        for position in positions:
            if position < len(long) and element.keys & long[position].keys:
                reached |= {position, position + 1} if long[position].repeats else {position + 1}
        positions = reached
    return any(position < len(long) for position in positions)
