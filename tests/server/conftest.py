"""The sample network's table, and a server that answers with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dialtone_nb.dialplan.table import Table
from tests.dialplan.conftest import parameters, table
from tests.server.running_server import Caller, fill_folder, server_in_thread, settings_for

__all__ = ["parameters", "table"]


@pytest.fixture
def folder(tmp_path: Path, table: Table) -> Path:
    """A server's folder with the sample's table served in prod."""
    fill_folder(tmp_path, table)
    return tmp_path


@pytest.fixture
def caller(folder: Path) -> Iterator[Caller]:
    """Twilio's requests, to a server for prod."""
    with server_in_thread(settings_for(folder)) as asking:
        yield asking
