"""The dial plan's patterns in each vendor's grammar: a phone then sends what the service accepts, as soon as it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dialtone_nb.devices.model import Grammar
from dialtone_nb.dialplan.patterns import DIGITS, Keys, Pattern, parse_pattern
from dialtone_nb.errors import DialplanError, Fault

KEYPAD = DIGITS | frozenset("*#")

# Three keys that are sent at once, where they are a pattern. No area code looks like N11: those are NANPA's services.
# 988 is no area code either, since the FCC made it the crisis line's in 2020. Twilio's test line 933 is none that was
# ever given out; if that changes, numbers there can be dialled with 1 before them.
CODES: tuple[Keys, ...] = (
    (frozenset("23456789"), frozenset("1"), frozenset("1")),
    (frozenset("9"), frozenset("8"), frozenset("8")),
    (frozenset("9"), frozenset("3"), frozenset("3")),
)

# Polycom's administrator guide, digit map: "limited to 512 bytes and 20 segments" in the oldest firmware.
POLYCOM_BYTES, POLYCOM_SEGMENTS = 512, 20


def write_dial_string(grammar: Grammar, patterns: Sequence[str]) -> str:
    """The dial string that sends what the (Asterisk) patterns match; empty where there are none.

    Two things are on purpose. `.` is digits here: no phone should wait for a # after an international number.
    And no longer pattern begins with a code such as 911, 988 or 933 that is a pattern itself, so it is sent at once.
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
    for code in _merged([pattern for pattern in keyed if _is_code(pattern)]):
        keyed = [part for pattern in keyed for part in _without(pattern, code.keys)]
    kept: list[Pattern] = []
    for index, pattern in enumerate(keyed):
        if not any(_contains(other, pattern) for other in kept + keyed[index + 1 :]):
            kept.append(pattern)
    return tuple(_merged(kept))


def _on_keypad(text: str) -> Pattern | None:
    """The pattern without its plus sign, or none if nothing is left of it; a `DialplanError` if it is not a pattern."""
    try:
        pattern = parse_pattern(text)
    except ValueError as error:
        problem, _, repair = str(error).partition("; ")
        raise DialplanError(Fault("dialplan.yaml", f"the pattern {text!r}: {problem}", repair)) from None
    keyed = replace(pattern, keys=tuple(keys & KEYPAD for keys in pattern.keys))
    return keyed if all(keyed.keys) else None


def _is_code(pattern: Pattern) -> bool:
    """Whether this takes three keys that are sent at once, and nothing else."""
    return not pattern.open_ended and any(
        len(pattern.keys) == len(code) and all(mine <= theirs for mine, theirs in zip(pattern.keys, code, strict=True))
        for code in CODES
    )


def _without(pattern: Pattern, code: Keys) -> list[Pattern]:
    """The pattern in the parts that don't begin with the code and go on; else itself."""
    if len(pattern.keys) + pattern.open_ended <= 3 or len(pattern.keys) < 3:
        return [pattern]
    begins = pattern.keys[:3]
    shared = tuple(mine & theirs for mine, theirs in zip(begins, code, strict=True))
    if not all(shared):
        return [pattern]
    # Each place in turn has another key than the code there, after the code's keys.
    parts = ((*shared[:at], begins[at] - code[at], *begins[at + 1 :]) for at in range(3))
    return [replace(pattern, keys=part + pattern.keys[3:]) for part in parts if all(part)]


def _merged(patterns: Sequence[Pattern]) -> list[Pattern]:
    """The patterns, codes that differ in one key drawn together, [23]11: old phones have room for few."""
    merged: list[Pattern] = []
    for pattern in patterns:
        for index, other in enumerate(merged):
            if _is_code(other) and _is_code(pattern) and (both := _both(other, pattern)):
                merged[index] = both
                break
        else:
            merged.append(pattern)
    return merged if len(merged) == len(patterns) else _merged(merged)


def _both(one: Pattern, other: Pattern) -> Pattern | None:
    """What takes just what the two take together; None where no one pattern does."""
    places = [at for at, (mine, theirs) in enumerate(zip(one.keys, other.keys, strict=True)) if mine != theirs]
    if len(places) != 1:
        return None
    (at,) = places
    return replace(one, keys=(*one.keys[:at], one.keys[at] | other.keys[at], *one.keys[at + 1 :]))


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
