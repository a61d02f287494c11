"""A phone's new password while Twilio has not confirmed it: in a private file of its own, beside the one that counts.

A run that dies in between leaves it there. Whether Twilio has it nobody can tell, as passwords can't be read back; sent
once more it does no harm, and then it is the phone's.
"""

from __future__ import annotations

from pathlib import Path

from dialtone_nb.phones.private_files import save_private_files

PENDING_FILE = "pending.txt"


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
