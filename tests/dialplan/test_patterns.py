"""Asterisk's patterns."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone_nb.dialplan.patterns import KEYS, beginning_with, language, parse_pattern

pieces = st.sampled_from([*"0123456789#*+XZN", "[15-7]", "[2-9]", "[0#*]", "[3]"])
patterns = st.tuples(st.lists(pieces, min_size=1, max_size=6).map("".join), st.sampled_from(["", "."])).map("".join)
dialled = st.text(sorted(KEYS), max_size=9)


@pytest.mark.parametrize(
    ("pattern", "regex"),
    [
        ("911", "^911$"),
        ("#", "^#$"),
        ("*67", r"^\*67$"),
        ("+X.", r"^\+[0-9][0-9#*+]+$"),
        ("NXXNXXXXXX", "^[2-9][0-9]{2}[2-9][0-9]{6}$"),
        ("[15-7]Z", "^[1567][1-9]$"),
        ("[0#*]", "^[0#*]$"),
    ],
)
def test_regex(pattern: str, regex: str) -> None:
    """A pattern becomes an anchored regular expression that a person can check."""
    assert parse_pattern(pattern).regex() == regex


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "is empty; write what the person dials, such as NXXNXXXXXX"),
        ("91a", "character 3 is 'a', which no phone can dial; use 0-9 # * + X (0-9) Z (1-9) N (2-9) [15-7] ."),
        ("nxx", "character 1 is 'n', which no phone can dial"),
        ("9-11", "character 2 is '-', which no phone can dial"),
        ("0.1", "character 2 is '.', which takes all that follows; let it stand last"),
        ("1[23", "character 2 is '[' without a ']' after it; write [15-7] for one of 1, 5, 6, 7"),
        ("1[]", "character 2 begins a [ ] that holds no key"),
        ("1[2X]", "character 4 is 'X', which can't stand in [ ]; write [15-7]"),
        ("[7-5]", "character 3 is '-', which can't stand in [ ]; write [15-7]"),
        ("٩11", "character 1 is '٩', which no phone can dial"),
    ],
)
def test_spelling(pattern: str, says: str) -> None:
    """The error for a misspelt pattern has the wrong character and the repair."""
    with pytest.raises(ValueError, match=re.escape(says)):
        parse_pattern(pattern)


@given(pattern=patterns, dialled=dialled)
def test_automaton_and_regex_agree(pattern: str, dialled: str) -> None:
    """The compiler's automaton and the deployed expression match the same strings."""
    parsed = parse_pattern(pattern)
    takes = re.fullmatch(parsed.regex(), dialled) is not None
    assert language([parsed]).__contains__(dialled) == takes


@given(pattern=patterns, data=st.data())
def test_a_pattern_takes_what_it_spells(pattern: str, data: st.DataObject) -> None:
    """Keys chosen from each position's set match, and one key less never does."""
    parsed = parse_pattern(pattern)
    spelt = "".join(data.draw(st.sampled_from(sorted(keys))) for keys in parsed.keys)
    rest = data.draw(st.text(sorted(KEYS), min_size=1, max_size=3)) if parsed.open_ended else ""
    assert re.fullmatch(parsed.regex(), spelt + rest)
    assert not re.fullmatch(parsed.regex(), spelt[:-1])


@given(prefix=patterns.map(lambda pattern: pattern.removesuffix(".")), dialled=dialled)
def test_beginning_with(prefix: str, dialled: str) -> None:
    """A prefix matches itself and everything that begins with it."""
    parsed = parse_pattern(prefix)
    begins = re.match(parsed.prefix_regex(), dialled) is not None
    assert beginning_with([parsed]).__contains__(dialled) == begins
