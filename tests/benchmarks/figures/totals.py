"""Futel's attempts by year, direction and outcome, beside a plain count over the same files: they must be equal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dialtone_nb.calls.load import load_calls
from tests.benchmarks.comparison import Comparison, Exactly, Size
from tests.benchmarks.figures.report import FUTEL
from tests.calls.event_source.plain_count import count_plainly, rows_of

PEER = "a plain count"


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """All years at full size, the last year at quick."""
    archives = sorted(FUTEL.glob("*.tar.xz"))
    for archive in archives if size is Size.FULL else archives[-1:]:
        tally = load_calls(archive).tally()
        ours: dict[Any, int] = tally.groupby(["direction", "outcome"])["attempts"].sum().to_dict()
        theirs = count_plainly(rows_of(archive))
        year = archive.name.partition(".")[0]
        for way, outcome in sorted({*ours, *theirs}):
            count = int(ours.get((way, outcome), 0))
            yield Comparison(f"{year} {way} {outcome}", "", count, PEER, theirs[way, outcome], Exactly())
        yield Comparison(f"{year} in all", "", int(tally["attempts"].sum()), PEER, theirs.total(), Exactly())
