"""The server's folder: tables by version, the served one, and atomic changes of both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dialtone_nb.dialplan.table import Table, table_json
from dialtone_nb.errors import InputError
from dialtone_nb.server.folder import (
    Serving,
    close_environment,
    list_environments,
    list_tables,
    push_table,
    read_serving,
    read_table,
    switch_table,
    table_version,
)


def changed(table: Table, ring_timeout_s: int) -> Table:
    """Another table."""
    return table.model_copy(update={"ring_timeout_s": ring_timeout_s})


def test_a_pushed_table_is_read_back_and_served_by_nobody(tmp_path: Path, table: Table) -> None:
    """Pushing returns the version under which the table is found again."""
    version = push_table(tmp_path, table)
    assert version == table_version(table)
    assert read_table(tmp_path, version) == table
    assert read_serving(tmp_path, "stage") == Serving()
    assert list_environments(tmp_path) == ()


def test_pushing_again_changes_nothing(tmp_path: Path, table: Table) -> None:
    """Equal tables are one file."""
    version = push_table(tmp_path, table)
    written = (tmp_path / "tables" / f"{version}.json").stat().st_mtime_ns
    assert push_table(tmp_path, table) == version
    assert list_tables(tmp_path) == (version,)
    assert (tmp_path / "tables" / f"{version}.json").stat().st_mtime_ns == written


def test_a_switch_keeps_what_was_served_before(tmp_path: Path, table: Table) -> None:
    """Deploy, deploy again, roll back: each environment by itself."""
    first, second = push_table(tmp_path, table), push_table(tmp_path, changed(table, 20))
    assert switch_table(tmp_path, "stage", first) == Serving(first)
    assert switch_table(tmp_path, "stage", second) == Serving(second, first)
    assert switch_table(tmp_path, "prod", first) == Serving(first)
    assert switch_table(tmp_path, "stage", read_serving(tmp_path, "stage").previous) == Serving(first, second)
    assert read_serving(tmp_path, "prod") == Serving(first)
    assert list_environments(tmp_path) == ("prod", "stage")


def test_switching_twice_does_not_lose_the_one_before(tmp_path: Path, table: Table) -> None:
    """Switching to the served version changes nothing."""
    first, second = push_table(tmp_path, table), push_table(tmp_path, changed(table, 20))
    switch_table(tmp_path, "stage", first)
    switch_table(tmp_path, "stage", second)
    assert switch_table(tmp_path, "stage", second) == Serving(second, first)


def test_an_environment_that_was_closed_serves_nothing(tmp_path: Path, table: Table) -> None:
    """Closing returns whether it was open, and leaves the tables."""
    version = push_table(tmp_path, table)
    switch_table(tmp_path, "stage", version)
    assert close_environment(tmp_path, "stage")
    assert not close_environment(tmp_path, "stage")
    assert read_serving(tmp_path, "stage") == Serving()
    assert list_tables(tmp_path) == (version,)
    assert list_environments(tmp_path) == ()


def test_a_damaged_note_is_mended_by_the_next_switch(tmp_path: Path, table: Table) -> None:
    """As its error says; the previous version is unknown then."""
    version = push_table(tmp_path, table)
    switch_table(tmp_path, "stage", version)
    (tmp_path / "environments" / "stage.json").write_text("{")
    with pytest.raises(InputError, match="deploy or promote again"):
        read_serving(tmp_path, "stage")
    assert switch_table(tmp_path, "stage", version) == Serving(version) == read_serving(tmp_path, "stage")


def refusal(folder: Path, environment: str, version: str) -> str:
    """The error of a switch, which must leave everything as it was."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError) as refused:
        switch_table(folder, environment, version)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (line,) = refused.value.lines()
    return line


