"""The sandbox of deployed functions: every way out that Node has is tried by deployed functions."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.rehearsal.functions import fence
from tests.rehearsal.doors import Deployed, Door, client_of, deploy

# Does what it is told, and says what it got, or why not.
OBEDIENT = """
const { once } = require('events');
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
exports.handler = async (context, event, callback) => {
  const given = { require, module, once, context, event };
  try {
    const got = await new AsyncFunction(...Object.keys(given), event.code)(...Object.values(given));
    callback(null, { got: got === undefined ? 'done' : got });
  } catch (error) {
    callback(null, { refused: `${error?.code ?? ''} ${error?.message ?? error}` });
  }
};
"""
ACCOUNT = "`https://api.twilio.com/2010-04-01/Accounts/${context.ACCOUNT_SID}.json`"
LOGIN = "{ username: context.ACCOUNT_SID, password: context.AUTH_TOKEN }"
WAYS_OUT: dict[str, dict[str, str]] = YAML(typ="safe").load(Path(__file__).with_name("ways_out.yaml"))
TRIED = {f"{does} {what}": code for does, ways in WAYS_OUT.items() for what, code in ways.items()}


@dataclass
class Prison:
    """A function that tries what it is told, and resources outside of its build."""

    door: Door
    live: Deployed
    names: dict[str, Any]
    outside: Path

    def tell(self, code: str) -> dict[str, str]:
        """The function's result or error."""
        told = {"code": code, **self.names}
        said: dict[str, str] = self.door.ask("POST", self.live.domain_name, "/obey", data=told).json()
        return said


@pytest.fixture(scope="module", params=["the kernel's fence", "Node's permissions and our own block alone"])
def prison(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prison]:
    """The function in the sandbox with kernel filters, and on a system without them."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("SECRET=secret")
    state = tmp_path_factory.mktemp("state") / "state.db"
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as server:
        if request.param.startswith("Node's"):
            patch.setattr(fence, "has_kernel_fence", lambda: False)
        local = socket.socket(socket.AF_UNIX)
        patch.chdir(outside)  # the path of a Unix socket must be short
        local.bind("socket")
        local.listen()
        with local, start_rehearsal(state) as rehearsal:
            client, door = client_of(rehearsal), Door(rehearsal)
            live = deploy(client, door, {"/obey": ("public", OBEDIENT)})
            own = rehearsal.url.rpartition(":")[2]
            names = {"outside": outside, "state": state, "port": server.getsockname()[1], "own": own}
            yield Prison(door, live, names, outside)
            door.session.close()
            client.http_client.session.close()


@pytest.mark.parametrize("name", TRIED)
def test_a_function_gets_nowhere(prison: Prison, name: str) -> None:
    """Each attempt fails for the function, and changes nothing outside."""
    before = sorted(prison.outside.rglob("*"))
    said = prison.tell(TRIED[name])
    assert list(said) == ["refused"], said
    assert sorted(prison.outside.rglob("*")) == before
    assert (prison.outside / "secret.txt").read_text() == "SECRET=secret"


@pytest.mark.parametrize(
    ("code", "got"),
    [
        ("return require('fs').readFileSync(module.filename, 'utf8').length", len(OBEDIENT)),
        ("return typeof require('axios').get", "function"),
        (f"return (await require('axios').get({ACCOUNT}, {{ auth: {LOGIN} }})).status", 200),
        (f"return await new Promise((got) => require('https').get({ACCOUNT}, (said) => got(said.statusCode)))", 401),
        ("return (await context.getTwilioClient().calls.list()).length", 0),
        ("return (await require('twilio')(context.ACCOUNT_SID, context.AUTH_TOKEN).calls.list()).length", 0),
        ("return (await context.getTwilioClient().queues.create({ friendlyName: 'a & b' })).friendlyName", "a & b"),
        ("return context.getTwilioClient().queues('QU0').fetch().catch((error) => error.status)", 404),
        ("return process.permission.has('fs.write')", False),
    ],
)
def test_a_function_does_what_it_may(prison: Prison, code: str, got: object) -> None:
    """It reads its build and packages, and sends requests to Twilio, which is the rehearsal."""
    assert prison.tell(code) == {"got": got}


def test_what_a_function_writes_to_its_output_breaks_nothing(prison: Prison) -> None:
    """Its lines among ours, and lines that imitate our protocol, are ignored."""
    order = '{"ask": 7, "method": "POST", "url": "http://localhost/clock", "headers": {}, "body": ""}'
    for line in ("no JSON", "[]", "{}", '{"ask": 1}', '{"id": -1}', '{"id": [], "logs": []}', '{"answer": 1}', order):
        assert prison.tell(f"require('fs').writeSync(1, '{line}\\n')") == {"got": "done"}
    assert prison.door.control("GET", "/clock")["now"] == "2026-03-02T09:00:00Z"


def test_a_function_runs_in_a_session_of_its_own(prison: Prison) -> None:
    """Terminal keys and signals to the rehearsal's process group do not reach it."""
    pid = int(prison.tell("return process.pid")["got"])
    assert os.getsid(pid) == pid != os.getsid(0)


def test_what_a_function_sends_to_twilio_is_its_own_request_alone(prison: Prison) -> None:
    """Host, Content-Length and Connection headers do not redirect its request."""
    code = """
    const client = context.getTwilioClient();
    const data = ['POST /clock HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', 'Content-Length: 16', '',
      '{"advance_s": 9}'].join('\\r\\n');
    const headers = { Host: 'localhost', 'Content-Length': '0', 'Content-Type': 'application/x-www-form-urlencoded' };
    const uri = 'https://api.twilio.com/2010-04-01/Accounts.json';
    return (await client.request({ method: 'POST', uri, data, headers })).statusCode;
    """
    assert "got" in prison.tell(code)
    assert prison.door.control("GET", "/clock")["now"] == "2026-03-02T09:00:00Z"


def test_the_rehearsal_says_what_keeps_functions_in(prison: Prison) -> None:
    """Its front page says whether the kernel helps; otherwise it only speaks of mistakes."""
    said = prison.door.control("GET", "/")["functions"]
    assert said == f"kept in by {fence.describe_fence()}"
    assert ("mistakes, not malice" in said) == (not fence.has_kernel_fence())
