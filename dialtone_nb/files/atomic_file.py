"""Files that are whole at any moment: a reader, or a crash in the middle of writing, finds the old or the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from dialtone_nb.files.owner_only import open_new


def write_whole(path: Path, content: str) -> None:
    """Put the content in the file's place, on the disk when this returns."""
    write_together({path: content})


def write_together(contents: Mapping[Path, str], *, owner_only: bool = False) -> None:
    """Put each content in its file's place, all of them on the disk before the first is moved there.

    A link that stands in a file's place is replaced, not followed.
    """
    with ExitStack() as leftovers:
        written = {}
        for path, content in contents.items():
            written[path] = beside = _write_beside(path, content, owner_only=owner_only)
            leftovers.callback(beside.unlink, missing_ok=True)
        for path, beside in written.items():
            beside.replace(path)
    for folder in {path.parent for path in contents}:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Put the folder's list of files on the disk, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def _write_beside(path: Path, content: str, *, owner_only: bool) -> Path:
    """A new file next to the path with the content; nobody else ever writes to it, however many write to the path."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    file = open_new(beside) if owner_only else os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(file, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside
