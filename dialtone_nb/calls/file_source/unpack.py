"""Unpacking a source: files from folders, archives and compression of any kind, as UTF-8, recognised by content."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple, Protocol

import pyarrow as pa

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.errors import Fault, InputError

File = tuple[str, bytes]

HEAD_BYTES: Final = 512  # a tar archive's header
READ_BYTES: Final = 1_000_000
# Small, because repetitive data may unpack to thousands of times its size.
PACKED_BYTES: Final = 8_192
# Small too: if an archive is cut off, the whole read that meets its end is lost.
PART_BYTES: Final = 131_072
# A file may be compressed twice, if it was sent through something that compresses. Five layers are an attack.
MOST_LAYERS: Final = 5
# The exceptions that a damaged or cut-off archive or compressed file can raise.
UNPACKING_ERRORS: Final = (
    EOFError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,
    OverflowError,
    struct.error,
    OSError,
)
# No log of a small network's calls has as many bytes; a few kilobytes made to fill a computer's memory may.
MOST_UNPACKED: Final = 2_000_000_000
CUT_OFF: Final = "archive is cut off or damaged"
OTHER_KINDS: Final = "files of another kind"
# Control characters that no text has.
NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c\x1d\x1f]")
ZIP: Final = b"PK\x03\x04"


class Readable(Protocol):
    """An open file, or a stream of unpacked data."""

    def read(self, size: int = -1, /) -> bytes: ...


class Packing(NamedTuple):
    """A compression format: whether the first bytes are of it, and how to unpack a stream in parts."""

    fits: Callable[[bytes], object]
    unpack: Callable[[Readable], Iterator[bytes]]


def _begins(pattern: bytes) -> Callable[[bytes], object]:
    return re.compile(pattern, re.S).match


def _is_zlib(head: bytes) -> bool:
    """Whether this is a zlib stream (RFC 1950), as in HTTP bodies; a text can begin with the same two letters."""
    try:
        zlib.decompressobj().decompress(head)
    except zlib.error:
        return False
    return head.startswith((b"x\x01", b"x^", b"x\x9c", b"x\xda"))


def _is_raw_deflate(head: bytes) -> bool:
    """Whether this is a deflate stream without header (RFC 1951), as some servers send; it has to unpack to a text."""
    try:
        text = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head)
    except zlib.error:
        return False
    return bool(NO_TEXT.search(head) and len(text) > len(head) / 2 and not NO_TEXT.search(text))


def _unpack_by(begin: Callable[[], Any]) -> Callable[[Readable], Iterator[bytes]]:
    """An unpacker that uses a new decompressor, made by `begin`, for each member of a stream."""

    def parts(stream: Readable) -> Iterator[bytes]:
        unpacking = begin()
        while packed := stream.read(PACKED_BYTES):
            while packed:
                if unpacking.eof:
                    unpacking = begin()
                yield unpacking.decompress(packed)
                # Tapes and disks pad blocks with zeros.
                packed = unpacking.unused_data.lstrip(b"\x00")
        if not unpacking.eof:
            raise EOFError("the packed data ends too early")

    return parts


def _unpack_zstd(stream: Readable) -> Iterator[bytes]:
    with pa.CompressedInputStream(pa.BufferReader(stream.read()), "zstd") as unpacked:
        while part := unpacked.read(PACKED_BYTES):
            yield part


PACKINGS: Final = (
    Packing(_begins(rb"\x1f\x8b\x08"), _unpack_by(lambda: zlib.decompressobj(16 + zlib.MAX_WBITS))),
    Packing(_begins(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), _unpack_by(bz2.BZ2Decompressor)),
    Packing(_begins(rb"\xfd7zXZ\x00|\x5d\x00\x00.\x00"), _unpack_by(lzma.LZMADecompressor)),
    Packing(_begins(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), _unpack_zstd),
    Packing(_is_zlib, _unpack_by(zlib.decompressobj)),
    Packing(_is_raw_deflate, _unpack_by(lambda: zlib.decompressobj(-zlib.MAX_WBITS))),
)

# Files that are no logs of calls, by their first bytes: what they are, and what to do.
BINARIES: Final = (
    (_begins(rb"%PDF"), "a PDF; download the calls as CSV"),
    (_begins(rb"PAR1"), "a Parquet file; name the archive that its folder belongs to"),
    (_begins(rb"SQLite format 3\x00"), "a database; export its calls as CSV"),
    (_begins(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP"), "a picture"),
    (_begins(rb"RIFF....WAVE|ID3|OggS"), "a sound recording"),
    (_begins(rb"\xd0\xcf\x11\xe0"), "an Excel workbook; save it as CSV"),
    (
        _begins(rb"7z\xbc\xaf\x27\x1c|Rar!|LZIP|\x1f\x9d|\x04\x22\x4d\x18"),
        "packed in a way that is not read; unpack it",
    ),
    (_begins(rb"\x85\x01|\x84\x8c|Salted__"), "encrypted; decrypt it"),
)
UTF_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Without a byte order mark, the zero bytes of ASCII characters show the byte order.
UNMARKED: Final = (
    (_begins(rb"(?:[\t-~]\x00{3}){2}"), "utf-32-le"),
    (_begins(rb"(?:\x00{3}[\t-~]){2}"), "utf-32-be"),
    (_begins(rb"(?:[\t-~]\x00){2}"), "utf-16-le"),
    (_begins(rb"(?:\x00[\t-~]){2}"), "utf-16-be"),
)


def unpack_files(source: Path, quality: Quality) -> Iterator[File]:
    """The name and content of a file, or of all files in an archive, or in a folder in the order of their names."""
    if source.is_dir():
        for path in sorted(_paths_in(source, quality)):
            yield from _unpack(path.relative_to(source).as_posix(), _parts_of_file(path), quality)
    elif not source.exists():
        repair = "name the folder of several files" if re.search("[*?,]", str(source)) else "check the path"
        raise InputError(Fault(f"source {source}", "there is no such file or folder", repair))
    else:
        yield from _unpack(source.name, _parts_of_file(source), quality)


def _paths_in(source: Path, quality: Quality) -> Iterator[Path]:
    """The files in a folder and in its folders, also linked ones, each folder once; hidden ones are left out."""

    def note(error: OSError) -> None:
        name = Path(error.filename).relative_to(source).as_posix()
        quality.note("folders that can't be read", "left out", example=f"{name}: {_words(error)}; give yourself access")

    seen: set[str] = set()
    for folder, folders, files in os.walk(source, onerror=note, followlinks=True):
        # A link may lead to a folder that holds it.
        is_new = os.path.realpath(folder) not in seen
        seen.add(os.path.realpath(folder))
        folders[:] = sorted(name for name in folders if is_new and not _is_hidden(name))
        for path in (Path(folder, name) for name in files if is_new and not _is_hidden(name)):
            if path.is_file():
                yield path
            else:
                what = "a link to nothing" if path.is_symlink() else "no file that can be read"
                quality.note(OTHER_KINDS, "left out", example=f"{path.relative_to(source).as_posix()}: {what}")


def _is_hidden(name: str) -> bool:
    """Whether a file or one of its folders is hidden, such as .git."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts if part != "..")


