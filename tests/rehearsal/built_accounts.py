"""Accounts that tests begin with: built once by requests, and restored for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.functions.node_processes import NodeProcesses
from dialtone_nb.rehearsal.state.store import SEED
from tests.rehearsal.doors import Deployed, Door, client_of

Build = Callable[[Client, Door], Deployed]


@dataclass(frozen=True)
class BuiltAccount:
    """A running rehearsal, what is live there, and a copy of its state as it was built."""

    rehearsal: Rehearsal
    live: Deployed
    copy: Path

    def restore(self, state: Path) -> None:
        """Continue with the account as it was built, in a new state file.

        The functions' processes go on, as the functions are the same; those of other builds end.
        """
        shutil.copyfile(self.copy, state)
        before = self.rehearsal.served.front
        processes = before._processes
        before._processes = NodeProcesses(processes._base, processes._packages)  # to be closed with it
        self.rehearsal.change_state(state, SEED)
        self.rehearsal.served.front._processes = processes
        self.rehearsal.served.front.end_left_builds_now()


class BuiltAccounts:
    """Built accounts, by what builds them and by the set of assumptions; their state is in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[Build, str], BuiltAccount] = {}
        self._running = ExitStack()

    def get(self, build: Build, twilio: str) -> BuiltAccount:
        """The account that a function builds; it is built when it is first wanted."""
        key = build, twilio
        if key not in self._known:
            state = self._folder / f"{len(self._known)}.db"
            rehearsal = self._running.enter_context(start_rehearsal(state, twilio=twilio, lasting=False))
            client, door = client_of(rehearsal), Door(rehearsal)
            with closing(client.http_client.session), closing(door.session):
                live = build(client, door)
            copy = state.with_suffix(".copy")
            shutil.copyfile(state, copy)
            self._known[key] = BuiltAccount(rehearsal, live, copy)
        return self._known[key]

    def close(self) -> None:
        """Stop their rehearsals."""
        self._running.close()
