"""Lines of events on the disk are complete or absent, for any writers and interruptions."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from dialtone_nb.server.day_files import Position, append_lines, day_file, read_lines

DAY = "2026-11-24.jsonl"


def test_a_file_is_a_utc_day(tmp_path: Path) -> None:
    """An evening west of Greenwich is the next day there."""
    evening = datetime(2026, 11, 23, 20, tzinfo=timezone(timedelta(hours=-8)))
    assert day_file(tmp_path, evening.astimezone(UTC)) == tmp_path / DAY


def test_lines_are_added_and_read_from_where_one_has_come_to(tmp_path: Path) -> None:
    """A position stays valid while the file grows."""
    append_lines(tmp_path / DAY, [b"one", b"two"])
    first, position = read_lines(tmp_path, Position(DAY), 1)
    append_lines(tmp_path / DAY, [b"three"])
    rest, position = read_lines(tmp_path, position, 10)
    assert first + rest == [b"one", b"two", b"three"]
    assert position == Position(DAY, len("one\ntwo\nthree\n"))
    assert read_lines(tmp_path, position, 10) == ([], position)
    assert read_lines(tmp_path, Position("2000-01-01.jsonl"), 10)[0] == []


def test_a_line_without_its_end_is_not_read(tmp_path: Path) -> None:
    """It is still being written."""
    (tmp_path / DAY).write_bytes(b"one\ntw")
    assert read_lines(tmp_path, Position(DAY), 10) == ([b"one"], Position(DAY, 4))


@pytest.mark.parametrize("left", [b"tw", b"one\ntw", b"one\n", b"", b"one\n" + b"x" * 200_000, b"x" * 200_000])
def test_what_a_dead_process_left_without_its_end_is_cut_off(tmp_path: Path, left: bytes) -> None:
    """The next line is not appended to it."""
    (tmp_path / DAY).write_bytes(left)
    append_lines(tmp_path / DAY, [b"three"])
    assert (tmp_path / DAY).read_bytes().split(b"\n") == [*([b"one"] if b"\n" in left else []), b"three", b""]


FULL_DISK = """
import resource, sys
from pathlib import Path
from dialtone_nb.server.day_files import append_lines
path = Path(sys.argv[1])
append_lines(path, [b"before"])
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
try:
    append_lines(path, [b"in", b"x" * 100])
except OSError as error:
    print(error.strerror)
append_lines(path, [b"after"])
"""


def test_what_a_full_disk_cuts_short_is_taken_back(tmp_path: Path) -> None:
    """If a file can take only part of a batch, the batch is removed from it."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path / DAY], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert (tmp_path / DAY).read_bytes() == b"before\nafter\n"


def test_a_disk_without_any_room_says_so(tmp_path: Path) -> None:
    """/dev/full is one."""
    (tmp_path / DAY).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        append_lines(tmp_path / DAY, [b"one"])


WRITER = """
import sys
from pathlib import Path
from dialtone_nb.server.day_files import append_lines
path, name = Path(sys.argv[1]), sys.argv[2].encode()
for number in range(200):
    append_lines(path, [b"%s %d %s" % (name, number, b"x" * 500), b"%s %d end" % (name, number)])
"""


def test_several_processes_write_one_file(tmp_path: Path) -> None:
    """No line is mixed or missing, and batches stay together."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / DAY, name]) for name in ("a", "b", "c")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = (tmp_path / DAY).read_bytes().splitlines()
    assert len(lines) == 3 * 400
    for long, end in zip(lines[::2], lines[1::2], strict=True):
        assert long.split()[:2] == end.split()[:2]


def test_the_file_is_open_for_readers(tmp_path: Path) -> None:
    """Reports may run as another user."""
    mask = os.umask(0o022)
    try:
        append_lines(tmp_path / DAY, [b"one"])
    finally:
        os.umask(mask)
    assert (tmp_path / DAY).stat().st_mode & 0o777 == 0o644
