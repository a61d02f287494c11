"""Errors of `twilio-rehearsal`: one line with fault and repair, and exit code 5."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dialtone_nb.rehearsal import start_rehearsal

START = "from dialtone_nb.cli.rehearsal import command; raise SystemExit(command())"


def refused(*arguments: str) -> str:
    """The command's error as it ends."""
    command = [sys.executable, "-c", START, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (5, ""), ended.stdout + ended.stderr
    (line,) = ended.stderr.splitlines()
    return line


def test_a_taken_port(tmp_path: Path) -> None:
    """The error names the port; no state file is left."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = refused("--port", port, "--state", str(tmp_path / "state.db"))
    assert re.fullmatch(rf"port {port} of 127.0.0.1: can't be used: .*; stop what uses it, or name another .*", said)
    assert list(tmp_path.iterdir()) == []


def test_two_servers_on_one_state(tmp_path: Path) -> None:
    """The error names the first, which goes on; once it has ended, another may use the file."""
    state = tmp_path / "state.db"
    with start_rehearsal(state) as first:
        first.be_the_only_server()
        said = refused("--state", str(state))
        assert said == f"{state}: is served already, at {first.url}; use that one or stop it, or name another file"
        with start_rehearsal(state) as of_a_kernel:  # a runbook's own, which tells nobody
            assert of_a_kernel.account_sid == first.account_sid
    with start_rehearsal(state) as second:
        second.be_the_only_server()


def test_another_server_where_the_first_one_was(tmp_path: Path) -> None:
    """An old address with another account is ignored."""
    with start_rehearsal(tmp_path / "other.db") as other, start_rehearsal(tmp_path / "state.db") as served:
        with served.served.store.transaction() as tables:
            tables.sql.execute("INSERT INTO meta VALUES ('server', ?)", (other.url,))
        served.be_the_only_server()


@pytest.mark.parametrize("version", ["2", ""])
def test_a_state_file_of_another_version(tmp_path: Path, version: str) -> None:
    """The error names the file, which stays as it was."""
    state = tmp_path / "state.db"
    start_rehearsal(state).close()
    with closing(sqlite3.connect(state)) as sql, sql:
        sql.execute("UPDATE meta SET value = ? WHERE key = 'format'", (version,))
    before = state.read_bytes()
    said = refused("--state", str(state))
    assert said == f"{state}: is a rehearsal's state of another version; delete the file, or name another"
    assert state.read_bytes() == before
