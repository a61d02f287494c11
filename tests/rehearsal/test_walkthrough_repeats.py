"""Kept notebooks, run twice with different secrets, have equal outputs and leave equal accounts."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from dialtone_nb.cli.keep_notebooks import prepared_account
from dialtone_nb.cli.running.kernels import KERNEL_ARGUMENTS
from dialtone_nb.runbooks.steps.opening import find_project

PROJECT = find_project(Path(__file__).parent)


def run_notebook(name: str, folder: Path) -> list[Any]:
    """The outputs of a kept notebook's cells, with a new account in this folder."""
    notebook = nbformat.read(PROJECT / f"notebooks/{name}.ipynb", as_version=4)
    with prepared_account(PROJECT, name, folder):
        NotebookClient(
            notebook,
            kernel_name="python3",
            extra_arguments=KERNEL_ARGUMENTS,
            record_timing=False,
            resources={"metadata": {"path": str(PROJECT / "notebooks")}},
        ).execute()
    return [cell.get("outputs") for cell in notebook.cells]


def account_of(folder: Path) -> dict[str, list[str]]:
    """The content of the state file in a folder, table by table."""
    (state,) = folder.rglob("*.db")
    connection = sqlite3.connect(state)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    held = {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in names}
    connection.close()
    return held


def test_the_walkthrough_repeats_to_the_byte(tmp_path: Path) -> None:
    """Its concurrent requests come in any order, on which no output or resource depends.

    Nor do they depend on the account's secret, which differs.
    """
    folders = [tmp_path / name for name in ("one", "other")]
    shown = [json.dumps(run_notebook("walkthrough", folder), indent=1) for folder in folders]
    assert shown[0] == shown[1]
    accounts = [account_of(folder) for folder in folders]
    chosen = [account.pop("meta") for account in accounts]
    assert [row.split(",")[0] for row in set(chosen[0]) - set(chosen[1])] == ["('secret'"]
    assert accounts[0] == accounts[1]
    assert [name for name in ("things", "calls", "counts") if not accounts[0][name]] == []


def test_signatures_and_passwords_show_nowhere(tmp_path: Path) -> None:
    """What verify shows of signed probes is equal under other secrets, and so are all SIDs."""
    folders = [tmp_path / name for name in ("one", "other")]
    shown = [json.dumps(run_notebook("verify", folder), indent=1) for folder in folders]
    assert shown[0] == shown[1]
    accounts = [account_of(folder) for folder in folders]
    assert accounts[0]["meta"] != accounts[1]["meta"]
    sids = [[row.split(",")[0] for row in account["things"]] for account in accounts]
    assert sids[0] == sids[1] != []
