"""A small network with a SIP door, and telephones to call through it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.linphone import Linphone
from tests.rehearsal.sip.network import Network, open_network


def needs(program: str, package: str) -> None:
    """Skip where a program is missing, but never in CI, which installs it."""
    if shutil.which(program):
        return
    if os.environ.get("CI"):
        pytest.fail(f"{program} is missing; .ci/run installs it")
    pytest.skip(f"no {program} here; on Debian and Ubuntu: apt-get install {package}")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A rehearsal with a door, two SIP domains, a few phones, a number, and an application that takes their calls."""
    with open_network(tmp_path_factory.mktemp("rehearsal") / "state.db") as opened:
        yield opened


@pytest.fixture
def handset(network: Network) -> Iterator[Callable[..., Handset]]:
    """Makes telephones that say exactly what a test has them say; without a name, each is a new user of its own."""
    with ExitStack() as opened:
        yield lambda user="", **options: opened.enter_context(
            Handset(network.address, user or network.add_user(), **options)
        )


@pytest.fixture
def linphone(network: Network, tmp_path: Path) -> Iterator[Callable[..., Linphone]]:
    """Makes Linphone telephones."""
    needs("linphonec", "linphone-cli")
    with ExitStack() as opened:
        yield lambda user, **options: opened.enter_context(Linphone(tmp_path / user, user, network.address, **options))


@pytest.fixture
def phone(network: Network, tmp_path: Path) -> Iterator[Callable[..., Baresip]]:
    """Makes baresip telephones that have registered."""
    needs("baresip", "baresip-core")
    with ExitStack() as opened:

        def make(user: str, **options: Any) -> Baresip:
            made = opened.enter_context(Baresip(tmp_path / user, user, network.address, **options))
            made.wait_to_register()
            return made

        yield make
