"""Attempts are counted in parts, locally or on a cluster, with equal results and bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dialtone_nb.calls.archive.days import bundle_days, list_days, load_archive, load_days, save_attempts
from dialtone_nb.calls.attempts.call_data import CallData
from dialtone_nb.calls.attempts.parts import Attempts
from dialtone_nb.calls.attempts.schema import attempts_of
from dialtone_nb.calls.load import load_calls
from dialtone_nb.calls.measures import before_after
from dialtone_nb.calls.measures.before_after import Deployment, merge_around, tally_around
from dialtone_nb.calls.measures.tally import Counts, count_attempts, merge_counts, merge_tallies, tally_attempts
from dialtone_nb.errors import InputError
from tests.calls.strategies import frame_of, frames, total

if TYPE_CHECKING:
    from distributed import LocalCluster

ZONES = ("UTC", "America/Los_Angeles", "Asia/Kathmandu")


@pytest.fixture(autouse=True)
def a_part_is_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each day of these small archives a part."""
    monkeypatch.setattr("dialtone_nb.calls.archive.days.BUNDLE_BYTES", 1)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive of two hundred attempts, on the days of their start."""
    folder = str(tmp_path_factory.mktemp("archive"))
    rows = [
        {
            "started_at": pd.Timestamp("2026-03-06 20:00", tz="UTC") + pd.Timedelta(minutes=47 * n),
            "environment": ("prod", "stage", None)[n % 3],
            "client": ("lobby", "van", None)[n % 7 % 3],
            "direction": ("outgoing", "incoming")[n % 2],
            "outcome": ("answered", "busy", "failed", "unknown")[n % 5 % 4],
            "reason": (None, "32009")[n % 4 % 2],
            "duration_s": None if n % 3 else 37 * n,
            "price": None if n % 4 else 0.0131 * n,
            "currency": "USD",
            "other_party": f"+1503555{n:04}",
        }
        for n in range(200)
    ]
    save_attempts(folder, frame_of(rows))
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A Dask scheduler with two workers, each a process of its own."""
    from distributed import LocalCluster  # every worker collects this module, and one runs it

    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as running:
        yield running


def tables_of(counts: Counts) -> list[pl.DataFrame]:
    """The tallies one by one."""
    return [counts.tally, counts.hours, counts.overlaps, counts.signs]


def tallies_of(data: CallData) -> list[pl.DataFrame]:
    """All tallies of some attempts that a report can need."""
    deployed = (Deployment(datetime(2026, 3, 9, 12, tzinfo=UTC), "prod", "ZD1", "ZB1"),)
    return [
        *tables_of(data.counts),
        data.gather(partial(tally_around, deployments=deployed), merge_around, before_after.COUNTED),
    ]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("zone", ZONES)
def test_a_cluster_counts_the_same_to_the_last_digit(archive: str, cluster: LocalCluster, zone: str) -> None:
    """Every tally of an archive, complete and for one environment and some days."""
    some: dict[str, Any] = {"environment": "prod", "since": "2026-03-08", "until": "2026-03-10"}
    for chosen in ({}, some):
        here = load_calls(archive, time_zone=zone, **chosen)
        there = load_calls(archive, time_zone=zone, engine=cluster.scheduler_address, **chosen)
        for ours, theirs in zip(tallies_of(here), tallies_of(there), strict=True):
            assert_frame_equal(theirs, ours, check_exact=True)
        assert there.findings == here.findings
        assert all(len(tally) for tally in tallies_of(here))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_attempts_in_memory_are_counted_on_a_cluster_too(archive: str, cluster: LocalCluster) -> None:
    """A frame is sent to the cluster."""
    frame = load_archive(archive)
    here = Attempts.of(attempts_of(frame))
    there = replace(here, engine=cluster.scheduler_address).gather(tally_attempts, merge_tallies)
    assert_frame_equal(there, tally_attempts(attempts_of(frame)), check_exact=True)


