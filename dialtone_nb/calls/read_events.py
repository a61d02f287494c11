"""Event files, in a folder or an archive -> rows; whatever can't be read is counted and named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import orjson

from dialtone_nb.calls.quality import Quality
from dialtone_nb.calls.read_ahead import read_ahead
from dialtone_nb.errors import Fault, InputError

PACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
}
EVENT_SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".log")
ARCHIVE_SUFFIXES: Final = (".tar", ".tar.xz", ".tar.gz", ".tgz", ".txz", ".tar.bz2")
# What a broken or cut-off archive or packed file can raise.
UNPACKING_ERRORS: Final = (EOFError, lzma.LZMAError, gzip.BadGzipFile, tarfile.ReadError, OSError)


@dataclass(frozen=True, slots=True)
class EventFile:
    """One file of events: its name in the folder or archive, and its rows."""

    name: str
    rows: list[Any]


def read_event_files(source: Path, quality: Quality) -> Iterator[EventFile]:
    """Every event file of a folder, of archives in it, of an archive, or this one file; a folder's in order of name."""
    # Unpacking goes ahead in a thread, with a tally of its own: what is found has an order that does not hang on luck.
    unpacking = Quality()
    for name, content in read_ahead(_contents(source, unpacking)):
        yield EventFile(name, parse_rows(name, content, quality))
    for finding in unpacking.findings():
        quality.note(finding.what, finding.treatment, finding.count, finding.example)


def is_archive(path: Path) -> bool:
    """Whether this is the name of a tar archive."""
    return path.name.endswith(ARCHIVE_SUFFIXES)


def _contents(source: Path, quality: Quality) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            if is_archive(path):
                yield from _members(path, quality)
            elif _holds_events(path.name, quality):
                yield from _unpacked(path.relative_to(source).as_posix(), path.read_bytes(), quality)
    elif not source.exists():
        raise InputError(Fault(f"source {source}", "there is no such file or folder", "check the path"))
    elif is_archive(source):
        yield from _members(source, quality)
    else:
        yield from _unpacked(source.name, source.read_bytes(), quality)


def _members(archive: Path, quality: Quality) -> Iterator[tuple[str, bytes]]:
    name = ""
    try:
        with tarfile.open(archive, "r|*") as members:
            for member in members:
                name = member.name
                file = members.extractfile(member) if member.isfile() else None
                if file and _holds_events(name, quality):
                    yield from _unpacked(name, file.read(), quality)
    except UNPACKING_ERRORS as error:
        if not name:
            raise InputError(Fault(f"source {archive}", f"is no readable archive: {error}", "copy it again")) from None
        quality.note("archive is cut off or damaged", f"read as far as {name}", example=f"{archive.name}: {error}")


def _holds_events(name: str, quality: Quality) -> bool:
    path = PurePosixPath(name)
    if path.name.startswith("."):
        return False
    suffix = PurePosixPath(path.stem).suffix if path.suffix in PACKERS else path.suffix
    if suffix in EVENT_SUFFIXES:
        return True
    quality.note("files of another kind", "left out", example=name)
    return False


def _unpacked(name: str, content: bytes, quality: Quality) -> Iterator[tuple[str, bytes]]:
    unpack = PACKERS.get(PurePosixPath(name).suffix)
    try:
        yield name, unpack(content) if unpack else content
    except UNPACKING_ERRORS as error:
        quality.note("files that can't be unpacked", "left out", example=f"{name}: {error}")


def parse_rows(name: str, content: bytes, quality: Quality) -> list[Any]:
    """The rows of a file: a JSON array, or JSON lines; of a cut-off one, those that are whole."""
    content = content.strip().removeprefix(b"\xef\xbb\xbf")
    if not content:
        quality.note("empty files", "no rows in them", example=name)
        return []
    try:
        if not content.startswith(b"["):
            return _parse_lines(name, content, quality)
        rows = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return _salvage(name, content, str(error), quality)
    return list(rows)


def _parse_lines(name: str, content: bytes, quality: Quality) -> list[Any]:
    lines = [line for line in content.splitlines() if line.strip()]
    try:
        return list(orjson.loads(b"[" + b",".join(lines) + b"]"))
    except orjson.JSONDecodeError:
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                rows.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                quality.note("lines that are no JSON", "left out", example=f"{name}:{number}: {error}")
        return rows


def _salvage(name: str, content: bytes, problem: str, quality: Quality) -> list[Any]:
    whole = content[: content.rfind(b"}") + 1]
    try:
        rows = list(orjson.loads(whole + b"]"))
    except orjson.JSONDecodeError:
        quality.note("files that are no JSON", "left out", example=f"{name}: {problem}")
        return []
    quality.note("files that are cut off", "their whole rows were kept", example=f"{name}: after {len(rows)} rows")
    return rows
