"""A source's files -> pieces of their log: events fast, every other kind of file by its format."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.event_source.log import Piece
from dialtone_nb.calls.event_source.repeated_rows import RepeatedRows
from dialtone_nb.calls.event_source.rows import IrregularError, regular_rows
from dialtone_nb.calls.file_source.formats import read_file
from dialtone_nb.calls.file_source.unpack import File, unpack_files

# How many bytes of small files are read at a time; each piece costs a millisecond.
PIECE_BYTES: Final = 2_500_000
Thing = TypeVar("Thing")
Result = TypeVar("Result")
# How many parts may be ready before the thread waits for the reader, so that memory stays small.
AHEAD: Final = 2


def read_files(source: Path, quality: Quality) -> Iterator[Piece]:
    """What every file of a folder tells, of an archive, or this one file; a folder's in order of name."""
    # Unpacking goes ahead in a thread, with a tally of its own: what is found has an order that does not hang on luck.
    unpacking = Quality()
    read_piece = partial(_read_piece, RepeatedRows())
    yield from map_ahead(read_piece, _together(read_ahead(unpack_files(source, unpacking))))
    quality.add(unpacking)


def _read_piece(repeated: RepeatedRows, files: list[File]) -> Piece:
    """What some files tell, in the fastest way that can read them all."""
    quality = Quality()
    try:
        return Piece.of_counted(repeated.count([content for _, content in files]), quality)
    except IrregularError:
        pass
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


class _End:
    pass


def read_ahead(things: Iterator[Thing], ahead: int = AHEAD) -> Iterator[Thing]:
    """Read a few things ahead in a thread; their order stays, and an error comes where it would have come."""
    end = _End()
    with ThreadPoolExecutor(1) as pool:
        ready: deque[Future[Thing | _End]] = deque(pool.submit(next, things, end) for _ in range(ahead))
        while ready:
            thing = ready.popleft().result()
            if isinstance(thing, _End):
                return
            ready.append(pool.submit(next, things, end))
            yield thing


def map_ahead(work: Callable[[Thing], Result], things: Iterable[Thing]) -> Iterator[Result]:
    """Do the work for each thing, as many at once as there are processors; results come in order."""
    workers = os.cpu_count() or 1
    waiting = iter(things)
    with ThreadPoolExecutor(workers) as pool:
        under_way = deque(pool.submit(work, thing) for thing in islice(waiting, workers + 1))
        while under_way:
            made = under_way.popleft().result()
            under_way.extend(pool.submit(work, thing) for thing in islice(waiting, 1))
            yield made