def test_a_scheduler_that_does_not_answer_is_one_clear_line(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the parameter, the address and the repair."""
    monkeypatch.setattr("dialtone_nb.calls.attempts.parts.CONNECT_TIMEOUT_S", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        data = load_calls(archive, engine=address)
        with pytest.raises(
            InputError, match=rf"parameter engine: no Dask scheduler answers at '{address}'.*; write it"
        ):
            data.tally()


@given(frames, st.sampled_from(ZONES))
@settings(max_examples=30, deadline=None)
def test_parts_merge_into_the_whole(frame: pd.DataFrame, zone: str) -> None:
    """The tallies of single days merge into the tally of all, in any time zone."""
    days = [part for _, part in frame.groupby(frame["started_at"].dt.floor("D"))]
    parts = Attempts(tuple(part for day in days for part in Attempts.of(attempts_of(day)).parts))
    count = partial(count_attempts, time_zone=zone)
    for merged, whole in zip(
        tables_of(parts.gather(count, merge_counts)), tables_of(count(attempts_of(frame))), strict=True
    ):
        assert_frame_equal(merged, whole, check_exact=True)


def test_no_attempts_have_a_tally_with_every_column() -> None:
    """A report without attempts has empty tables."""
    nothing, something = (
        Attempts(()),
        Attempts.of(attempts_of(frame_of([{"started_at": pd.Timestamp(0, tz="UTC"), "outcome": "busy"}]))),
    )
    counts = [tables_of(attempts.gather(count_attempts, merge_counts)) for attempts in (nothing, something)]
    for empty, full in zip(*counts, strict=True):
        assert len(empty) == 0
        assert empty.schema == full.schema
    assert nothing.load().empty
    assert nothing.latest(3).empty


def test_only_what_is_counted_is_read(archive: str) -> None:
    """A tally's function gets only the columns that it asked for, whatever the selection uses."""
    seen: list[Any] = []

    def look(attempts: pl.DataFrame) -> int:
        seen.append(attempts.columns)
        return len(attempts)

    data = load_calls(archive, environment="prod", since="2026-03-08")
    assert data.gather(look, total, ("outcome",)) == len(data.frame)
    assert set(map(tuple, seen)) == {("outcome",)}
    assert load_days(archive, ["2026-03-07"], ("direction", "client")).columns == ["direction", "client"]


def test_the_latest_attempts_need_the_last_days_alone(archive: str, tmp_path: Path) -> None:
    """The requested number, in the order of all, with numbers hidden; earlier days may be damaged."""
    whole = load_calls(archive).frame
    pd.testing.assert_frame_equal(load_calls(archive).latest(50), whole.tail(50).reset_index(drop=True))
    pd.testing.assert_frame_equal(load_calls(archive).latest(1000), whole)
    assert set(whole["other_party"].str[-4:]) == {"••••"}
    save_attempts(str(tmp_path), load_archive(archive))
    (tmp_path / "day=2026-03-07" / "attempts.parquet").write_bytes(b"no Parquet")
    assert len(load_calls(tmp_path).latest(20)) == 20


def test_an_archive_may_be_at_any_address_that_fsspec_knows(archive: str) -> None:
    """It is written, updated, listed, read and counted there as in a folder."""
    address = "memory://calls/of/ours"
    frame = load_archive(archive)
    assert save_attempts(address, frame) == len(list_days(archive))
    assert save_attempts(address, frame) == 0
    pd.testing.assert_frame_equal(load_archive(address), frame)
    pd.testing.assert_frame_equal(load_calls(address).tally(), load_calls(archive).tally())
    assert not [path for path in fsspec.filesystem("memory").find("/calls") if not path.endswith("/attempts.parquet")]


def test_an_address_that_nothing_knows_is_one_clear_line() -> None:
    """The error names the address and the repair."""
    with pytest.raises(InputError, match=r"archive cloud://calls: can't be opened: .*cloud.*; install"):
        load_calls("cloud://calls")


def test_small_days_are_bundled(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In runs of about equal size, each day once and in order; a large day is a part by itself."""
    days = list_days(archive)
    assert bundle_days(archive) == [(day,) for day in days]
    monkeypatch.setattr("dialtone_nb.calls.archive.days.BUNDLE_BYTES", 20_000)
    bundles = bundle_days(archive)
    assert 1 < len(bundles) < len(days)
    assert [day for bundle in bundles for day in bundle] == days
    assert bundle_days(archive, days[1], days[1]) == [(days[1],)]
