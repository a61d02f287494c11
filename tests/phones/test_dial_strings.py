"""Dial strings: a phone sends complete numbers that the service accepts, and no parts of them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dialtone_nb.devices.model import GRAMMARS, Grammar
from dialtone_nb.errors import DialplanError, InputError
from dialtone_nb.phones.dial_strings import write_dial_string
from dialtone_nb.phones.keypad import Dialled, press_keys

PATTERNS = ("911", "933", "988", "211", "#", "0", "NXXNXXXXXX", "1NXXNXXXXXX", "01152NXXXXXXXXX", "011.", "+X.")
SHORT_WAIT = {"linksys": 3, "grandstream": 4, "polycom": 3}
GIVES_UP = {"linksys": 10, "grandstream": 4, "polycom": math.inf}

every_grammar = pytest.mark.parametrize("grammar", GRAMMARS)


def pressed(grammar: Grammar, keys: str, patterns: tuple[str, ...] = PATTERNS) -> Dialled:
    """What a phone with the dial string of these patterns sends for some keys."""
    return press_keys(grammar, write_dial_string(grammar, patterns), keys)


def accepts(patterns: tuple[str, ...], dialled: str) -> bool:
    """Whether a pattern matches the dialled keys as in Asterisk, independent of the tested code."""
    signs = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": "[0-9*#+]+", "+": r"\+", "*": r"\*"}
    return any(
        re.fullmatch("".join(signs.get(sign, sign) for sign in re.findall(r"\[[^]]*]|.", pattern)), dialled)
        for pattern in patterns
    )


def test_linksys_reads_as_in_its_manual() -> None:
    """It is in parentheses; its period means zero or more, so the digit is repeated before it."""
    assert write_dial_string("linksys", ("911", "1NXXNXXXXXX", "011.")) == "(911|1[2-9]xx[2-9]xxxxxx|011xx.)"


def test_grandstream_reads_as_in_its_manual() -> None:
    """It is in braces; its plus means one or more."""
    assert write_dial_string("grandstream", ("911", "[15-7]X*", "011.")) == "{ 911 | [15-7]x* | 011x+ }"


def test_polycom_reads_as_in_its_manual() -> None:
    """Its T is a timeout, used where more digits could follow."""
    assert write_dial_string("polycom", ("0", "NXXNXXXXXX", "011.")) == "0T|[2-9]xx[2-9]xxxxxx|011xx.T"


@every_grammar
def test_no_patterns_make_no_dial_string(grammar: Grammar) -> None:
    """The string is empty, and the phone keeps its default."""
    assert write_dial_string(grammar, ()) == ""
    assert write_dial_string(grammar, ("+X.",)) == ""


@every_grammar
def test_pattern_that_another_contains_is_left_out(grammar: Grammar) -> None:
    """Mexico's rule is for the service; on the phone the pattern for 011 includes it."""
    assert write_dial_string(grammar, ("01152NXXXXXXXXX", "011.")) == write_dial_string(grammar, ("011.",))


@every_grammar
@pytest.mark.parametrize(
    "keys",
    [
        "911",
        "933",
        "988",
        "211",
        "#",
        "5035550199",
        "9035550199",
        "9895550199",
        "9365550199",
        "15035550199",
        "9165550199",
    ],
)
def test_complete_numbers_are_sent_at_once(grammar: Grammar, keys: str) -> None:
    """Service codes, #, ten and eleven digits are sent with their last key."""
    assert pressed(grammar, keys) == Dialled(keys, len(keys), 0)


@every_grammar
@pytest.mark.parametrize("keys", ["0", "011525512345678", "011441632960123"])
def test_numbers_that_could_go_on_are_sent_after_the_short_wait(grammar: Grammar, keys: str) -> None:
    """0 and international numbers are sent after the timeout."""
    assert pressed(grammar, keys) == Dialled(keys, len(keys), SHORT_WAIT[grammar])


@every_grammar
@pytest.mark.parametrize("whole", ["911", "933", "211", "5035550199", "15035550199", "011441632960123"])
def test_no_shorter_piece_is_sent(grammar: Grammar, whole: str) -> None:
    """Incomplete numbers are given up after any pause."""
    pieces = [whole[:count] for count in range(1, len(whole)) if not accepts(PATTERNS, whole[:count])]
    assert pieces
    assert {pressed(grammar, piece) for piece in pieces} == {
        Dialled("", len(piece), GIVES_UP[grammar]) for piece in pieces
    }


@every_grammar
@pytest.mark.parametrize(("keys", "after"), [("*72", 1), ("##", 1), ("1105550199", 2), ("5031", 4), ("12345", 5)])
def test_impossible_numbers_are_given_up_at_the_first_wrong_key(grammar: Grammar, keys: str, after: int) -> None:
    """At the first key after which no pattern can match; ## is # and an extra key."""
    dialled = pressed(grammar, keys)
    assert dialled.after_keys == after
    assert dialled.sent == ("#" if keys == "##" else "")


@every_grammar
def test_911_is_sent_although_longer_numbers_begin_so(grammar: Grammar) -> None:
    """As 911 is no area code, it is sent at once."""
    assert pressed(grammar, "9115550199") == Dialled("911", 3, 0)


