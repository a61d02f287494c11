"""Twilios to ask, each with a phone, a number and functions: the rehearsal as it is, and those that deviate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from twilio.rest import Client

from tests.probe_by_others.deviating_twilio import TWILIOS, deviating_twilio
from tests.rehearsal.doors import PASSWORD, Door, add_phone, client_of, deploy
from tests.rehearsal.network import DOMAIN, FUNCTIONS, NUMBER, Network
from tests.rehearsal.sip.handset import Handset

TELLS = """exports.handler = (context, event, callback) => callback(null, process.env.SERVICE_SID ?? 'nothing');"""
REFUSES = """exports.handler = (context, event, callback) => {
  const response = new Twilio.Response();
  response.setStatusCode(403);
  callback(null, response);
};"""
ADDRESS = {
    "customer_name": "Fern Valley Library",
    "street": "1 Example Street",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "iso_country": "US",
}


@dataclass(frozen=True)
class Stand:
    """A Twilio, asked by its API, by calls and by SIP."""

    twilio: str  # empty for the rehearsal as it is
    client: Client
    door: Door
    network: Network
    sip: tuple[str, int]
    phones: ExitStack
    _numbers: Iterator[int] = field(default_factory=lambda: count(10))

    def name(self) -> str:
        """A name that nothing has yet."""
        return f"name{next(self._numbers)}"

    def number(self) -> str:
        """A number that nobody has yet."""
        return f"+150355501{next(self._numbers)}"

    def url(self, path: str) -> str:
        """The URL of a function."""
        return f"https://{self.network.live.domain_name}{path}"

    def address(self) -> str:
        """The SID of a new emergency address."""
        return str(self.client.addresses.create(**ADDRESS, emergency_enabled=True).sid)

    def environment(self) -> Any:
        """A new environment where nothing is live."""
        name = self.name()
        environments = self.client.serverless.v1.services(self.network.live.service).environments
        return environments(environments.create(unique_name=name, domain_suffix=name).sid)

    def handset(self, domain: str = DOMAIN, user: str = "", password: str = PASSWORD) -> Handset:
        """A telephone at a domain, whose user is new unless it is named."""
        if not user:
            user = self.name()
            listed = next(
                one for one in self.client.sip.credential_lists.list() if one.friendly_name == f"list of {domain}"
            )
            self.client.sip.credential_lists(listed.sid).credentials.create(user, PASSWORD)
        return self.phones.enter_context(Handset(self.sip, user, domain=domain, password=password))

    def rings(self, inside: str, done: str = "", **party: Any) -> Any:
        """What came of a call from the lobby, whose TwiML this is."""
        self.network.answers(inside, done)
        return self.network.dial(**party)

    def waits(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.door.control("POST", "/clock", json={"advance_s": seconds})

    def told(self, call_sid: str, path: str) -> list[dict[str, str]]:
        """What a function was told of a call, in order."""
        events = self.client.calls(call_sid).events.list()
        return [dict(one.request["parameters"]) for one in events if str(one.request["url"]).endswith(path)]


@pytest.fixture(scope="module", params=["", *TWILIOS], ids=lambda twilio: twilio or "as assumed")
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Each Twilio, one after the other."""
    folder = tmp_path_factory.mktemp("twilio")
    functions = {**FUNCTIONS, "/tells": ("public", TELLS), "/refuses": ("public", REFUSES)}
    with (
        deviating_twilio(folder, request.param) if request.param else deviating_twilio(folder, names=()) as rehearsal,
        ExitStack() as phones,
    ):
        client, door = client_of(rehearsal), Door(rehearsal)
        network = Network(client, door, deploy(client, door, functions))
        voice_url = f"https://{network.live.domain_name}/voice"
        add_phone(client, "lobby", DOMAIN, voice_url)
        client.incoming_phone_numbers.create(phone_number=NUMBER, voice_url=voice_url)
        sip = rehearsal.open_sip_door()
        yield Stand(request.param, client, door, network, (sip.host, sip.port), phones)
        client.http_client.session.close()
        door.session.close()
