"""A source's files -> pieces of their log: events fast, every other kind of file by its format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.event_source.log import Piece
from dialtone_nb.calls.event_source.rows import IrregularError, regular_rows
from dialtone_nb.calls.file_source.formats import read_file
from dialtone_nb.calls.file_source.read_ahead import map_ahead, read_ahead
from dialtone_nb.calls.file_source.unpack import File, unpack_files

# Small files are read so many bytes at a time; each piece costs a millisecond of its own.
PIECE_BYTES: Final = 1_000_000


def read_files(source: Path, quality: Quality) -> Iterator[Piece]:
    """What every file of a folder tells, of an archive, or this one file; a folder's in order of name."""
    # Unpacking goes ahead in a thread, with a tally of its own: what is found has an order that does not hang on luck.
    unpacking = Quality()
    yield from map_ahead(_read_piece, _together(read_ahead(unpack_files(source, unpacking))))
    quality.add(unpacking)


def _read_piece(files: list[File]) -> Piece:
    quality = Quality()
    try:
        return Piece.join([Piece.of(rows, quality) for rows in regular_rows(content for _, content in files)])
    except IrregularError:
        quality = Quality()
        return Piece.join([read_file(name, content, quality) for name, content in files])


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
