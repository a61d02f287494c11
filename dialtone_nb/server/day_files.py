"""Event lines on the disk, a file for each UTC day; several processes may add to it, and any of them may die.

A line is there whole or not at all: a writer holds the file's lock, takes back what a full disk cut short, and cuts off
an unfinished line of a dead process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from dialtone_nb.files.atomic_file import sync_folder

_PATTERN: Final = "[0-9]" * 4 + "-[0-9][0-9]-[0-9][0-9].jsonl"
_TAIL: Final = 64 * 1024


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two lines: a file's name, and how many of its bytes lie before."""

    name: str = ""
    offset: int = 0


def day_file(folder: Path, moment: datetime) -> Path:
    """The file of the UTC day of a moment."""
    return folder / f"{moment:%Y-%m-%d}.jsonl"


def append_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Add the lines, which are on the disk when this returns; an `OSError` where they are not, and none of them is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = _cut_torn_line(file)
        try:
            _write_all(file, b"".join(line + b"\n" for line in lines))
            os.fsync(file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file, end)
            raise
    finally:
        os.close(file)
    if is_new:
        sync_folder(path.parent)


def read_lines(folder: Path, position: Position, most: int) -> tuple[list[bytes], Position]:
    """At most this many whole lines from a position on, in one file, and the position after them."""
    path = folder / position.name
    if not position.name or not path.exists():
        return [], position
    with path.open("rb") as file:
        file.seek(position.offset)
        lines: list[bytes] = []
        for line in file:
            if len(lines) == most or not line.endswith(b"\n"):
                break
            lines.append(line)
    return [line[:-1] for line in lines], Position(position.name, position.offset + sum(map(len, lines)))


def day_files(folder: Path) -> list[Path]:
    """The files of a folder, oldest day first."""
    return sorted(folder.glob(_PATTERN))


def last_lines(folder: Path, size: int) -> list[bytes]:
    """The lines in the last `size` bytes of each of the last two days."""
    lines: list[bytes] = []
    for path in day_files(folder)[-2:]:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            lines += file.read(size).splitlines()
    return lines


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _cut_torn_line(file: int) -> int:
    """The size of the file without an unfinished last line: its writer died before confirming it."""
    size = os.fstat(file).st_size
    if not size or os.pread(file, 1, size - 1) == b"\n":
        return size
    end = start = size
    while start and end == size:
        start, before = max(start - _TAIL, 0), start
        found = os.pread(file, before - start, start).rfind(b"\n")
        end = start + found + 1 if found >= 0 or not start else size
    os.ftruncate(file, end)
    return end
