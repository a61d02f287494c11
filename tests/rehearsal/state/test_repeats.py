"""The rehearsal is deterministic to the byte, also for concurrent requests."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dialtone_nb.rehearsal import start_rehearsal
from tests.rehearsal.doors import PASSWORD, Door, add_phone, client_of, finish_build

CODE = """exports.handler = (context, event, callback) => {
  console.log(JSON.stringify({ at: new Date(), sid: event.CallSid }));
  const response = new Twilio.twiml.VoiceResponse();
  response.dial({ callerId: '+15035550101' }).number('+15035550199');
  callback(null, response);
};"""


def rehearse(state: Path, order: int) -> dict[str, Any]:
    """The content of the state file, and all responses, after a deploy with concurrent requests and three calls."""
    with start_rehearsal(state) as rehearsal, ThreadPoolExecutor(4) as pool:
        client, door = client_of(rehearsal), Door(rehearsal)
        sid = client.serverless.v1.services.create("phones", "Phones").sid
        service = client.serverless.v1.services(sid)

        def upload(name: str) -> str:
            function = service.functions.create(friendly_name=name).sid
            return str(door.upload(sid, function, name, "public", f"// {name}\n{CODE}").json()["sid"])

        versions = sorted(pool.map(upload, [f"/voice{n}" for n in range(6)][::order]))
        environment = service.environments.create("stage", domain_suffix="stage")
        build = service.builds.create(function_versions=versions).sid
        assert finish_build(client, sid, build) == "completed"
        service.environments(environment.sid).deployments.create(build_sid=build)
        add_phone(client, "lobby", "phones-stage.sip.twilio.com", f"https://{environment.domain_name}/voice1")
        listed = client.sip.credential_lists(client.sip.credential_lists.list()[0].sid)
        list(pool.map(lambda n: listed.credentials.create(f"phone{n}", PASSWORD), list(range(8))[::order]))
        numbers = [f"+1503555010{n}" for n in range(8)][::order]
        list(pool.map(lambda number: client.incoming_phone_numbers.create(phone_number=number), numbers))
        told = [door.call(client="lobby", dial="5035550199", **far) for far in ({}, {"busy": True}, {"talk": 99})]
        told.append(door.ask("GET", environment.domain_name, "/voice2").text)
        path = f"/Services/{sid}/Environments/{environment.sid}/Logs"
        answers = [door.serverless("GET", path).json(), door.classic("GET", "/Calls.json").json()]
        door.session.close()
    connection = sqlite3.connect(state)
    tables = {
        name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}")))
        for name in ("things", "calls", "counts", "clock")
    }
    connection.close()
    return {"told": told, "answers": answers, **tables}


def test_the_same_rehearsal_is_the_same_account_to_the_byte(tmp_path: Path) -> None:
    """Two runs, with concurrent requests in opposite orders, leave the same state and give the same responses."""
    runs = [rehearse(tmp_path / f"{order}.db", order) for order in (1, -1)]
    assert json.dumps(runs[0], indent=1) == json.dumps(runs[1], indent=1)
