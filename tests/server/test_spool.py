"""The spool: events of a process that is killed before they are on the disk."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from dialtone_nb.server import spool
from dialtone_nb.server.day_files import append_lines, day_files
from dialtone_nb.server.event_log import EventWriter
from dialtone_nb.server.spool import Spool, save_left_lines
from tests.server.running_server import wait_until
from tests.server.test_event_log import full_disk, lines_in


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate folder for spools."""
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(spool, "_MEMORY", memory)
    return memory


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """The folder of day files."""
    return tmp_path / "prod"


def line(name: str) -> bytes:
    """An event's line."""
    return json.dumps({"event": name}).encode()


def leave(events: Path, *names: str) -> None:
    """Leave events in the spool of a dead process, whose locks are released."""
    left = Spool(events)
    for name in names:
        left.add(line(name))
    left.close(keep=True)


def test_the_next_process_saves_what_was_left(events: Path, memory: Path) -> None:
    """In order, once, and the spool is then empty."""
    leave(events, "one", "two")
    log = EventWriter(events)
    log.close()
    assert lines_in(events) == ["one", "two"]
    assert save_left_lines(events) == 0
    assert not any(memory.iterdir())


def test_what_reached_the_disk_is_not_saved_twice(events: Path) -> None:
    """A process may die between the write and the removal from the spool."""
    leave(events, "one", "two")
    append_lines(events / "2026-11-24.jsonl", [line("one")])
    assert save_left_lines(events) == 1
    assert [found for day in day_files(events) for found in day.read_bytes().splitlines()] == [line("one"), line("two")]


def test_living_processes_keep_theirs(events: Path) -> None:
    """Each saves its own."""
    living = Spool(events)
    living.add(line("one"))
    assert save_left_lines(events) == 0
    living.close(keep=True)
    assert save_left_lines(events) == 1


def test_each_folder_has_its_own(events: Path) -> None:
    """Stage's spool is not prod's."""
    leave(events.with_name("stage"), "one")
    assert save_left_lines(events) == 0


def test_lines_that_come_while_others_are_saved_are_kept(events: Path) -> None:
    """Two files alternate; a failed attempt to save changes nothing."""
    living = Spool(events)
    living.add(line("one"))
    living.begin_saving()
    living.add(line("two"))
    living.begin_saving()
    living.add(line("three"))
    living.end_saving()
    living.close(keep=True)
    save_left_lines(events)
    assert sorted(lines_in(events)) == ["three", "two"]


def test_a_line_that_was_cut_short_spoils_no_other(events: Path, memory: Path) -> None:
    """Memory was full for a moment."""
    leave(events, "one")
    for left in memory.iterdir():
        if left.stat().st_size:
            left.write_bytes(left.read_bytes() + b'\n{"event": "tw' + b"\n" + line("three"))
    assert save_left_lines(events) == 2
    assert lines_in(events) == ["one", "three"]


def test_a_full_disk_leaves_them_for_later(events: Path) -> None:
    """They are tried again after the next successful write."""
    leave(events, "one")
    with full_disk(events):
        log = EventWriter(events)
        assert not asyncio.run(log.keep({"event": "two"}, 10))
    wait_until(lambda: lines_in(events) == ["two", "one"])
    log.close()


def test_what_the_disk_never_took_waits_for_the_next_process(events: Path) -> None:
    """The server ends while the disk is full, and the next one saves them."""
    with full_disk(events):
        log = EventWriter(events)
        log.note({"event": "one"})
        log.close()
    EventWriter(events).close()
    assert lines_in(events) == ["one"]


def test_events_are_taken_where_there_is_no_memory(events: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a spool a killed process would lose a moment's events, as the log says."""
    monkeypatch.setattr(spool, "_new_file", lambda folder: os.open("/nowhere/at/all", os.O_RDWR))
    log = EventWriter(events)
    log.note({"event": "one"})
    log.close()
    assert lines_in(events) == ["one"]


def test_a_file_that_somebody_else_put_there_is_not_read(events: Path, memory: Path, tmp_path: Path) -> None:
    """A symbolic link in a folder where anybody may write is not followed."""
    leave(events, "one")
    planted = tmp_path / "planted"
    planted.write_bytes(line("two"))
    name = next(memory.iterdir()).name[:-1]
    (memory / f"{name}.").symlink_to(planted)
    save_left_lines(events)
    assert lines_in(events) == ["one"]
