"""A small network on a rehearsal: one phone, one number, and a function that returns what a test wants."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twilio.rest import Client

from dialtone_nb.rehearsal.assumptions import BEHAVIOURS
from tests.rehearsal.doors import Deployed, Door, add_phone, deploy

# A test that holds of both Twilios that there may be.
BOTH = pytest.mark.parametrize("twilio", list(BEHAVIOURS))
DOMAIN = "phones-stage.sip.twilio.com"
NUMBER = "+15035550103"
FRIEND = "+12125550155"

# /voice answers the variable VOICE, and /done the variable DONE; both log what they got.
FUNCTIONS = {
    "/voice": (
        "protected",
        """exports.handler = (context, event, callback) => {
          console.log('voice ' + JSON.stringify(event));
          const response = new Twilio.Response();
          response.appendHeader('Content-Type', context.VOICE_TYPE ?? 'text/xml').setBody(context.VOICE ?? '');
          callback(null, response);
        };""",
    ),
    "/done": (
        "protected",
        """exports.handler = (context, event, callback) => {
          console.log('done ' + JSON.stringify(event));
          const response = new Twilio.Response();
          response.appendHeader('Content-Type', 'text/xml').setBody(context.DONE ?? '<Response/>');
          callback(null, response);
        };""",
    ),
    "/broken": ("protected", "exports.handler = () => { throw new Error('broken'); };"),
}


HELLO = "<Response><Say>Hello from the maker space</Say></Response>"


class Network:
    """One phone "lobby", one number, one function that returns what a test wants."""

    def __init__(self, client: Client, door: Door, live: Deployed) -> None:
        self.client = client
        self.door = door
        self.live = live
        self.variables = client.serverless.v1.services(live.service).environments(live.environment).variables

    def answers(self, inside: str, done: str = "", content_type: str = "") -> None:
        """Set the TwiML of the next calls, and the TwiML after a Dial."""
        for variable in self.variables.list():
            self.variables(variable.sid).delete()
        self.variables.create("VOICE", f"<Response>{inside}</Response>" if not content_type else inside)
        if done:
            self.variables.create("DONE", f"<Response>{done}</Response>")
        if content_type:
            self.variables.create("VOICE_TYPE", content_type)

    def dial(self, **far_side: Any) -> Any:
        """Place a call from the lobby and return its result."""
        return self.door.call(client="lobby", dial="5035550199", **far_side)

    def received(self, word: str) -> list[dict[str, Any]]:
        """The events that a function got, in order."""
        logs = self.client.serverless.v1.services(self.live.service).environments(self.live.environment).logs.list()
        messages = [log.message for log in sorted(logs, key=lambda log: log.date_created)]
        return [json.loads(text.removeprefix(word)) for text in messages if text.startswith(f"{word} ")]

    def alerts(self) -> list[str]:
        """All alert codes, sorted, except those of functions."""
        codes = [alert.error_code for alert in self.client.monitor.v1.alerts.list()]
        return sorted(code for code in codes if not code.startswith("82"))


def build_network(client: Client, door: Door) -> Network:
    """Create a phone and a number whose voice URL is the function."""
    live = deploy(client, door, FUNCTIONS)
    voice_url = f"https://{live.domain_name}/voice"
    add_phone(client, "lobby", DOMAIN, voice_url)
    client.incoming_phone_numbers.create(phone_number=NUMBER, voice_url=voice_url)
    return Network(client, door, live)


PSTN = f'<Dial callerId="{NUMBER}" answerOnBridge="true" action="/done"><Number>+15035550199</Number></Dial>'
LOBBY = f'<Dial answerOnBridge="true" action="/done"><Sip>sip:lobby@{DOMAIN}</Sip></Dial>'


def place(network: Network, **options: Any) -> Any:
    """Place an API call, with parameters added or replaced."""
    return network.client.calls.create(**{"to": FRIEND, "from_": NUMBER, "twiml": HELLO} | options)


def statuses(network: Network, sid: str, looks: int) -> list[str]:
    """The statuses of a call in successive fetches."""
    return [network.client.calls(sid).fetch().status for _ in range(looks)]