class _Stream:
    """A stream made of parts, whose first bytes are in `head`; an error is raised only after all whole data is read.

    It can be read forwards only.
    """

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._ready, self._at, self._place = parts, b"", 0, 0
        self._error: Exception | None = None
        self._fill(HEAD_BYTES)
        self.head = self._ready[:HEAD_BYTES]

    def read(self, size: int = -1, /) -> bytes:
        """Read this many bytes, fewer only at the end; -1 reads all."""
        self._fill(size)
        begin, end = self._at, len(self._ready) if size < 0 else self._at + size
        if self._error and begin == len(self._ready):
            raise self._error
        self._at = min(end, len(self._ready))
        self._place += self._at - begin
        return self._ready[begin:end]

    def tell(self) -> int:
        """How many bytes have been read."""
        return self._place

    def seek(self, place: int) -> None:
        """Read on up to this place, or to the end."""
        while self._place < place and self.read(min(place - self._place, PART_BYTES)):
            pass

    def _fill(self, size: int) -> None:
        count = len(self._ready) - self._at
        if 0 <= size <= count or self._error:
            return
        ready = [self._ready[self._at :]]
        try:
            while size < 0 or count < size:
                ready.append(next(self._parts))
                count += len(ready[-1])
        except StopIteration:
            pass
        except UNPACKING_ERRORS as error:
            self._error = error
        self._ready, self._at = b"".join(ready), 0


def _parts_of(stream: Readable) -> Iterator[bytes]:
    while part := stream.read(PART_BYTES):
        yield part


def _parts_of_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from _parts_of(stream)


