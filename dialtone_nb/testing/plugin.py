"""The pytest plugin `twilio_rehearsal`: one rehearsal a session, a fresh account a test.

pytest imports this module wherever the package is installed, so it imports the rest only for whoever uses a fixture.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from twilio.rest import Client

    from dialtone_nb.testing.account import RehearsedAccount

OPTION = "twilio_rehearsal"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what pytest's configuration may say: that every test has the rehearsal, and with which credentials."""
    parser.addini(
        OPTION, "lead Twilio's clients to the rehearsal in every test, and while modules are imported", "bool"
    )
    parser.addini("twilio_account_sid", "the rehearsed account's SID, where the code under test has one of its own")
    parser.addini("twilio_auth_token", "the rehearsed account's auth token, where the code under test has one")


def pytest_configure(config: pytest.Config) -> None:
    """Where the configuration says so, lead clients to the rehearsal before any module of tests is imported."""
    if config.getini(OPTION):
        with the_extra():
            from dialtone_nb.testing.session import session_of

            config.pluginmanager.register(Everywhere())
            session_of(config).lead_clients()


@contextmanager
def the_extra() -> Iterator[None]:
    """Tell in one line how to get what the block needs, where only the base is installed."""
    __tracebackhide__ = True
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("dialtone_nb"):
            raise
        lacking = f'{sys.executable} lacks the package {error.name}: run pip install "dialtone-nb[rehearsal]"'
        raise pytest.UsageError(lacking) from None


class Everywhere:
    """Gives every test a fresh account."""

    @pytest.fixture(autouse=True)
    def twilio_rehearsal_everywhere(self, twilio_rehearsal: RehearsedAccount) -> None:
        """Lead what a test asks of Twilio to its own account."""


@pytest.fixture
def twilio_rehearsal(request: pytest.FixtureRequest) -> Iterator[RehearsedAccount]:
    """A fresh rehearsed account, to which all that asks Twilio is led until the test is over."""
    with the_extra():
        from dialtone_nb.testing.session import session_of

        session = session_of(request.config)
        session.start()
    with session.open_account(request.node) as account:
        yield account


@pytest.fixture
def twilio_client(twilio_rehearsal: RehearsedAccount) -> Client:
    """twilio-python's client of a fresh rehearsed account."""
    return twilio_rehearsal.client
