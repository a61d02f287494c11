"""A rehearsal of its own for each test, and Twilio's own client for Python pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal


class RehearsalHttpClient(TwilioHttpClient):
    """Twilio's HTTP client with another address; the Host header stays, so the rehearsal knows who was asked."""

    def __init__(self, base: str, **options: Any) -> None:
        super().__init__(**options)
        self.base = base
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        """The response of the rehearsal."""
        parts = urlsplit(url)
        options["headers"] = {**(options.get("headers") or {}), "Host": parts.netloc}
        return super().request(
            method, self.base + url.removeprefix(f"{parts.scheme}://{parts.netloc}"), *args, **options
        )


class Door:
    """A plain HTTP session to a rehearsal, for what no client of Twilio's asks."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(self, method: str, host: str, path: str, **options: Any) -> requests.Response:
        """The response of a host; Twilio's hosts are asked with the account's auth token unless `auth` says otherwise."""
        if host.endswith(".twilio.com"):
            options.setdefault("auth", (self.rehearsal.account_sid, self.rehearsal.auth_token))
        headers = {"Host": host, **options.pop("headers", {})}
        return self.session.request(method, self.rehearsal.url + path, headers=headers, timeout=30, **options)

    def control(self, method: str, path: str, **options: Any) -> Any:
        """What rehearsal.localhost answers, as JSON."""
        response = self.ask(method, "rehearsal.localhost", path, **options)
        return response.json() if response.content else None


def client_of(rehearsal: Rehearsal, **options: Any) -> Client:
    """Twilio's own client, pointed at a rehearsal."""
    http_client = RehearsalHttpClient(rehearsal.url, **options)
    return Client(rehearsal.account_sid, rehearsal.auth_token, http_client=http_client)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where a rehearsal keeps its account."""
    return tmp_path / "state.db"


@pytest.fixture
def rehearsal(state: Path) -> Iterator[Rehearsal]:
    """A running rehearsal with an empty account."""
    with start_rehearsal(state) as running:
        yield running


@pytest.fixture
def client(rehearsal: Rehearsal) -> Iterator[Client]:
    """Twilio's own client, pointed at the rehearsal."""
    made = client_of(rehearsal)
    yield made
    made.http_client.session.close()


@pytest.fixture
def door(rehearsal: Rehearsal) -> Iterator[Door]:
    """Plain HTTP to the rehearsal."""
    made = Door(rehearsal)
    yield made
    made.session.close()
