"""Passwords of phones: strong ones, and Twilio's rules for them."""

from __future__ import annotations

import secrets
import string

# They are read off paper or a screen and typed on a phone's keypad or web page: letters and digits only,
# and none of those that look like another.
LOOK_ALIKES = "0Oo1lI"
LETTERS_AND_DIGITS = "".join(c for c in string.ascii_letters + string.digits if c not in LOOK_ALIKES)
LENGTH = 24  # about 139 bits

# Twilio refuses less: SIP credentials, "Password: at least 12 characters, one digit, upper and lower case".
SHORTEST = 12


def generate_password() -> str:
    """A new password of 24 letters and digits, easy to read and to type, that satisfies Twilio."""
    while True:  # once, nearly always: drawing again keeps every allowed password equally likely
        password = "".join(secrets.choice(LETTERS_AND_DIGITS) for _ in range(LENGTH))
        if not password_faults(password):
            return password


def password_faults(password: str) -> tuple[str, ...]:
    """What Twilio would refuse in a SIP credential's password, in words that don't repeat it; empty where good."""
    faults = []
    if len(password) < SHORTEST:
        faults.append(f"has {len(password)} characters; Twilio wants at least {SHORTEST}")
    for wanted, characters in (
        ("a digit", string.digits),
        ("an upper case letter", string.ascii_uppercase),
        ("a lower case letter", string.ascii_lowercase),
    ):
        if not set(password) & set(characters):
            faults.append(f"has not {wanted}; Twilio wants at least one")
    return tuple(faults)
