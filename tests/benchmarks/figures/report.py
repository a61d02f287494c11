"""Time and memory of the full call report, over real and generated calls, beside plain pandas and DuckDB.

Full size: all of Futel's public events (5.6 million, in the folder `DIALTONE_FUTEL_EVENTS`), and generated calls: 4
million, which fit into memory with plain pandas, and 20 million (40 million events, 7 GB of files, in a temporary
folder, see `TMPDIR`), which do so only on a large machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.benchmarks.child import ROOT, ChildError, Run, run_module
from tests.benchmarks.comparison import Aim, Better, Comparison, Size, Within

FUTEL = Path(os.environ.get("DIALTONE_FUTEL_EVENTS", ROOT.parent / "shared" / "data" / "futel-usage"))
CALLS = {Size.FULL: (4_000_000, 20_000_000), Size.QUICK: (400_000,)}
CALLS_A_DAY = {Size.FULL: 55_000, Size.QUICK: 20_000}
PHONES = 200
FROM_FILES, FROM_ARCHIVE, MEMORY = Better(3), Better(20), Better(5)
# Beside DuckDB, which only counts, on the files of the real log.
FASTER, SMALL = Better(1.3), Within(1.1)
# Neighbours on the machine are in one run and not in the next.
RUNS = {Size.FULL: 3, Size.QUICK: 1}


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """From the files as they come, from the archive, and after one more day."""
    if FUTEL.is_dir():
        yield from _compare(FUTEL, "Futel's events", folder / "futel")
        yield from _beside_duckdb(FUTEL, "report of Futel's events, from files", RUNS[size])
        yield from _beside_duckdb(folder / "futel", "report of Futel's events, from the archive", RUNS[size])
        yield from _on_cluster(folder / "futel")
    for calls in CALLS[size]:
        events, archive = folder / f"events-{calls}", folder / f"archive-{calls}"
        days = calls // CALLS_A_DAY[size]
        run_module("programs.imagine_events", str(events), str(calls), str(days), str(PHONES))
        yield from _compare(events, f"{calls:,} made-up calls", archive)
    yield from _add_a_day(events, archive, CALLS_A_DAY[size])


def _compare(source: Path, name: str, archive: Path) -> Iterator[Comparison]:
    ours = run_module("programs.report_by_us", str(source))
    theirs = _by_pandas(source)
    kept = run_module("programs.keep_events", str(source), str(archive))
    again = run_module("programs.report_by_us", str(archive))
    if not ours.said == again.said == (theirs.said if theirs else ours.said):
        raise ChildError(
            f"{name}: {ours.said} from files, {again.said} from the archive, pandas {theirs and theirs.said}"
        )
    yield from _lines(f"report of {name}, from files", ours, theirs, FROM_FILES)
    yield from _lines(f"report of {name}, from the archive", again, theirs, FROM_ARCHIVE)
    yield Comparison(f"{name} kept in an archive", "s", kept.seconds)


def _beside_duckdb(source: Path, what: str, runs: int) -> Iterator[Comparison]:
    """The medians of pairs, one right after the other."""
    pairs = [
        (run_module("programs.report_by_us", str(source)), run_module("programs.report_by_duckdb", str(source)))
        for _ in range(runs)
    ]
    if any(ours.said != theirs.said for ours, theirs in pairs):
        raise ChildError(f"{what}: {pairs[0][0].said}, and DuckDB counts {pairs[0][1].said}")
    ours, theirs = zip(*pairs, strict=True)
    aims = (FASTER, FASTER, SMALL) if source == FUTEL else (None, None, None)
    for one, unit, aim in zip(("seconds", "processor_s", "peak_mb"), ("s", "s", "MB"), aims, strict=True):
        ours_and_theirs = [median(getattr(run, one) for run in some) for some in (ours, theirs)]
        name = {"seconds": what, "processor_s": f"{what}: processor", "peak_mb": f"{what}: peak memory"}[one]
        yield Comparison(name, unit, ours_and_theirs[0], "DuckDB, which only counts", ours_and_theirs[1], aim)


def _on_cluster(archive: Path) -> Iterator[Comparison]:
    """The same figures from two workers."""
    here, there = (run_module("programs.report_by_us", str(archive), *workers) for workers in ((), ("2",)))
    if here.said != there.said:
        raise ChildError(f"{here.said} here, {there.said} on a Dask cluster")
    what = "report of Futel's events, from the archive, by two Dask workers"
    yield Comparison(what, "s", there.seconds, "this machine alone", here.seconds)


def _by_pandas(source: Path) -> Run | None:
    """Plain pandas over the same files; None where this machine's memory is not enough for it."""
    try:
        return run_module("programs.report_by_pandas", str(source))
    except ChildError:
        return None


def _lines(what: str, ours: Run, theirs: Run | None, aim: Aim) -> Iterator[Comparison]:
    peer = "plain pandas on the same files" if theirs else "plain pandas ran out of memory"
    # A peer that gave up is no measure.
    yield Comparison(what, "s", ours.seconds, peer, theirs.seconds if theirs else None, aim if theirs else None)
    yield Comparison(f"{what}: processor", "s", ours.processor_s, peer, theirs.processor_s if theirs else None)
    yield Comparison(
        f"{what}: peak memory", "MB", ours.peak_mb, peer, theirs.peak_mb if theirs else None, MEMORY if theirs else None
    )


def _add_a_day(events: Path, archive: Path, calls: int) -> Iterator[Comparison]:
    """The day after the last one, from its file into the archive."""
    day = events.parent / "one-more-day"
    last = max(int(path.stem) for path in events.rglob("*.json"))
    run_module("programs.imagine_events", str(day), str(calls), "1", str(PHONES))
    (path,) = day.rglob("*.json")
    path.rename(path.with_name(f"{last + 1}.json"))
    kept = run_module("programs.keep_events", str(day), str(archive))
    yield Comparison(f"one more day of {calls:,} calls, from its file into the archive", "s", kept.seconds)