@every_grammar
@pytest.mark.parametrize("code", ["988", "933"])
def test_988_and_933_wait_no_longer_than_911(grammar: Grammar, code: str) -> None:
    """They are no area codes; after a 1 they can be part of a ten-digit number."""
    assert pressed(grammar, f"{code}5550199") == Dialled(code, 3, 0)
    assert pressed(grammar, f"1{code}5550199") == Dialled(f"1{code}5550199", 11, 0)


def test_codes_are_written_together() -> None:
    """Old firmware has a limit on segments."""
    assert write_dial_string("polycom", ("211", "311", "988", "911")) == "[239]11|988"


@every_grammar
def test_without_service_codes_area_codes_are_whole(grammar: Grammar) -> None:
    """If 911 is not a pattern, ten-digit numbers may begin with it."""
    assert pressed(grammar, "9115550199", ("NXXNXXXXXX",)) == Dialled("9115550199", 10, 0)


@every_grammar
def test_911_waited_in_the_old_networks_string_and_does_not_now(grammar: Grammar) -> None:
    """If ten digits may begin with 911, as in the old string, 911 waits; in ours it does not."""
    old = {
        "linksys": "(911|[2-9]xxxxxxxxx)",
        "grandstream": "{ 911 | [2-9]xxxxxxxxx }",
        "polycom": "911T|[2-9]xxxxxxxxx",
    }
    assert press_keys(grammar, old[grammar], "911") == Dialled("911", 3, SHORT_WAIT[grammar])
    assert pressed(grammar, "911", ("911", "NXXXXXXXXX")) == Dialled("911", 3, 0)


@pytest.mark.parametrize("pattern", ["[12", "[]", "[5-2]X", "5a", "N-", ".1"])
def test_unreadable_pattern_is_named(pattern: str) -> None:
    """The error is one line with the pattern."""
    with pytest.raises(DialplanError, match=re.escape(repr(pattern))):
        write_dial_string("linksys", (pattern,))


def test_polycom_map_that_is_too_long_is_refused() -> None:
    """Old firmware cuts a map after 20 segments without a message."""
    with pytest.raises(DialplanError, match="21 segments"):
        write_dial_string("polycom", tuple("4" * length for length in range(1, 22)))


@pytest.mark.parametrize(
    ("grammar", "dial_string"),
    [("grandstream", "(911|0)"), ("linksys", "{ 911 | 0 }"), ("linksys", "(S0<:#>)"), ("polycom", "911||0")],
)
def test_strings_of_another_grammar_are_not_simulated(grammar: Grammar, dial_string: str) -> None:
    """The simulator rejects syntax that it does not model, such as parentheses, which Grandstream ignores."""
    with pytest.raises(InputError):
        press_keys(grammar, dial_string, "911")


one_sign = st.sampled_from("XZN0123456789*#") | st.sampled_from(["[15-7]", "[0*#]", "[2-9]", "[19]"])
one_pattern = st.builds(
    lambda signs, last: "".join(signs) + last,
    st.lists(one_sign, min_size=1, max_size=6),
    st.sampled_from(["", "", "."]),
)
some_patterns = st.lists(one_pattern, min_size=1, max_size=6).map(tuple)
some_keys = st.text("0123456789*#", min_size=1, max_size=9)


def should_send(patterns: tuple[str, ...], keys: str) -> bool:
    """Whether a pattern, its `.` read as digits, matches, and the keys do not extend a service code."""
    digits_only = tuple(pattern for pattern in patterns if pattern.endswith(".") and keys[-1:].isdigit())
    fixed = tuple(pattern for pattern in patterns if not pattern.endswith("."))
    codes = tuple(one for one in patterns if re.fullmatch(r"(N|[2-9]|\[2-9])11|988|933", one.replace("]", "")))
    if len(keys) > 3 and accepts(codes, keys[:3]):
        return False
    return accepts(fixed, keys) or any(_fits_with_digits(pattern, keys) for pattern in digits_only)


def _fits_with_digits(pattern: str, keys: str) -> bool:
    fixed = len(re.findall(r"\[[^]]*]|.", pattern)) - 1
    return accepts((pattern,), keys) and keys[fixed:].isdigit()


@settings(deadline=None)
@given(patterns=some_patterns, keys=some_keys)
@example(patterns=PATTERNS, keys="9115550")
@example(patterns=("N11", "NXX."), keys="911")
@example(patterns=("988", "911", "XXX."), keys="9880")
@example(patterns=("X", "ZX"), keys="00")
def test_only_whole_numbers_are_sent_by_any_make(patterns: tuple[str, ...], keys: str) -> None:
    """With any plan, what a phone sends matches the plan; after an extra key, Polycom may send nothing."""
    linksys, grandstream, polycom = (pressed(grammar, keys, patterns).sent for grammar in GRAMMARS)
    assert not linksys or should_send(patterns, linksys)
    assert grandstream == linksys
    assert polycom in (linksys, "")


@settings(deadline=None)
@given(patterns=some_patterns, keys=some_keys)
def test_every_whole_number_is_sent(patterns: tuple[str, ...], keys: str) -> None:
    """With any plan, a matching number is sent completely."""
    if should_send(patterns, keys):
        assert {pressed(grammar, keys, patterns).sent for grammar in GRAMMARS} == {keys}
