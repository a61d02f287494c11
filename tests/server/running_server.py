"""A running server, as a thread or a process, and a client that sends Twilio's requests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import requests
import uvicorn
from twilio.request_validator import RequestValidator

from dialtone_nb.dialplan.table import Table
from dialtone_nb.server.folder import push_table, switch_table
from dialtone_nb.server.running import listen, make_config
from dialtone_nb.server.server_settings import Settings, read_settings

AUTH_TOKEN = "an auth token of thirty-two chars"
TRUNK_PASSWORD = "s3cret & <more>"
SECRETS = {"TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TRUNK_PASSWORD": TRUNK_PASSWORD}
CALL_SID = "CA" + "1" * 32
LOBBY_CALLS = {"SipUsername": "lobby", "To": "sip:5035550199@phones.example", "CallSid": CALL_SID}
ENDED = "/call-status?direction=outgoing&client=lobby"


def outgoing(dialled: str, call_sid: str = CALL_SID) -> dict[str, str]:
    """Twilio's parameters when the lobby's phone dials."""
    return {**LOBBY_CALLS, "To": f"sip:{dialled}@phones.example", "CallSid": call_sid}


@dataclass
class Caller:
    """Sends signed requests as Twilio does, over persistent connections."""

    url: str
    # Where Twilio believes that it asks, if it is not where it really does.
    public_url: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def ask(
        self,
        path: str,
        parameters: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        token: str = AUTH_TOKEN,
        timeout: float = 10,
    ) -> requests.Response:
        """The answer to a signed request."""
        pairs = list(parameters.items()) if isinstance(parameters, Mapping) else list(parameters)
        if method == "GET" and pairs:
            path += ("&" if "?" in path else "?") + urlencode(pairs)
            pairs = []
        grouped: dict[str, list[str]] = {}
        for name, value in pairs:
            grouped.setdefault(name, []).append(value)
        signature = RequestValidator(token).compute_signature((self.public_url or self.url) + path, _Signed(grouped))
        return self.session.request(
            method,
            self.url + path,
            data=pairs or None,
            headers={"X-Twilio-Signature": signature, **(headers or {})},
            timeout=timeout,
            allow_redirects=False,
        )


class _Signed(dict[str, list[str]]):
    getall = dict.__getitem__


def fill_folder(folder: Path, table: Table, environment: str = "prod") -> str:
    """Push the table and switch it on; returns its version."""
    version = push_table(folder, table)
    switch_table(folder, environment, version)
    return version


def settings_for(folder: Path, environment: str = "prod", **more: Any) -> Settings:
    """Settings with the tests' secrets."""
    options = {"base_url": "", "proxies": (), **more}
    variables = {**SECRETS, **options.pop("variables", {})}
    return read_settings(variables, environment=environment, folder=folder, **options)


@contextmanager
def server_in_thread(settings: Settings) -> Iterator[Caller]:
    """The server in a thread of this process, and a caller for it."""
    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(make_config(settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Caller(f"http://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()


@dataclass
class ServerProcess:
    """`python -m dialtone_nb serve` as a process."""

    child: subprocess.Popen[str]
    caller: Caller

    def kill(self) -> None:
        """Kill it."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.communicate(timeout=30)

    def stop(self) -> tuple[int, str]:
        """Ask it to end, and return its exit code and stderr."""
        self.child.send_signal(signal.SIGTERM)
        _, errors = self.child.communicate(timeout=30)
        return self.child.returncode, errors


def serve_command(folder: Path, *options: str) -> list[str]:
    """The command line of a server for prod on any free port."""
    command = [sys.executable, "-m", "dialtone_nb", "serve", "--environment", "prod", "--folder", str(folder)]
    return [*command, "--port", "0", *options]


@contextmanager
def server_process(folder: Path, *options: str, variables: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """A server process that answers, killed in the end if it still runs."""
    child = subprocess.Popen(
        serve_command(folder, *options),
        env={**os.environ, **SECRETS, **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert child.stdout
        line = child.stdout.readline()
        assert " at http://" in line, child.communicate()[1]
        url = line.split(" at ", 1)[1].split(",", 1)[0]
        wait_until(lambda: requests.get(f"{url}/healthz", timeout=60).status_code in (200, 503))
        yield ServerProcess(child, Caller(url))
    finally:
        with suppress(ProcessLookupError):  # its workers too
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate(timeout=30)


def workers_of(pid: int) -> list[psutil.Process]:
    """The worker processes."""
    found: list[psutil.Process] = []
    for one in psutil.Process(pid).children():
        # One that was killed may be gone before it is asked.
        with suppress(psutil.NoSuchProcess):
            if one.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
    return found


def events_in(folder: Path, environment: str = "prod") -> list[dict[str, Any]]:
    """The events on the disk, each a complete line."""
    files = sorted((folder / "events" / environment).glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def wait_until(is_so: Any, within_s: float = 20) -> None:
    """Wait for a condition; raises AssertionError if it never becomes true."""
    end = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)
