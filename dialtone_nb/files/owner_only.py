"""Folders and files that hold secrets, for their owner alone: 0700 and 0600, whatever the umask was or is."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are absent, each for the owner alone from its first moment."""
    absent = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(absent):
        one.mkdir(mode=0o700, exist_ok=True)
        close_folder(one)  # a umask may have taken the owner's bits


def close_folder(folder: Path) -> None:
    """Close a folder that is open to others."""
    _close(folder, 0o700)


def make_file(path: Path) -> None:
    """Make an empty file; one that is there stays as it is."""
    with suppress(FileExistsError):
        os.close(open_new(path))


def open_new(path: Path) -> int:
    """Make a file for the owner alone from its first moment, and open it to be written; no link is followed."""
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.fchmod(made, 0o600)  # a umask may have taken the owner's bits
    return made


def close_file(path: Path) -> None:
    """Close a file that is open to others; a missing one is fine."""
    if path.exists():
        _close(path, 0o600)


def _close(path: Path, mode: int) -> None:
    # Where it is closed already, there is no need to own it.
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)
