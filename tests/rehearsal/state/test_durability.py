"""A rehearsal that is killed during many writes keeps all that it acknowledged; two may write to one file."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import pytest
import requests

from dialtone_nb.rehearsal import start_rehearsal
from tests.rehearsal.doors import PASSWORD, client_of

WRITERS = 4


@dataclass
class Storm:
    """Threads that write until nothing answers; `acknowledged` has the resources confirmed to each, by name."""

    account_sid: str
    auth_token: str
    kill_after: int
    process: subprocess.Popen[str]
    acknowledged: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, writer: str, url: str, path: str) -> None:
        """Create credentials until the process is gone; a certain acknowledgement triggers the kill."""
        with requests.Session() as session:
            session.trust_env = False
            session.auth = (self.account_sid, self.auth_token)
            for number in range(10_000):
                name = f"{writer}-{number}"
                form = {"Username": name, "Password": PASSWORD}
                try:
                    made = session.post(url + path, data=form, headers={"Host": "api.twilio.com"}, timeout=30)
                except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                    return
                assert made.status_code == 201, made.text
                with self.lock:
                    self.acknowledged[name] = made.json()["sid"]
                    if len(self.acknowledged) == self.kill_after:
                        self.process.send_signal(signal.SIGKILL)


COMMAND = ("-m", "dialtone_nb", "rehearsal", "--state")
# As a runbook's kernel opens the file of a rehearsal that the command serves.
KERNEL = """
import sys
from pathlib import Path
from dialtone_nb.rehearsal import start_rehearsal
with start_rehearsal(Path(sys.argv[1])) as rehearsal:
    print(f"URL          {rehearsal.url}\\nStop it", flush=True)
    sys.stdin.read()
"""


@contextmanager
def serving(state: Path, *start: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A rehearsal in a separate process, and its address."""
    command = [sys.executable, *(start or COMMAND), str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = takewhile(lambda line: not line.startswith("Stop it"), process.stdout)
        told = {line[:13].strip(): line[13:].strip() for line in lines}
        try:
            yield process, told["URL"]
        finally:
            process.kill()


@pytest.mark.parametrize("seed", range(6))
def test_what_was_acknowledged_outlives_a_kill_in_the_middle_of_many_writes(state: Path, seed: int) -> None:
    """Four writers, killed at a random moment: all that was acknowledged is there, and the file is valid."""
    kill_after = random.Random(seed).randrange(1, 250)
    with start_rehearsal(state) as rehearsal:
        listed = client_of(rehearsal).sip.credential_lists.create("phones").sid
        account = (rehearsal.account_sid, rehearsal.auth_token)
    path = f"/2010-04-01/Accounts/{account[0]}/SIP/CredentialLists/{listed}/Credentials.json"
    with serving(state) as (process, url), ThreadPoolExecutor(WRITERS) as pool:
        storm = Storm(*account, kill_after, process)
        for _ in pool.map(lambda writer: storm.write(f"w{writer}", url, path), range(WRITERS)):
            pass
    assert len(storm.acknowledged) >= kill_after
    with start_rehearsal(state) as rehearsal:
        kept = client_of(rehearsal).sip.credential_lists(listed).credentials.list()
    assert storm.acknowledged.items() <= {one.username: one.sid for one in kept}.items()
    # What was on its way when the process ended is at most one thing of each writer.
    assert len(kept) <= len(storm.acknowledged) + WRITERS
    connection = sqlite3.connect(state)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_two_processes_may_write_to_one_file(state: Path) -> None:
    """Both show what either acknowledged; a name that both requested at once is created once."""
    kernel = serving(state, "-c", KERNEL)
    with serving(state) as (_, first), kernel as (_, second), start_rehearsal(state) as here:
        path = f"/2010-04-01/Accounts/{here.account_sid}/SIP/CredentialLists.json"

        def make(number: int) -> int:
            return requests.post(
                (first, second)[number % 2] + path,
                data={"FriendlyName": f"list {number // 2}"},
                auth=(here.account_sid, here.auth_token),
                headers={"Host": "api.twilio.com"},
                timeout=30,
            ).status_code

        with ThreadPoolExecutor(WRITERS) as pool:
            statuses = list(pool.map(make, range(40)))
        names = [one.friendly_name for one in client_of(here).sip.credential_lists.list()]
    assert sorted(statuses) == [201] * 20 + [400] * 20
    assert sorted(names) == sorted(f"list {number}" for number in range(20))
