"""Passwords of phones: strong ones, Twilio's rules for them, and where a new one is until Twilio has confirmed it.

A run that dies in between leaves the new one in a private file of its own. Whether Twilio has it nobody can tell, as
passwords can't be read back; sent once more it does no harm, and then it is the phone's.
"""

from __future__ import annotations

import secrets
import string
from pathlib import Path

from dialtone_nb.phones.private_files import save_private_files

# They are read off paper or a screen and typed on a phone's keypad or web page: letters and digits only,
# and none of those that look like another.
LOOK_ALIKES = "0Oo1lI"
LETTERS_AND_DIGITS = "".join(c for c in string.ascii_letters + string.digits if c not in LOOK_ALIKES)
LENGTH = 24  # about 139 bits

# Twilio refuses less: SIP credentials, "Password: at least 12 characters, one digit, upper and lower case".
SHORTEST = 12
PENDING_FILE = "pending.txt"


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


def save_pending_password(folder: Path, password: str) -> None:
    """Save the password to disk, so that it is not lost with the run that sends it."""
    save_private_files(folder, {PENDING_FILE: f"{password}\n"})


def load_pending_password(folder: Path) -> str:
    """The password that a run was about to set; empty where none was."""
    file = folder / PENDING_FILE
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def delete_pending_password(folder: Path) -> None:
    """Forget the password: it is no longer being set."""
    (folder / PENDING_FILE).unlink(missing_ok=True)
