"""Registrations in files are read back after restarts, damage and full disks."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialtone_nb.phones.registrations.lines import RegistrationState
from dialtone_nb.phones.registrations.store import Registration, keep_registrations, load_registrations
from dialtone_nb.server import event_log

DAY = timedelta(days=1)


def one(client: str = "lobby", **others: object) -> Registration:
    """A registration event of now."""
    return Registration(datetime.now(UTC), client, RegistrationState.REGISTERED, **others)  # type: ignore[arg-type]


def load(folder: Path) -> list[Registration]:
    """All events of about now."""
    now = datetime.now(UTC)
    return load_registrations(folder, now - DAY, now + DAY)


def test_what_is_kept_is_read_again_after_a_restart(tmp_path: Path) -> None:
    """A second listener continues the first one's file."""
    with keep_registrations(tmp_path) as keep:
        keep(one(expires_s=600, source="192.0.2.31"))
    with keep_registrations(tmp_path) as keep:
        keep(one("kitchen", reason="403 user name or password refused"))
    assert [(read.client, read.reason, read.expires_s, read.source) for read in load(tmp_path)] == [
        ("lobby", "", 600, "192.0.2.31"),
        ("kitchen", "403 user name or password refused", 0, ""),
    ]


def test_damaged_lines_and_other_times_are_left_out(tmp_path: Path) -> None:
    """A torn line, another event, an unknown state."""
    with keep_registrations(tmp_path) as keep:
        keep(one())
    (path,) = tmp_path.glob("*.jsonl")
    line = path.read_text()
    path.write_text(
        "[]\n{}\n7\n\n" + line.replace("registered", "asleep") + line.replace('"registration"', '"x"') + line[:40]
    )
    assert load(tmp_path) == []
    path.write_text(line)
    assert len(load(tmp_path)) == 1
    assert load_registrations(tmp_path, datetime.now(UTC) - 3 * DAY, datetime.now(UTC) - DAY) == []


def test_a_full_disk_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events wait to be written; those beyond a limit are dropped and counted."""
    counts: Counter[str] = Counter()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(event_log, "append_lines", full)
    monkeypatch.setattr(event_log, "_CLOSING_S", 0.1)
    with keep_registrations(tmp_path / "here", lambda result, number: counts.update({result: number})) as keep:
        for _ in range(event_log.MOST_WAITING + 5):
            keep(one())
    assert counts["lost"] >= 5
    assert counts["written"] == 0
