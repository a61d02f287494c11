"""Event lines on their way to the disk, in memory that outlives the process, which may be killed at any moment.

A process spools a line before it answers the call, and empties the spool once the disk has the line. What a killed
process leaves there is moved to the day files by whoever starts next, or by the parent of several workers.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from dialtone_nb.server.day_files import append_lines, day_file, last_lines

# A memory file system where there is one: writing to it takes a microsecond, and waits for no disk, however slow, full
# or gone, so it can be done while a caller waits. Sticky and everybody's, hence the owner checks below.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - files in it are made by mkstemp
# How much of the day files is searched for lines that reached the disk just before their process died.
_SEARCHED: Final = 8 * 1024 * 1024
_log = logging.getLogger(__name__)


class Spool:
    """The waiting lines of one process, in two files that take turns: one is being saved, the other takes new lines."""

    def __init__(self, folder: Path) -> None:
        self._files: list[tuple[Path, int]] = []
        self._current = 0
        self._is_saving = False
        try:
            for _ in range(2):
                self._files.append(_new_file(folder))
        except OSError as error:
            _log.warning("%s: events of a killed process would be lost: %s", folder, error.strerror)
            self.close()

    def add(self, line: bytes) -> None:
        """Take a line."""
        if self._files:
            # The newline comes first, so that a line that is cut short for lack of memory spoils no other.
            with contextlib.suppress(OSError):
                os.write(self._files[self._current][1], b"\n" + line)

    def begin_saving(self) -> None:
        """All lines so far are about to be saved: add new ones to the other file, unless that is not saved yet."""
        if not self._is_saving:
            self._current = 1 - self._current
            self._is_saving = True

    def end_saving(self) -> None:
        """The lines of before `begin_saving` are on the disk: forget them."""
        self._is_saving = False
        if self._files:
            os.ftruncate(self._files[1 - self._current][1], 0)

    def close(self, *, keep: bool = False) -> None:
        """Let go of the files; they stay, for the next server, where lines in them were never saved."""
        while self._files:
            path, file = self._files.pop()
            if not keep:
                path.unlink(missing_ok=True)
            os.close(file)


def save_left_lines(folder: Path) -> int:
    """Move what killed processes left to the folder's day files; how many lines. An `OSError` if the disk is full."""
    saved = 0
    for path in sorted(memory_folder().glob(f"{_prefix(folder)}*")):
        if (file := _take_over(path)) is None:
            continue
        try:
            left = [line for line in os.pread(file, os.fstat(file).st_size, 0).split(b"\n") if _is_whole(line)]
            # Those that their process had saved, but died before it could forget them, are on the disk already.
            known = set(last_lines(folder, _SEARCHED)) if left else set()
            if unsaved := [line for line in left if line not in known]:
                append_lines(day_file(folder, datetime.now(UTC)), unsaved)
                saved += len(unsaved)
            path.unlink(missing_ok=True)
        finally:
            os.close(file)
    if saved:
        _log.warning("%s: saved %d event(s) of a process that was killed", folder, saved)
    return saved


def memory_folder() -> Path:
    """Where files are in memory, so that a full disk takes nothing from them; else where all temporary files are."""
    return _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def _prefix(folder: Path) -> str:
    """How the names of a folder's spools begin; for this user alone."""
    return f"dialtone-{os.geteuid()}-{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}-"


def _new_file(folder: Path) -> tuple[Path, int]:
    """A file that is locked for as long as this process lives."""
    while True:
        made, name = tempfile.mkstemp(prefix=_prefix(folder), dir=memory_folder())
        os.close(made)
        file = os.open(name, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        fcntl.flock(file, fcntl.LOCK_EX)
        # Somebody who looks for what is left may have come between.
        if os.fstat(file).st_nlink:
            return Path(name), file
        os.close(file)


def _take_over(path: Path) -> int | None:
    """The open file of a dead process, locked; None where its process lives, or somebody else has taken it over."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(file)
        if status.st_nlink and status.st_uid == os.geteuid():
            return file
    os.close(file)
    return None


def _is_whole(line: bytes) -> bool:
    try:
        return bool(orjson.loads(line))
    except orjson.JSONDecodeError:
        return False
