"""A small network with a SIP server, and phones that call through it."""

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
    """Skip if a program is missing, except in CI, which installs it."""
    if shutil.which(program):
        return
    if os.environ.get("CI"):
        pytest.fail(f"{program} is missing; .ci/run installs it")
    pytest.skip(f"no {program} here; on Debian and Ubuntu: apt-get install {package}")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A rehearsal with a SIP server, two domains, some phones, a number, and an application for their calls."""
    with open_network(tmp_path_factory.mktemp("rehearsal") / "state.db") as opened:
        yield opened


@pytest.fixture
def handset(network: Network) -> Iterator[Callable[..., Handset]]:
    """A function that makes scripted phones; without a name each is a new user."""
    with ExitStack() as opened:
        yield lambda user="", **options: opened.enter_context(
            Handset(network.address, user or network.add_user(), **options)
        )


@pytest.fixture
def linphone(network: Network, tmp_path: Path) -> Iterator[Callable[..., Linphone]]:
    """A function that makes Linphone phones."""
    needs("linphonec", "linphone-cli")
    with ExitStack() as opened:
        yield lambda user, **options: opened.enter_context(Linphone(tmp_path / user, user, network.address, **options))


@pytest.fixture
def phone(network: Network, tmp_path: Path) -> Iterator[Callable[..., Baresip]]:
    """A function that makes registered baresip phones."""
    needs("baresip", "baresip-core")
    with ExitStack() as opened:

        def make(user: str, **options: Any) -> Baresip:
            made = opened.enter_context(Baresip(tmp_path / user, user, network.address, **options))
            made.wait_to_register()
            return made

        yield make
