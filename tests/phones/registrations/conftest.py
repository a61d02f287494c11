"""A listener for three phones with a clock that a test moves, and its files and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from dialtone_nb.phones.registrations.listener import Listener
from dialtone_nb.phones.registrations.store import Registration
from tests.phones.registrations.imitations import Imitation, linksys

PHONES = ("lobby", "kitchen", "library")


@dataclass
class Desk:
    """The listener with its clock, files and messages."""

    addresses: dict[str, str] = field(default_factory=dict)
    at: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)
    kept: list[Registration] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = Listener(
            lambda: PHONES, self.kept.append, self.said.append, addresses=self.addresses, now=lambda: self.at
        )

    def hear(self, messages: Iterable[str], form: Imitation = linksys, address: str = "192.0.2.31") -> None:
        """Process messages as a device logs them."""
        for message in messages:
            for datagram in form(message):
                self.listener.take(datagram, address)

    def wait(self, **time: float) -> None:
        """Advance the clock."""
        self.at += timedelta(**time)

    @property
    def told(self) -> list[tuple[str, str, str, int]]:
        """Client, state, reason and expiry of what was kept."""
        return [(one.client, one.state.value, one.reason, one.expires_s) for one in self.kept]


@pytest.fixture
def desk() -> Desk:
    """A listener without known addresses."""
    return Desk()


@pytest.fixture
def make_desk() -> Callable[..., Desk]:
    """A function that makes listeners with known addresses."""
    return Desk
