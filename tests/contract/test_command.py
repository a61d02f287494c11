"""`python -m dialtone_nb rehearsal` with a past and with a TLS proxy, as a process of its own."""

from __future__ import annotations

import json
import shlex
import signal
import ssl
import subprocess
import sys
import urllib.request
from base64 import b64encode
from itertools import takewhile
from pathlib import Path

from tests.contract.official import NODE, TWILIO_CLI


def test_the_command_opens_a_tls_door_on_an_account_with_a_past(tmp_path: Path) -> None:
    """Its output has all that a client needs (address, credentials, authority) and the path of the true values."""
    options = ["--state", str(tmp_path / "state.db"), "--tls", "0", "--history", "3d", "--calls", "40"]
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = list(takewhile(lambda line: not line.startswith("Stop it"), process.stdout))
        told = {line[:13].strip(): line[13:].strip() for line in printed}
        sid = told["Account SID"]
        asked = urllib.request.Request(
            f"{told['TLS']}/2010-04-01/Accounts/{sid}/Calls.json?PageSize=1000",
            headers={
                "Host": "api.twilio.com",
                "Authorization": "Basic " + b64encode(f"{sid}:{told['Auth token']}".encode()).decode(),
            },
        )
        trusting = ssl.create_default_context(cafile=told["Authority"])
        with urllib.request.urlopen(asked, context=trusting, timeout=30) as answer:
            calls = json.load(answer)["calls"]
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    truth = json.loads(Path(printed[0].rpartition(" is in ")[2].strip()).read_text())
    parents = {call["sid"] for call in calls if call["parent_call_sid"] is None}
    assert parents == {attempt["call_sid"] for attempt in truth["attempts"]}
    assert len(parents) == 40


def test_the_line_that_is_printed_for_node_leads_twilios_command_line_here(tmp_path: Path) -> None:
    """Put before a command, even in a folder whose name has a space, it is sufficient."""
    state = tmp_path / "my state" / "state.db"
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", "--state", str(state), "--tls", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = takewhile(lambda line: not line.startswith("Stop it"), process.stdout)
        told = {line[:13].strip(): line[13:].strip() for line in printed}
        words = shlex.split(told["For Node"].removesuffix(" COMMAND"))
        create = ["api:core:sip:domains:create", "--domain-name", "shell.sip.twilio.com", "-o", "tsv"]
        cli: list[str | Path] = [*words, f"HOME={tmp_path}", NODE, TWILIO_CLI, *create]
        ended = subprocess.run(cli, capture_output=True, text=True, timeout=120, check=False)
        process.send_signal(signal.SIGINT)
    assert ended.returncode == 0, ended.stderr
    assert "shell.sip.twilio.com" in ended.stdout