def test_what_can_not_be_served_is_refused_in_a_line(tmp_path: Path, table: Table) -> None:
    """A missing, damaged or foreign table, another environment, and names with a path out of the folder."""
    version = push_table(tmp_path, table)
    switch_table(tmp_path, "stage", version)
    assert refusal(tmp_path, "stage", "0" * 64).endswith("there is no such table; deploy pushes it")
    assert "has no environment 'dev'" in refusal(tmp_path, "dev", version)
    assert "is not a table's version" in refusal(tmp_path, "stage", "../environments/stage")
    assert "is not an environment's name" in refusal_of_name(tmp_path, "../../stage")
    damaged = tmp_path / "tables" / f"{version}.json"
    damaged.write_text(damaged.read_text(encoding="utf-8").replace("Nobody answered", "Nobody came"), encoding="utf-8")
    assert "is damaged" in refusal(tmp_path, "stage", version)


def refusal_of_name(folder: Path, environment: str) -> str:
    """The error of reading an environment with this name."""
    with pytest.raises(InputError) as refused:
        read_serving(folder, environment)
    return str(refused.value)


def test_a_table_of_another_release_says_so(tmp_path: Path, table: Table) -> None:
    """Its hash is right, its format is unknown here."""
    import hashlib

    other = table_json(table).replace(f'"format": {table.format}', '"format": 9').encode()
    version = hashlib.sha256(other).hexdigest()
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / f"{version}.json").write_bytes(other)
    with pytest.raises(InputError, match="is a table of another release; deploy it again"):
        read_table(tmp_path, version)


def test_a_damaged_table_is_mended_by_pushing_it_again(tmp_path: Path, table: Table) -> None:
    """The repair in the message works."""
    version = push_table(tmp_path, table)
    (tmp_path / "tables" / f"{version}.json").write_bytes(b"")
    assert push_table(tmp_path, table) == version
    assert read_table(tmp_path, version) == table


@pytest.mark.parametrize("content", ["", "[]", '{"version": "1"}', '{"version": "../x", "previous": ""}', "\0"])
def test_a_damaged_pointer_names_its_place(tmp_path: Path, content: str) -> None:
    """For any content, one line has the place and the repair."""
    path = tmp_path / "environments" / "stage.json"
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="deploy or promote again") as refused:
        read_serving(tmp_path, "stage")
    assert refused.value.faults[0].place == str(path)


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path, table: Table) -> None:
    """There is a file at its path."""
    (tmp_path / "server").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="server: can't be written: Not a directory; check its owner"):
        push_table(tmp_path / "server", table)


def test_the_server_may_read_what_another_user_pushed(tmp_path: Path, table: Table) -> None:
    """Tables have no secret, and server and deploy often run as different users."""
    version = push_table(tmp_path, table)
    switch_table(tmp_path, "stage", version)
    modes = {path.stat().st_mode & 0o444 for path in tmp_path.rglob("*.json")}
    assert modes == {0o444 & ~current_umask()}


def current_umask() -> int:
    """The umask of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


WRITER = """
import sys
from pathlib import Path
from dialtone_nb.server.folder import list_tables, switch_table
folder = Path(sys.argv[1])
versions = list_tables(folder)
print("switching", flush=True)
while True:
    for version in versions:
        switch_table(folder, "stage", version)
"""


def test_readers_find_one_version_or_the_other_while_writers_are_killed(tmp_path: Path, table: Table) -> None:
    """Two writers switch as fast as they can and are killed; every read gives a complete version."""
    versions = {push_table(tmp_path, changed(table, seconds)) for seconds in (20, 25, 30)}
    switch_table(tmp_path, "stage", next(iter(versions)))
    seen: set[Serving] = set()
    stopped = threading.Event()

    def read() -> None:
        while not stopped.is_set():
            seen.add(read_serving(tmp_path, "stage"))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for writer in writers:
            assert writer.stdout
            assert writer.stdout.readline() == "switching\n"
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
    stopped.set()
    reader.join()
    assert len(seen) > 1
    assert all(one.version in versions and one.previous in versions | {""} for one in seen)
    # And the next writer goes on, over whatever the killed ones left behind.
    for version in versions:
        assert switch_table(tmp_path, "stage", version).version == version
    assert json.loads((tmp_path / "environments" / "stage.json").read_text(encoding="utf-8"))["version"] in versions
