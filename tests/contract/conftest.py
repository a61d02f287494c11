"""A rehearsal for each test, plain HTTP to it, and Twilio's own programs connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.http.tls import TlsProxy
from tests.contract.official import Official
from tests.rehearsal.conftest import build, built_accounts, client, door, rehearsal, state, twilio

__all__ = ["build", "built_accounts", "client", "door", "rehearsal", "state", "twilio"]


@pytest.fixture
def official(rehearsal: Rehearsal, tmp_path: Path) -> Iterator[Official]:
    """Twilio's own Node programs, connected to a rehearsal."""
    with TlsProxy(rehearsal.url, tmp_path / "authority.pem") as tls:
        yield Official(rehearsal, tls, tmp_path)
