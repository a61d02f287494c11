"""A rehearsed network for SIP phones: its functions, domains, credentials and number."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.sip.address import TrunkAddress
from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint
from tests.rehearsal.doors import Door, add_phone, client_of, deploy
from tests.rehearsal.sip.names import CALLER_ID, DOMAIN, OTHER_DOMAIN, PASSWORD, SHUT_DOMAIN

OUTGOING = """
exports.handler = (context, event, callback) => {
  const response = new Twilio.twiml.VoiceResponse();
  const to = decodeURIComponent(event.To.match(/^sip:([^@]+)@/)[1]);
  const dial = (more) => response.dial({ callerId: '+15035550100', answerOnBridge: true, timeout: 20, ...more });
  if (to === '700') { response.say('Welcome.'); response.hangup(); }
  else if (to === '701') response.reject({ reason: 'busy' });
  else if (to === '702') response.gather({ numDigits: 2, timeout: 10, action: '/digits' }).say('Press two keys.');
  else if (to === '703') dial({ timeLimit: 1 }).number('+15035550190');
  else if (to === '704') response.play('https://example.org/a.wav');
  else if (to === '705') dial({ timeout: 2 }).number('+15035550193');
  else if (to === '706') response.record({ maxLength: 2, action: '/digits' });
  else if (to === '708') {
    const began = performance.now();
    while (performance.now() - began < 50);
    dial().number('+15035550192');
  }
  else if (to === '709') response.reject();
  else if (to === '707') { response.pause({ length: 60 }); }
  else if (to === '#') {
    const server = { username: 'dialtone', password: 'Trunkpassword1' };
    dial({ timeout: 3, action: '/done' }).sip(server, 'sip:menu@pbx.example.org;transport=tls?X-Dialtone-Client=van');
  }
  else if (to === '0') dial({ timeout: 3, action: '/done' }).sip('sip:operator@pbx.example.org');
  else if (/^[a-z]/.test(to)) dial().sip(`sip:${to}@demo.sip.twilio.com?X-Room=7`);
  else dial().number(`+1${to}`);
  callback(null, response);
};
"""
INCOMING = """
exports.handler = (context, event, callback) => {
  const response = new Twilio.twiml.VoiceResponse();
  response.dial({ callerId: event.From, answerOnBridge: true, timeout: 20 }).sip('sip:lobby@demo.sip.twilio.com');
  callback(null, response);
};
"""
DIGITS = """
exports.handler = (context, event, callback) => {
  console.log(JSON.stringify({ digits: event.Digits ?? '' }));
  const response = new Twilio.twiml.VoiceResponse();
  response.hangup();
  callback(null, response);
};
"""
DONE = "exports.handler = (context, event, callback) => callback(null, new Twilio.twiml.VoiceResponse());"


@dataclass(frozen=True)
class Network:
    """The network from both sides, API and phones."""

    rehearsal: Rehearsal
    client: Client
    http: Door
    door: SipEndpoint
    number: str
    lists: dict[str, str]
    domains: dict[str, str]
    names: Iterator[int] = field(default_factory=count)

    def add_user(self) -> str:
        """Create a new phone and return its name."""
        name = f"phone{next(self.names)}"
        self.client.sip.credential_lists(self.lists[DOMAIN]).credentials.create(name, PASSWORD)
        return name

    @property
    def address(self) -> tuple[str, int]:
        """The SIP server's address."""
        return self.door.host, self.door.port

    def alerts(self, code: int) -> list[str]:
        """The texts of all alerts with this code."""
        return [one.alert_text for one in self.client.monitor.v1.alerts.list() if one.error_code == str(code)]

    def calls(self) -> list[tuple[str, str, str, str]]:
        """Every call's direction, ends and status, newest first."""
        return [(one.direction, one._from, one.to, one.status) for one in self.client.calls.list()]

    def registrations(self) -> list[dict[str, Any]]:
        """The response of GET /registrations."""
        found: list[dict[str, Any]] = self.http.control("GET", "/registrations")["registrations"]
        return found

    def steps(self, user: str, domain: str = DOMAIN) -> list[str]:
        """A phone's steps so far."""
        return [entry.step for entry in self.door.journal.entries(user, domain)]


@contextmanager
def open_network(state: Path, trunk: TrunkAddress | None = None, authority: Path | None = None) -> Iterator[Network]:
    """Create the network; with an authority, phones may use TLS."""
    with start_rehearsal(state) as rehearsal:
        client, http = client_of(rehearsal), Door(rehearsal)
        live = deploy(
            client,
            http,
            {
                "/out": ("protected", OUTGOING),
                "/in": ("protected", INCOMING),
                "/digits": ("protected", DIGITS),
                "/done": ("protected", DONE),
            },
        )
        voice_url = f"https://{live.domain_name}/out"
        domains = {name: add_phone(client, "lobby", name, voice_url) for name in (DOMAIN, OTHER_DOMAIN, SHUT_DOMAIN)}
        client.sip.domains(domains[SHUT_DOMAIN]).update(sip_registration=False)
        lists = {one.friendly_name.removeprefix("list of "): one.sid for one in client.sip.credential_lists.list()}
        for user in ("van", "library", "clinic"):
            client.sip.credential_lists(lists[DOMAIN]).credentials.create(user, PASSWORD)
        number = client.incoming_phone_numbers.create(
            phone_number=CALLER_ID, voice_url=f"https://{live.domain_name}/in"
        ).phone_number
        door = rehearsal.open_sip_door(trunk=trunk, authority=authority)
        try:
            yield Network(rehearsal, client, http, door, number, lists, domains)
        finally:
            client.http_client.session.close()
            http.session.close()


def until(holds: Callable[[], object], what: str = "", patience: float = 15.0) -> Any:
    """The value of a condition once it is true; raises AssertionError if it never is."""
    end = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < end, f"in vain: {what or holds}"
        time.sleep(0.02)
    return found
