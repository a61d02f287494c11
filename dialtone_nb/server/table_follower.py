"""The table that is served now, following the server's folder: a switch there shows here between two requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import IncomingCall, OutgoingCall
from dialtone_nb.dialplan.table import Table
from dialtone_nb.errors import InputError
from dialtone_nb.server.folder import has_served, is_noted, list_tables, read_serving, read_table

LOOK_EVERY_S: Final = 0.5
_log = logging.getLogger(__name__)


class TableFollower:
    """The table of one environment: `table` is None where nothing is switched on, `version` is then empty.

    The last good table stays, whatever becomes of the folder, until another is switched on or the environment is
    closed: a phone must always be able to call for help.
    """

    def __init__(self, folder: Path, environment: str, on_look: Callable[[str], None] = lambda result: None) -> None:
        """`on_look` is told of every switch ("switched") and of every one that could not be followed ("refused")."""
        self.table: Table | None = None
        self.version = ""
        self._folder = folder
        self._environment = environment
        self._on_look = on_look
        self.problem = ""

    def look(self) -> None:
        """Take over what the folder says; where that can't be served, what is served stays, and a line is logged."""
        try:
            serving = read_serving(self._folder, self._environment)
        except InputError as error:
            if self.table is None:
                self._serve_newest()
            self._complain(str(error))
            return
        if not is_noted(self._folder, self._environment) and (
            self.table or has_served(self._folder, self._environment)
        ):
            if self.table is None:
                self._serve_newest()
            self._complain(f"{self._folder}: what {self._environment} serves has vanished")
            return
        if serving.version == self.version:
            self.problem = ""
            return
        try:
            self._serve(serving.version)
        except InputError as error:
            # A worker that starts now has no table yet: the one before is better than none.
            if self.table is None and serving.previous:
                with contextlib.suppress(InputError):
                    self._serve(serving.previous)
            self._complain(str(error))

    def _serve_newest(self) -> None:
        """Serve the newest table that knows the environment: a worker that starts can't tell which one was served."""
        for version in reversed(list_tables(self._folder)):
            with contextlib.suppress(InputError):
                if self._environment in read_table(self._folder, version).environments:
                    self._serve(version)
                    return

    def _serve(self, version: str) -> None:
        table = read_table(self._folder, version) if version else None
        if table is not None:
            _warm(table, self._environment)
        self.table, self.version, self.problem = table, version, ""
        self._on_look("switched")
        _log.info("%s serves %s", self._environment, f"table {version[:12]}" if version else "nothing")

    async def follow(self) -> None:
        """Look now and then, beside the requests, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.look)

    def _complain(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        self._on_look("refused")
        serving = f"table {self.version[:12]} is served as before" if self.version else "nothing is served"
        _log.error("%s; %s", problem, serving)


def _warm(table: Table, environment: str) -> None:
    """Make one decision of each kind, so that the first call does not wait for expressions to be compiled."""
    for name, client in table.environments[environment].clients.items() if environment in table.environments else ():
        decide(table, OutgoingCall(environment, "", "sip:01112025550100@warm.invalid", f"sip:{name}@{client.domain}"))
    decide(table, IncomingCall(environment, "", ""))
