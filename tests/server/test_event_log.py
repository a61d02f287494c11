"""Writing events to the disk: in order, without delaying a call, and with lost ones counted."""

from __future__ import annotations

import asyncio
import fcntl
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dialtone_nb.calls.load import load_calls
from dialtone_nb.server.day_files import day_file
from dialtone_nb.server.event_log import EventWriter, event_line
from tests.server.running_server import wait_until


class Counts:
    """The counts of a log."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def __call__(self, result: str, number: int) -> None:
        """Add to a count."""
        self.of[result] += number


def lines_in(folder: Path) -> list[str]:
    """The names of the events on the disk."""
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(line)["event"] for file in files for line in file.read_text().splitlines()]


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Make today's and tomorrow's file fail with a full disk for a while."""
    folder.mkdir(exist_ok=True)
    days = [day_file(folder, datetime.fromtimestamp(time.time() + wait, UTC)) for wait in (0, 86400)]
    for day in days:
        day.symlink_to("/dev/full")
    yield
    for day in days:
        day.unlink()


def test_a_line_is_what_the_deployed_functions_log() -> None:
    """A time as in JavaScript's toISOString, then the event."""
    line = event_line({"event": "outgoing-call"}, datetime(2026, 11, 24, 15, 30, 1, 120_000, UTC))
    assert line == b'{"timestamp":"2026-11-24T15:30:01.120Z","event":"outgoing-call"}'


def test_events_are_kept_in_order(tmp_path: Path) -> None:
    """With and without waiting for the write; closing writes the rest."""
    counts = Counts()
    log = EventWriter(tmp_path, counts)
    log.note({"event": "one"})
    assert asyncio.run(log.keep({"event": "two"}))
    assert lines_in(tmp_path) == ["one", "two"]
    for number in range(100):
        log.note({"event": str(number)})
    log.close()
    assert lines_in(tmp_path) == ["one", "two", *map(str, range(100))]
    assert counts.of == {"written": 102}


def test_many_wait_together(tmp_path: Path) -> None:
    """Each waiter continues once its own event is on the disk."""

    async def keep_many(log: EventWriter) -> list[bool]:
        return await asyncio.gather(*(log.keep({"event": str(number)}, 10) for number in range(500)))

    log = EventWriter(tmp_path)
    assert all(asyncio.run(keep_many(log)))
    assert sorted(lines_in(tmp_path), key=int) == [str(number) for number in range(500)]
    log.close()


def test_a_full_disk_loses_nothing_that_can_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for it, the log says so once, and the events are written when there is room."""
    counts = Counts()
    log = EventWriter(tmp_path, counts)
    with full_disk(tmp_path):
        assert not asyncio.run(log.keep({"event": "one"}, 10))
        assert not asyncio.run(log.keep({"event": "two"}, 10))
        log.note({"event": "three"})
    wait_until(lambda: lines_in(tmp_path) == ["one", "two", "three"])
    log.close()
    assert counts.of == {"written": 3}
    assert caplog.text.count("No space left on device") == 1


def test_what_can_not_wait_is_lost_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Memory is limited: the oldest events are kept."""
    counts = Counts()
    log = EventWriter(tmp_path, counts, most=3)
    with full_disk(tmp_path):
        for name in ("one", "two", "three", "four", "five"):
            assert not asyncio.run(log.keep({"event": name}, 10))
    wait_until(lambda: lines_in(tmp_path) == ["one", "two", "three"])
    log.close()
    assert counts.of == {"lost": 2, "written": 3}
    assert caplog.text.count("events are lost") == 1


def test_what_the_disk_never_took_is_counted_in_the_end(tmp_path: Path) -> None:
    """If the disk is still full when the server ends."""
    counts = Counts()
    with full_disk(tmp_path):
        log = EventWriter(tmp_path, counts)
        assert not asyncio.run(log.keep({"event": "one"}, 10))
        log.close()
    assert counts.of == {"lost": 1}


def test_a_disk_that_hangs_does_not_hold_a_call(tmp_path: Path) -> None:
    """While another process holds the file's lock the response is sent, and the event is written later."""
    log = EventWriter(tmp_path)
    with day_file(tmp_path, datetime.now(UTC)).open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not asyncio.run(log.keep({"event": "one"}, 0.05))
        assert lines_in(tmp_path) == []
    wait_until(lambda: lines_in(tmp_path) == ["one"])
    log.close()


def test_the_call_report_reads_them(tmp_path: Path) -> None:
    """A call placed and answered, and a refused one, in a separate environment."""
    log = EventWriter(tmp_path / "prod")
    call = {"channel": "lobby", "endpoint": "lobby", "environment": "prod"}
    for event in (
        {"event": "outgoing-call", "call_sid": "CA1", "rule": "local"},
        {"event": "outgoing-dialstatus-completed", "call_sid": "CA1", "duration_s": 65},
        {"event": "outgoing-refused", "call_sid": "CA2", "rule": "local", "reason": "premium-rate"},
    ):
        log.note(call | event)
    log.close()
    frame = load_calls(tmp_path).frame.sort_values("call_sid")
    columns = ["call_sid", "environment", "client", "direction", "outcome", "reason"]
    assert frame[columns].fillna("").to_numpy().tolist() == [
        ["CA1", "prod", "lobby", "outgoing", "answered", ""],
        ["CA2", "prod", "lobby", "outgoing", "refused", "premium-rate"],
    ]
    assert frame["duration_s"].tolist()[0] == 65
