"""Event files, in a folder or an archive -> pieces of their log; whatever can't be read is counted and named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from dialtone_nb.calls.event_log import Piece
from dialtone_nb.calls.event_rows import IrregularError, odd_rows, regular_rows
from dialtone_nb.calls.quality import Quality
from dialtone_nb.calls.read_ahead import map_ahead, read_ahead
from dialtone_nb.errors import Fault, InputError

PACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
}
EVENT_SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".log")
ARCHIVE_SUFFIXES: Final = (".tar", ".tar.xz", ".tar.gz", ".tgz", ".txz", ".tar.bz2")
# What a broken or cut-off archive or packed file can raise.
UNPACKING_ERRORS: Final = (EOFError, ValueError, lzma.LZMAError, zlib.error, tarfile.ReadError, OSError)
# Small files are read so many bytes at a time; each piece costs a millisecond of its own.
PIECE_BYTES: Final = 1_000_000

File = tuple[str, bytes]


def read_event_files(source: Path, quality: Quality) -> Iterator[Piece]:
    """Every event file of a folder, of archives in it, of an archive, or this one file; a folder's in order of name."""
    # Unpacking goes ahead in a thread, with a tally of its own: what is found has an order that does not hang on luck.
    unpacking = Quality()
    yield from map_ahead(_read_piece, _together(read_ahead(_contents(source, unpacking))))
    quality.add(unpacking)


def _read_piece(files: list[File]) -> Piece:
    quality = Quality()
    try:
        return Piece.join([Piece.of(rows, quality) for rows in regular_rows(content for _, content in files)])
    except IrregularError:
        quality = Quality()
        return Piece.join([Piece.of(odd_rows(name, content, quality), quality) for name, content in files])


def _together(files: Iterable[File]) -> Iterator[list[File]]:
    """The files in runs of about a piece's size."""
    run: list[File] = []
    for file in files:
        run.append(file)
        if sum(len(content) for _, content in run) >= PIECE_BYTES:
            yield run
            run = []
    if run:
        yield run


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
