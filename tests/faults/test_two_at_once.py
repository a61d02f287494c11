"""Two processes on one account: each sees what the other leaves, and nothing is lost or done twice."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dialtone_nb.infrastructure.record import JOURNAL, load_records
from tests.faults.accounts import make_account
from tests.faults.neighbour import CALLS, NEW_PHONE, NEW_PHONES, ROUNDS
from tests.faults.states import Row, read_state
from tests.infrastructure.desk import LOBBY, WORKBENCH


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that is live in stage and prod, with a phone each."""
    folder = tmp_path_factory.mktemp("network") / "account"
    make_account(folder, "network")
    return folder


@pytest.fixture
def account(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that network, for one test."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", "")
    monkeypatch.setenv("DIALTONE_OPERATOR", "")
    return shutil.copytree(network, tmp_path / "account")


def at_once(account: Path, *roles: str) -> list[dict[str, Any]]:
    """Run these roles at the same time, each in a process with its own rehearsal, and return their output."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.faults.neighbour", str(account)]
    working = [subprocess.Popen([*command, role], cwd=root, stdout=subprocess.PIPE, text=True) for role in roles]
    said = [process.communicate(timeout=120)[0] for process in working]
    assert [process.returncode for process in working] == [0] * len(roles)
    return [json.loads(one) for one in said]


def of(kind: str, rows: Sequence[Row]) -> list[Row]:
    """The resources of one kind."""
    return [row for row in rows if row.kind == kind]


def test_two_notebooks_on_one_rehearsal_lose_nothing(account: Path) -> None:
    """One deploys and calls, the other sets up phones and calls: all is there once, and logs have whole lines."""
    before = len(load_records(account / "project" / "reports"))
    at_once(account, "stage", "prod")
    rows = read_state(account).rows
    assert {row.name for row in of("phone_number", rows)} == {WORKBENCH, LOBBY, *NEW_PHONES.values()}
    assert sorted(row.name for row in of("credential", rows)) == sorted(["workbench", "lobby", *NEW_PHONES])
    assert len(of("build", rows)) == 4
    connection = sqlite3.connect(account / "state.db")
    placed = connection.execute(
        'SELECT "from", count(*) FROM calls WHERE parent_call_sid IS NULL GROUP BY 1'
    ).fetchall()
    connection.close()
    assert sorted(count for _, count in placed) == [CALLS, CALLS]
    assert len(load_records(account / "project" / "reports")) == before + 3 + len(NEW_PHONES)
    journal = (account / "project" / "reports" / JOURNAL).read_text().splitlines()
    assert all(json.loads(line)["plan"].startswith("plan-") for line in journal)


def test_two_operators_deploy_to_one_environment_one_at_a_time(account: Path) -> None:
    """Each succeeds in the end, and is told who holds the claim meanwhile; builds are complete and not duplicated."""
    said = dict(zip(("ada", "grace"), at_once(account, "ada", "grace"), strict=True))
    assert {one["done"] for one in said.values()} == {ROUNDS}
    assert set(said["ada"]["holders"]) <= {"grace"}
    assert set(said["grace"]["holders"]) <= {"ada"}
    state = read_state(account)
    # One build to begin with, and one for each edit that was deployed.
    assert [row.body["status"] for row in of("build", state.rows)] == ["completed"] * (1 + 2 * ROUNDS)
    assert all(count == 1 for label, count in state.names.items() if "/manifest" not in label), state.names
    assert [row.name for row in of("variable", state.rows)].count("DIALTONE_CLAIM") == 0


def test_one_plan_in_two_processes_is_applied_once(account: Path) -> None:
    """Both processes apply the same plan at the same moment, and nothing is made twice."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.faults.neighbour", str(account)]
    working = [
        subprocess.Popen([*command, role], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for role in ("first", "second")
    ]
    for process in working:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in working:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [json.loads(process.communicate(timeout=120)[0]) for process in working]
    assert sorted(one["exit_code"] for one in said) == [0, 3]
    state = read_state(account)
    assert state.bought[NEW_PHONES[NEW_PHONE]] == 1
    assert [row.name for row in of("credential", state.rows)].count(NEW_PHONE) == 1
    assert all(count == 1 for label, count in state.names.items() if "/manifest" not in label), state.names
