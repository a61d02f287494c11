"""A desk for each test, on one shared rehearsal that is emptied between tests."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from dialtone_nb.account import account as accounts
from dialtone_nb.account.account import CONTROL, AccountCredentials, open_account
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from tests.infrastructure.desk import ROOT, Desk, sample
from tests.infrastructure.starting_points import StartingPoints

OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal shared by all tests of a process."""
    with start_rehearsal(tmp_path_factory.mktemp("rehearsal") / "state.db", lasting=False) as running:
        yield running


@pytest.fixture(scope="session")
def starting_points(tmp_path_factory: pytest.TempPathFactory) -> StartingPoints:
    """Where tests of a process begin, as far as one of them went there by its own steps."""
    return StartingPoints(tmp_path_factory.mktemp("starting-points"))


@pytest.fixture
def open_desk(
    rehearsal: Rehearsal, starting_points: StartingPoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenDesk]:
    """A function that opens further operators' desks on the test's account."""
    state = tmp_path / "state.db"
    rehearsal.wipe()
    token = rehearsal.auth_token
    credentials = AccountCredentials(rehearsal.account_sid, rehearsal.account_sid, token, token)
    monkeypatch.setitem(accounts._rehearsals, state.resolve(), (credentials, rehearsal.url))
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(state))
    monkeypatch.setenv("DIALTONE_OPERATOR", "ada@switchroom")
    # Another process that is told of this state file finds the same account there, secrets and all.
    with closing(sqlite3.connect(rehearsal.served.store.path)) as shared, closing(sqlite3.connect(state)) as copied:
        shared.backup(copied)
    project = tmp_path / "project"
    shutil.copytree(ROOT / "parameters" / "sample", project / "parameters")
    parameters, bundle = sample()
    with ExitStack() as sessions:
        begin = partial(starting_points.begin, rehearsal.served.store)

        def opened(**options: float) -> Desk:
            account = open_account("rehearsal", project, **options)
            sessions.callback(account.transport.session.close)
            return Desk(account, project, parameters, bundle, begin=begin)

        first = opened()
        for what in ("faults", "requests"):
            first.account.transport.send("DELETE", f"{CONTROL}/{what}")
        yield opened


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    """The operator's desk, on an empty account."""
    return open_desk()
