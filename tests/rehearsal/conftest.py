"""A rehearsal for each test, empty or with what is built once a module, and clients for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from tests.rehearsal.built_accounts import Build, BuiltAccounts
from tests.rehearsal.doors import Deployed, Door, client_of
from tests.rehearsal.network import Network, build_network


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The path of a rehearsal's state file."""
    return tmp_path / "state.db"


@pytest.fixture
def twilio() -> str:
    """The set of assumptions in use; tests about the other set, or both, are parametrised with it."""
    return "recorded"


@pytest.fixture(scope="module")
def built_accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuiltAccounts]:
    """The accounts that tests of a module begin with."""
    accounts = BuiltAccounts(tmp_path_factory.mktemp("built"))
    yield accounts
    accounts.close()


@pytest.fixture
def build(request: pytest.FixtureRequest) -> Build | None:
    """What builds the account that a test begins with; none for an empty one."""
    return _build_network if "network" in request.fixturenames else None


@pytest.fixture
def rehearsal(state: Path, twilio: str, build: Build | None, built_accounts: BuiltAccounts) -> Iterator[Rehearsal]:
    """A running rehearsal, whose state need not outlive this process."""
    if build:
        built = built_accounts.get(build, twilio)
        built.restore(state)
        yield built.rehearsal
        return
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
def live(rehearsal: Rehearsal, twilio: str, build: Build | None, built_accounts: BuiltAccounts) -> Deployed:
    """The functions that are live in the account that a test begins with."""
    assert build, "the account is empty"
    return built_accounts.get(build, twilio).live


@pytest.fixture
def network(client: Client, door: Door, live: Deployed) -> Network:
    """A phone and a number whose voice URL is a function."""
    return Network(client, door, live)


def _build_network(client: Client, door: Door) -> Deployed:
    return build_network(client, door).live
