"""Attempts saved as Parquet files, one a day: what is saved is loaded, once, despite failures."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings

from dialtone_nb.calls.archive.days import DAY_FILE, is_call_archive, load_archive, save_attempts
from dialtone_nb.calls.load import load_calls
from dialtone_nb.errors import InputError
from tests.calls.strategies import frame_of, frames


def calls_at(*moments: str, outcome: str = "answered", sid: str = "") -> pd.DataFrame:
    """One attempt at each of these moments."""
    frame = frame_of(
        [{"started_at": datetime.fromisoformat(at).replace(tzinfo=UTC), "outcome": outcome} for at in moments]
    ).assign(client="lobby", direction="outgoing")
    return frame.assign(call_sid=sid) if sid else frame


@given(frames)
@settings(max_examples=30, deadline=None)
def test_what_is_saved_is_loaded(frame: pd.DataFrame) -> None:
    """Every attempt comes back with every column and type, and saving again changes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        assert save_attempts(folder, frame) == frame["started_at"].dt.date.nunique()
        assert save_attempts(folder, frame) == 0
        pd.testing.assert_frame_equal(load_archive(folder), frame)


def test_a_call_that_is_settled_takes_the_place_of_the_open_one(tmp_path: Path) -> None:
    """Saving the same call SID again replaces the first version."""
    save_attempts(str(tmp_path), calls_at("2026-03-02 09:00", outcome="in_progress", sid="CA1"))
    save_attempts(str(tmp_path), calls_at("2026-03-02 09:00", outcome="busy", sid="CA1"))
    assert load_archive(str(tmp_path))["outcome"].tolist() == ["busy"]


def test_events_without_a_call_sid_are_kept_once(tmp_path: Path) -> None:
    """Saving the same events twice adds nothing, and two calls at the same time stay two."""
    frame = calls_at("2026-03-02 09:00", "2026-03-02 09:00").assign(call_sid=pd.Series([None, None], dtype="str"))
    save_attempts(str(tmp_path), frame)
    save_attempts(str(tmp_path), frame)
    assert len(load_archive(str(tmp_path))) == 2


def test_only_days_that_change_are_written(tmp_path: Path) -> None:
    """Saving a new call leaves the files of other days as they are."""
    save_attempts(str(tmp_path), calls_at("2026-03-02 09:00", "2026-03-03 09:00"))
    before = (tmp_path / "day=2026-03-02" / DAY_FILE).stat().st_ino
    assert save_attempts(str(tmp_path), calls_at("2026-03-03 10:00", sid="CA9")) == 1
    assert (tmp_path / "day=2026-03-02" / DAY_FILE).stat().st_ino == before
    assert len(load_archive(str(tmp_path))) == 3


def test_days_from_before_a_column_was_known_are_read(tmp_path: Path) -> None:
    """Files written without the SIP response column load with nulls there, and can be added to."""
    old, new = calls_at("2026-03-02 09:00", sid="CA1"), calls_at("2026-03-03 09:00", sid="CA2")
    save_attempts(str(tmp_path), old)
    save_attempts(str(tmp_path), new.assign(sip_response=pd.Series([603], dtype="Int16")))
    file = tmp_path / "day=2026-03-02" / DAY_FILE
    pl.read_parquet(file, hive_partitioning=False).drop("sip_response").write_parquet(file)
    assert load_archive(str(tmp_path))["sip_response"].tolist() == [pd.NA, 603]
    assert load_archive(str(tmp_path), "2026-03-02", "2026-03-02")["sip_response"].isna().all()
    assert save_attempts(str(tmp_path), calls_at("2026-03-02 10:00", sid="CA3")) == 1
    assert len(load_archive(str(tmp_path))) == 3


def test_days_can_be_asked_for(tmp_path: Path) -> None:
    """First and last day are included."""
    save_attempts(str(tmp_path), calls_at(*(f"2026-03-0{day} 09:00" for day in range(1, 8))))
    frame = load_archive(str(tmp_path), since="2026-03-03", until="2026-03-05")
    assert frame["started_at"].dt.day.tolist() == [3, 4, 5]


def test_a_write_that_was_killed_leaves_the_old_day(tmp_path: Path) -> None:
    """An unfinished file beside the day is ignored."""
    save_attempts(str(tmp_path), calls_at("2026-03-02 09:00", sid="CA1"))
    (tmp_path / "day=2026-03-02" / f".{DAY_FILE}.new").write_bytes(b"PAR1 and then the power failed")
    assert len(load_archive(str(tmp_path))) == 1
    save_attempts(str(tmp_path), calls_at("2026-03-02 10:00", sid="CA2"))
    assert len(load_archive(str(tmp_path))) == 2


def test_a_damaged_day_is_named(tmp_path: Path) -> None:
    """A file that is not Parquet is an error with its path and the repair; it is not skipped."""
    save_attempts(str(tmp_path), calls_at("2026-03-02 09:00"))
    (tmp_path / "day=2026-03-02" / DAY_FILE).write_bytes(b"not parquet")
    with pytest.raises(InputError, match=r"day=2026-03-02.*is not a day of attempts.*fetch that day again"):
        load_archive(str(tmp_path))


def test_an_archive_is_known_by_its_days_and_is_a_source_of_calls(tmp_path: Path) -> None:
    """A report reads an archive like any other source, given by path or address."""
    assert not is_call_archive(tmp_path)
    save_attempts(tmp_path.as_uri(), calls_at("2026-03-02 09:00"))
    assert is_call_archive(tmp_path)
    assert load_calls(tmp_path).frame["outcome"].tolist() == ["answered"]


def test_an_empty_archive_is_no_attempts(tmp_path: Path) -> None:
    """An empty archive loads as an empty frame."""
    assert load_archive(str(tmp_path / "new")).empty
