"""The dial plan's patterns in each vendor's grammar: a phone then sends what the service accepts, as soon as it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

from dialtone_nb.dialplan.patterns import DIGITS, Keys, Pattern, parse_pattern
from dialtone_nb.errors import DialplanError, Fault

Grammar = Literal["linksys", "grandstream", "polycom"]
GRAMMARS: tuple[Grammar, ...] = get_args(Grammar)

KEYPAD = DIGITS | frozenset("*#")

# Polycom's administrator guide, digit map: "limited to 512 bytes and 20 segments" in the oldest firmware.
POLYCOM_BYTES, POLYCOM_SEGMENTS = 512, 20


def write_dial_string(grammar: Grammar, patterns: Sequence[str]) -> str:
    """The dial string that sends what the (Asterisk) patterns match; empty where there are none.

    Two things are on purpose. `.` is digits here: no phone should wait for a # after an international number.
    And no longer pattern begins with a service code such as 911 that is a pattern itself, so 911 is sent at once.
    """
    keyed = keypad_patterns(patterns)
    if not keyed:
        return ""
    if grammar == "linksys":
        return f"({'|'.join(_linksys(pattern) for pattern in keyed)})"
    if grammar == "grandstream":
        return f"{{ {' | '.join(_grandstream(pattern) for pattern in keyed)} }}"
    return _polycom(keyed)


def keypad_patterns(patterns: Sequence[str]) -> tuple[Pattern, ...]:
    """The patterns on a keypad, in their order: none that needs another key, none that another contains."""
    keyed = [pattern for text in patterns if (pattern := _on_keypad(text))]
    codes = frozenset().union(*(pattern.keys[0] for pattern in keyed if _is_service_code(pattern)))
    if codes:
        keyed = [part for pattern in keyed for part in _without_service_codes(pattern, codes)]
    kept: list[Pattern] = []
    for index, pattern in enumerate(keyed):
        if not any(_contains(other, pattern) for other in kept + keyed[index + 1 :]):
            kept.append(pattern)
    return tuple(kept)


def _on_keypad(text: str) -> Pattern | None:
    """The pattern without the plus sign; none where nothing is left of it. A `DialplanError` where it is no pattern."""
    try:
        pattern = parse_pattern(text)
    except ValueError as error:
        problem, _, repair = str(error).partition("; ")
        raise DialplanError(Fault("dialplan.yaml", f"the pattern {text!r}: {problem}", repair)) from None
    keyed = replace(pattern, keys=tuple(keys & KEYPAD for keys in pattern.keys))
    return keyed if all(keyed.keys) else None


def _is_service_code(pattern: Pattern) -> bool:
    """Whether this is N11 and nothing else: NANPA keeps those codes for services, no area code looks like that."""
    return (
        not pattern.open_ended
        and len(pattern.keys) == 3
        and pattern.keys[0] <= frozenset("23456789")
        and pattern.keys[1:] == (frozenset("1"), frozenset("1"))
    )


def _without_service_codes(pattern: Pattern, codes: frozenset[str]) -> list[Pattern]:
    """The pattern in the parts that don't begin with one of the codes (9 for 911) and go on; else itself."""
    if len(pattern.keys) + pattern.open_ended <= 3 or len(pattern.keys) < 3:
        return [pattern]
    first, second, third = pattern.keys[:3]
    if not (first & codes and "1" in second and "1" in third):
        return [pattern]
    parts: tuple[Keys, ...] = (
        (first - codes, second, third),
        (first & codes, second - {"1"}, third),
        (first & codes, frozenset("1"), third - {"1"}),
    )
    return [replace(pattern, keys=part + pattern.keys[3:]) for part in parts if all(part)]


def _contains(outer: Pattern, inner: Pattern) -> bool:
    """Whether all that the inner pattern takes is taken by the outer one too."""
    if not outer.open_ended:
        widths = (len(inner.keys), inner.open_ended) == (len(outer.keys), False)
        return widths and all(mine <= theirs for mine, theirs in zip(inner.keys, outer.keys, strict=True))
    fixed = len(outer.keys)
    return (
        len(inner.keys) >= fixed
        and len(inner.keys) + inner.open_ended > fixed
        and all(mine <= theirs for mine, theirs in zip(inner.keys, outer.keys, strict=False))
        and all(keys <= DIGITS for keys in inner.keys[fixed:])
    )


def _could_go_on(pattern: Pattern, patterns: Sequence[Pattern]) -> bool:
    """Whether something that this pattern takes is the beginning of something longer."""
    return pattern.open_ended or any(_begins(pattern, other) for other in patterns)


def _begins(short: Pattern, long: Pattern) -> bool:
    places = zip(short.keys, long.keys, strict=False)
    if not all(mine & theirs for mine, theirs in places):
        return False
    if long.open_ended:
        return all(keys & DIGITS for keys in short.keys[len(long.keys) :])
    return len(short.keys) < len(long.keys)


def _keys_in_grammar(keys: frozenset[str]) -> str:
    """Some keys as all three vendors write them: a key, `x`, or a set such as [02-9]."""
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


def _fixed(pattern: Pattern) -> str:
    return "".join(map(_keys_in_grammar, pattern.keys))


def _linksys(pattern: Pattern) -> str:
    # Linksys ATA administration guide: a period means zero or more of what stands before it.
    return _fixed(pattern) + ("xx." if pattern.open_ended else "")


def _grandstream(pattern: Pattern) -> str:
    # HT70x and HT80x manuals: x+ is one digit or more. They disagree on what a period means, so there is none.
    return _fixed(pattern) + ("x+" if pattern.open_ended else "")


def _polycom(patterns: Sequence[Pattern]) -> str:
    """A digit map, which sends at the first match (RFC 3435, 2.1.5): what could go on needs T, the timer."""
    segments = [_linksys(pattern) + ("T" if _could_go_on(pattern, patterns) else "") for pattern in patterns]
    written = "|".join(segments)
    if len(segments) > POLYCOM_SEGMENTS or len(written) > POLYCOM_BYTES:
        raise DialplanError(
            Fault(
                "dialplan.yaml",
                f"makes a Polycom digit map of {len(segments)} segments and {len(written)} bytes, "
                f"more than {POLYCOM_SEGMENTS} and {POLYCOM_BYTES}",
                "use fewer patterns",
            )
        )
    return written
