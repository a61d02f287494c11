"""The walkthrough, run twice with different secrets, has equal outputs and leaves equal accounts; so has verify."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from dialtone_nb.cli.keep_notebooks import prepared_account
from dialtone_nb.cli.running.forked_kernels import IMPORT_RUNBOOKS, Forks, forking
from dialtone_nb.cli.running.kernels import started_kernel
from dialtone_nb.runbooks.steps.opening import find_project

PROJECT = find_project(Path(__file__).parent)
WALKTHROUGH = PROJECT / "notebooks/walkthrough.ipynb"
# Run before the walkthrough deletes what it has made.
VERIFY = "from dialtone_nb import verify_environment\n\nverify_environment(runbook)"


@dataclass(frozen=True)
class Ran:
    """The outputs of all cells, those of verify, and the account that they leave."""

    shown: str
    verified: str
    account: dict[str, list[str]]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Ran]:
    """The walkthrough with verify in it on two new accounts."""
    with forking(IMPORT_RUNBOOKS) as forks:
        one, other = (run_walkthrough(tmp_path_factory.mktemp(name), forks) for name in ("one", "other"))
    return one, other


def run_walkthrough(folder: Path, forks: Forks | None) -> Ran:
    """Run it with a new account in this folder."""
    notebook = nbformat.read(WALKTHROUGH, as_version=4)
    (place,) = [number for number, cell in enumerate(notebook.cells) if "plan_delete" in cell.source]
    notebook.cells.insert(place, nbformat.v4.new_code_cell(VERIFY))
    with prepared_account(PROJECT, "walkthrough", folder), started_kernel(WALKTHROUGH.parent, WALKTHROUGH, forks) as km:
        NotebookClient(notebook, km=km, record_timing=False).execute(cleanup_kc=True)
    shown = json.dumps([cell.get("outputs") for cell in notebook.cells], indent=1)
    return Ran(shown, json.dumps(notebook.cells[place].outputs, indent=1), account_of(folder))


def account_of(folder: Path) -> dict[str, list[str]]:
    """The content of the state file in a folder, table by table."""
    (state,) = folder.rglob("*.db")
    connection = sqlite3.connect(state)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    held = {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in names}
    connection.close()
    return held


def test_the_walkthrough_repeats_to_the_byte(twice: tuple[Ran, Ran]) -> None:
    """Its concurrent requests come in any order, on which no output or resource depends.

    Nor do they depend on the account's secret, which differs.
    """
    one, other = twice
    assert one.shown == other.shown
    differing = set(one.account["meta"]) - set(other.account["meta"])
    assert [row.split(",")[0] for row in differing] == ["('secret'"]
    assert one.account | {"meta": []} == other.account | {"meta": []}
    assert [name for name in ("things", "calls", "counts") if not one.account[name]] == []


def test_signatures_and_passwords_show_nowhere(twice: tuple[Ran, Ran]) -> None:
    """What verify shows of signed probes is equal under other secrets."""
    one, other = twice
    assert one.account["meta"] != other.account["meta"]
    assert one.verified == other.verified
    assert "Verify stage: nothing wrong" in one.verified
