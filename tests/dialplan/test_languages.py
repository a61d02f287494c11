"""Languages of digit strings, compared with Python's regular expressions and sets."""

from __future__ import annotations

import re
from itertools import product

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers.phonemetadata import PhoneMetadata

from dialtone_nb.dialplan.languages import NOTHING, Language, matching, sequences

# Every string of up to five of these digits: whatever tells two languages apart here shows in one of them.
SHORT = ["".join(one) for length in range(6) for one in product("012", repeat=length)]

digit = st.sampled_from(["0", "1", "2", "[01]", "[1-2]", r"\d"])
counts = st.sampled_from(["", "?", "{2}", "{0,2}", "{1,3}"])
expressions = st.recursive(
    st.builds(str.__add__, digit, counts),
    lambda inner: st.one_of(
        st.builds(str.__add__, inner, inner),
        st.builds("(?:{}|{}){}".format, inner, inner, counts),
        st.builds("({}){}".format, inner, counts),
    ),
    max_leaves=6,
)


def taken(language: Language) -> set[str]:
    """The short strings in a language."""
    return {text for text in SHORT if text in language}


@given(expressions)
def test_an_expression_takes_what_python_says(expression: str) -> None:
    """As with re.fullmatch."""
    assert taken(matching(expression)) == {text for text in SHORT if re.fullmatch(expression, text)}


@given(expressions, expressions)
def test_languages_are_sets(one: str, other: str) -> None:
    """Union, intersection and difference; inclusion, disjointness, emptiness."""
    first, second = matching(one), matching(other)
    left, right = taken(first), taken(second)
    assert taken(first | second) == left | right
    assert taken(first & second) == left & right
    assert taken(first - second) == left - right
    assert (first - first).is_empty
    assert first <= first | second
    assert first & second <= second
    assert (first - second).isdisjoint(second)
    if first <= second:
        assert left <= right
    if first.isdisjoint(second):
        assert not left & right


def test_one_or_more_further_keys() -> None:
    """An open sequence matches any number of further digits, at least one."""
    language = sequences([(("0", "12"), "01")])
    assert taken(language) == {text for text in SHORT if re.fullmatch("0[12][01]+", text)}
    assert "01" + "0" * 100 in language


def test_nothing_is_in_the_empty_language() -> None:
    """Not even the empty string."""
    assert NOTHING.is_empty
    assert "" not in NOTHING
    assert NOTHING <= NOTHING
    assert not matching("1?") <= NOTHING


@pytest.mark.parametrize("wrong", ["1+", "a", "1|b", ".", "[^1]", "(1|2"])
def test_what_it_does_not_know_is_refused(wrong: str) -> None:
    """A future libphonenumber with other syntax is not misread."""
    with pytest.raises(ValueError, match=r"has more than|has no end"):
        matching(wrong)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_expression_of_libphonenumber_is_read(region: str) -> None:
    """Each matches its own example number."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    for kind in ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip"):
        described = getattr(metadata, kind)
        if described and described.national_number_pattern:
            assert described.example_number in matching(described.national_number_pattern)
