"""Storage of archives: a local folder or any address that pyarrow or fsspec knows, with atomic writes and a lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

import orjson
import pyarrow as pa
from pyarrow import fs

from dialtone_nb.errors import Fault, InputError

Row = TypeVar("Row")

LOCK_FILE: Final = ".lock"
# The first sync of a busy account takes minutes; a run that waits for it then has almost nothing left to fetch.
LOCK_PATIENCE_S: Final = 900


def open_archive(archive: str) -> tuple[fs.FileSystem, str]:
    """The file system and folder of an address such as s3://bucket/calls, or of a local path.

    Schemes that pyarrow does not know are left to fsspec (memory://, az://, sftp://, …), if the library of each is
    installed.
    """
    if "://" not in archive:
        return fs.LocalFileSystem(), Path(archive).expanduser().resolve().as_posix()
    try:
        system, root = fs.FileSystem.from_uri(archive)
    except pa.ArrowInvalid:
        system, root = _open_by_fsspec(archive)
    return system, root.rstrip("/")


def _open_by_fsspec(archive: str) -> tuple[fs.FileSystem, str]:
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(archive)
    except (ValueError, ImportError) as error:
        raise InputError(
            Fault(f"archive {archive}", f"can't be opened: {error}", "install what it names, or name a folder")
        ) from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), root


def replace_file(system: fs.FileSystem, path: str, write: Callable[[pa.NativeFile], object]) -> None:
    """Write a temporary file and rename it: readers, and a crash, leave either the old file or the new one, whole.

    Each writer has a temporary file of its own. Raises InputError if writing fails, for example on a full disk.
    """
    folder, _, name = path.rpartition("/")
    beside = f"{folder}/.{name}.{uuid4().hex}.new"
    try:
        with system.open_output_stream(beside) as stream:
            write(stream)
        system.move(beside, path)
    except BaseException as error:
        with suppress(OSError):
            system.delete_file(beside)
        if isinstance(error, OSError):
            problem = f"can't be written: {error.strerror or error}"
            repair = "make room, or give it back its rights; then run again, what is there already stays"
            raise InputError(Fault(f"archive {path}", problem, repair)) from None
        raise


@contextmanager
def locked_archive(archive: str) -> Iterator[None]:
    """Lock the archive for one writer while in the block; raises InputError if another holds it for too long.

    A killed writer leaves no lock behind. Only local folders are locked. Elsewhere two writers still leave whole files,
    and each day is as the later of them read it.
    """
    system, root = open_archive(archive)
    if not isinstance(system, fs.LocalFileSystem):
        yield
        return
    from filelock import FileLock, Timeout

    system.create_dir(root)
    try:
        lock = FileLock(f"{root}/{LOCK_FILE}", timeout=LOCK_PATIENCE_S)
        with lock:
            yield
    except Timeout:
        problem = f"is being written by another run for more than {LOCK_PATIENCE_S:g} seconds"
        raise InputError(Fault(f"archive {archive}", problem, "wait for it to end, then run again")) from None


def keep_rows(archive: str, name: str, rows: Iterable[Any]) -> None:
    """Save data classes as a JSON file in an archive, replacing the file atomically."""
    system, root = open_archive(archive)
    system.create_dir(root)
    content = orjson.dumps([asdict(one) for one in rows], option=orjson.OPT_INDENT_2)
    replace_file(system, f"{root}/{name}", lambda stream: stream.write(content))


def load_rows(archive: str, name: str, read: Callable[..., Row], what: str, repair: str) -> tuple[Row, ...]:
    """Load data classes, each with a time `at`, from a JSON file in an archive; raises InputError if it is damaged."""
    system, root = open_archive(archive)
    path = f"{root}/{name}"
    if system.get_file_info(path).type == fs.FileType.NotFound:
        return ()
    with system.open_input_stream(path) as stream:
        content = stream.read()
    try:
        return tuple(read(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in orjson.loads(content))
    except (ValueError, KeyError, TypeError):
        raise InputError(Fault(f"archive {path}", f"holds no {what}", repair)) from None
