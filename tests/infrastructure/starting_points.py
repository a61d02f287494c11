"""Starting points: what some steps lead to on an empty account, gone to once and restored for each other test."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialtone_nb.parameters import Parameters
from dialtone_nb.rehearsal.state.store import Store
from dialtone_nb.service.bundle import Bundle
from tests.infrastructure.desk import Desk, Steps, sample

# All tables but `meta`, which has what the account is derived from.
TABLES = ("things", "contents", "counts", "calls", "clock")


@dataclass(frozen=True)
class StartingPoint:
    """The rehearsed account, the project with what lies beside it, and what the operator has declared."""

    rows: dict[str, list[tuple[Any, ...]]]
    files: Path
    parameters: Parameters
    bundle: Bundle
    trunk_password: str


class StartingPoints:
    """The starting points of a process, by their rehearsal's secret and steps; their files are kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[str, Steps], StartingPoint] = {}

    def begin(self, store: Store, desk: Desk, steps: Steps) -> None:
        """Take a desk to where these steps lead from an empty account and the sample's files."""
        assert (desk.parameters, desk.bundle, desk.trunk_password) == (*sample(), ""), "something is declared already"
        with store.transaction() as tables:
            assert not tables.sql.execute("SELECT 1 FROM things").fetchone(), "the account is not empty"
        self._go(store, desk, steps)
        desk.requests()

    def _go(self, store: Store, desk: Desk, steps: Steps) -> None:
        if not steps:
            return
        key = store.identity.secret, steps
        if known := self._known.get(key):
            _restore(store, desk, known)
            return
        self._go(store, desk, steps[:-1])
        steps[-1](desk)
        self._known[key] = _save(store, desk, self._folder / str(len(self._known)))


def _save(store: Store, desk: Desk, files: Path) -> StartingPoint:
    with store.transaction() as tables:
        rows = {name: kept for name in TABLES if (kept := tables.sql.execute(f"SELECT * FROM {name}").fetchall())}
    # Private files are beside the rehearsal's state. That itself is a copy for other processes, which is never written.
    shutil.copytree(desk.project.parent, files, ignore=shutil.ignore_patterns("state.db*"))
    return StartingPoint(rows, files, desk.parameters, desk.bundle, desk.trunk_password)


def _restore(store: Store, desk: Desk, known: StartingPoint) -> None:
    with store.transaction() as tables:
        tables.sql.execute("DELETE FROM clock")
        for name, rows in known.rows.items():
            tables.sql.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    shutil.copytree(known.files, desk.project.parent, dirs_exist_ok=True)
    desk.parameters, desk.bundle, desk.trunk_password = known.parameters, known.bundle, known.trunk_password
