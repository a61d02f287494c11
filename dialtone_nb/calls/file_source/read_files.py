"""A source's files -> pieces of a log, with a fast path for event files."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.event_source.log import Piece
from dialtone_nb.calls.event_source.repeated_rows import RepeatedRows
from dialtone_nb.calls.event_source.rows import IrregularError, regular_rows
from dialtone_nb.calls.file_source.formats import read_file
from dialtone_nb.calls.file_source.unpack import File, unpack_files

# Bytes of small files that are read as one piece, because each piece costs a few milliseconds.
PIECE_BYTES: Final = 4_000_000
Thing = TypeVar("Thing")
# Things that the thread may have ready before it waits for the reader, to limit memory.
AHEAD: Final = 2


def read_files(source: Path, quality: Quality) -> Iterator[Piece]:
    """Read a file, or all files of an archive or of a folder, the latter in the order of their names."""
    # Unpacking goes on in another thread and has a tally of its own, so that the order of findings is always the same.
    unpacking, repeated = Quality(), RepeatedRows()
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Callable[[], Piece]] = deque()
        for files in read_ahead(_together(unpack_files(source, unpacking))):
            under_way.append(_start_reading(files, repeated, pool))
            # One more than can be worked on, so that no worker waits while the caller is busy with a piece.
            if len(under_way) > workers + 1:
                yield under_way.popleft()()
        yield from (finish() for finish in under_way)
    quality.add(unpacking)


def _start_reading(files: list[File], repeated: RepeatedRows, pool: ThreadPoolExecutor) -> Callable[[], Piece]:
    """Read some files here and now where their rows repeat, which is mere counting; others are parsed by the pool."""
    quality = Quality()
    try:
        piece = repeated.read([content for _, content in files], quality)
    except IrregularError:
        return pool.submit(_parse_piece, files).result
    return lambda: piece


def _parse_piece(files: list[File]) -> Piece:
    """Parse some files in the fastest way that all of them allow."""
    quality = Quality()
    try:
        return Piece.join([Piece.of(rows, quality) for rows in regular_rows(content for _, content in files)])
    except IrregularError:
        quality = Quality()
        return Piece.join([read_file(name, content, quality) for name, content in files])


def _together(files: Iterable[File]) -> Iterator[list[File]]:
    """The files in groups of about a piece's size."""
    run: list[File] = []
    for file in files:
        run.append(file)
        if sum(len(content) for _, content in run) >= PIECE_BYTES:
            yield run
            run = []
    if run:
        yield run


class _End:
    pass


def read_ahead(things: Iterator[Thing]) -> Iterator[Thing]:
    """Iterate a few things ahead in a thread; their order stays, and an error is raised in its place."""
    end = _End()
    with ThreadPoolExecutor(1) as pool:
        ready: deque[Future[Thing | _End]] = deque(pool.submit(next, things, end) for _ in range(AHEAD))
        while ready:
            thing = ready.popleft().result()
            if isinstance(thing, _End):
                return
            ready.append(pool.submit(next, things, end))
            yield thing