def _unpack(name: str, parts: Iterator[bytes], quality: Quality, layers: int = MOST_LAYERS) -> Iterator[File]:
    stream = _Stream(parts)
    packing = next((one for one in PACKINGS if one.fits(stream.head)), None)
    if packing and layers:
        yield from _unpack(name, packing.unpack(stream), quality, layers - 1)
    elif _is_tar(stream.head) and layers:
        yield from _unpack_tar(name, stream, quality, layers - 1)
    elif stream.head.startswith(ZIP) and layers:
        yield from _unpack_zip(name, stream, quality, layers - 1)
    elif what := _binary(stream.head):
        quality.note(OTHER_KINDS, "left out", example=f"{name}: {what}")
    else:
        yield from _read(name, stream, quality, is_packed=layers < MOST_LAYERS)


def _read(name: str, stream: _Stream, quality: Quality, *, is_packed: bool) -> Iterator[File]:
    """Yield the file as far as it can be unpacked, or nothing if none of it can."""
    read = []
    try:
        while part := stream.read(READ_BYTES):
            read.append(part)
            if is_packed and stream.tell() > MOST_UNPACKED:
                example = f"{name}: more than {MOST_UNPACKED / 1e9:g} GB; if it is no bomb, split it"
                quality.note("files that unpack to too much", "left out", example=example)
                return
    except UNPACKING_ERRORS as error:
        repair = "give yourself access" if isinstance(error, PermissionError) else "copy it again"
        example = f"{name}: {_words(error)}; {repair}"
        if not read:
            quality.note("files that can't be unpacked", "left out", example=example)
            return
        quality.note("packed files that are cut off or damaged", "read as far as they go", example=example)
    yield name, _utf8(b"".join(read))


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _unpack_tar(name: str, stream: Any, quality: Quality, layers: int) -> Iterator[File]:
    last = ""
    try:
        with tarfile.open(fileobj=stream, mode="r:") as members:
            for member in members:
                last = member.name
                if member.isfile() and not _is_hidden(last):
                    yield from _unpack(last, _parts_of_member(members, member, stream), quality, layers)
    except UNPACKING_ERRORS as error:
        how_far = f"{name}, read as far as {last}" if last else name
        quality.note(CUT_OFF, "read as far as it goes", example=f"{how_far}: {_words(error)}; copy it again")


def _parts_of_member(members: tarfile.TarFile, member: tarfile.TarInfo, stream: _Stream) -> Iterator[bytes]:
    """The content of a file in an archive, past tarfile, which would copy all of it three times."""
    if member.issparse():
        yield from _parts_of(members.extractfile(member))  # type: ignore[arg-type]  # it is a file
        return
    end = member.offset_data + member.size
    while size := min(end - stream.tell(), PART_BYTES):
        if not (part := stream.read(size)):
            raise EOFError("unexpected end of data")
        yield part


def _unpack_zip(name: str, stream: Readable, quality: Quality, layers: int) -> Iterator[File]:
    try:
        with zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
            members = [one for one in archive.infolist() if not one.is_dir() and not _is_hidden(one.filename)]
            if "[Content_Types].xml" in archive.namelist():
                members = []
                quality.note(OTHER_KINDS, "left out", example=f"{name}: an Excel workbook or the like; save it as CSV")
            for member in sorted(members, key=lambda one: one.filename):
                if member.flag_bits & 1:
                    example = f"{member.filename}: needs a password; unpack {name} with it"
                    quality.note("files that can't be unpacked", "left out", example=example)
                    continue
                with archive.open(member) as file:
                    yield from _unpack(member.filename, _parts_of(file), quality, layers)
    except UNPACKING_ERRORS as error:
        quality.note(CUT_OFF, "left out", example=f"{name}: {_words(error)}; copy it again")


def _binary(head: bytes) -> str:
    """What a binary file is, and what to do with it; "" for a text."""
    for begins, what in BINARIES:
        if begins(head):
            return what
    return "" if _encoding(head) or not NO_TEXT.search(head) else "no text"


def _encoding(head: bytes) -> str:
    marked = next((encoding for mark, encoding in UTF_MARKS if head.startswith(mark)), "")
    return marked or next((encoding for begins, encoding in UNMARKED if begins(head)), "")


def _utf8(content: bytes) -> bytes:
    encoding = _encoding(content[:HEAD_BYTES])
    return content.decode(encoding, errors="replace").encode() if encoding else content


def _words(error: Exception) -> str:
    """An error's message, without bytes of the file or its place on this machine."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return re.sub(r"\s*\(b['\"].*", "", str(error)) or type(error).__name__
