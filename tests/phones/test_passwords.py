"""Passwords are strong, readable and accepted by Twilio."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.phones.passwords import generate_password, password_faults


def test_generated_passwords_are_long_and_differ() -> None:
    """A thousand passwords are all different, and none is shorter than 20."""
    passwords = {generate_password() for _ in range(1000)}
    assert len(passwords) == 1000
    assert min(map(len, passwords)) >= 20


def test_generated_passwords_satisfy_twilio() -> None:
    """Generated passwords have no fault."""
    assert {password_faults(generate_password()) for _ in range(1000)} == {()}


def test_generated_passwords_can_be_read_off_paper() -> None:
    """ASCII letters and digits only, without similar-looking ones."""
    signs = set("".join(generate_password() for _ in range(1000)))
    assert all(sign.isascii() and sign.isalnum() for sign in signs)
    assert not signs & set("0O1lI")
    assert len(signs) == 56  # every other letter and digit but o does occur


@pytest.mark.parametrize(
    ("password", "missing"),
    [
        ("Short1", "6 characters"),
        ("NoDigitsInThisOne", "a digit"),
        ("no upper case 123", "an upper case letter"),
        ("NO LOWER CASE 123", "a lower case letter"),
    ],
)
def test_each_rule_of_twilio_has_its_own_words(password: str, missing: str) -> None:
    """The message for a broken rule names that rule."""
    (fault,) = password_faults(password)
    assert missing in fault


@settings(deadline=None)
@given(st.text("☎§%#", min_size=1))
def test_faults_never_repeat_the_password(password: str) -> None:
    """No message contains the password."""
    assert password_faults(password)
    assert not set(password) & set(" ".join(password_faults(password)))
