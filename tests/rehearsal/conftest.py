"""A rehearsal for each test, and clients for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from tests.rehearsal.doors import Door, client_of
from tests.rehearsal.network import Network, build_network


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The path of a rehearsal's state file."""
    return tmp_path / "state.db"


@pytest.fixture
def twilio() -> str:
    """The set of assumptions in use; tests about the other set, or both, are parametrised with it."""
    return "recorded"


@pytest.fixture
def rehearsal(state: Path, twilio: str) -> Iterator[Rehearsal]:
    """A running rehearsal with an empty account; its state need not outlive this process."""
    with start_rehearsal(state, twilio=twilio, lasting=False) as running:
        yield running


@pytest.fixture
def client(rehearsal: Rehearsal) -> Iterator[Client]:
    """Twilio's own client, connected to the rehearsal."""
    made = client_of(rehearsal)
    yield made
    made.http_client.session.close()


@pytest.fixture
def door(rehearsal: Rehearsal) -> Iterator[Door]:
    """Plain HTTP to the rehearsal."""
    made = Door(rehearsal)
    yield made
    made.session.close()


@pytest.fixture
def network(client: Client, door: Door) -> Network:
    """A phone and a number whose voice URL is a function."""
    return build_network(client, door)
