"""Faults of an apply: which one, at which of its API calls, and how it is caused."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from dialtone_nb.account.account import CONTROL
from tests.faults.states import claims_in
from tests.infrastructure.desk import Desk

FOREVER = 1_000_000
# How long the struck run waits for an answer that does not come.
SILENCE_S = 0.25
CONTROL_HOST = urlsplit(CONTROL).netloc
# How often whoever waits for a claim looks for it.
LOOK_EVERY_S = 0.002


@dataclass(frozen=True)
class Fault:
    """One way in which an API call goes wrong: once, or from then on."""

    name: str
    # The rehearsal's name of it; empty where the process is killed.
    rehearsed: str = ""
    times: int = 1
    killed: str = ""
    # Only of applies that make a build, and there only once.
    is_of_builds: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether the client waits in vain for an answer."""
        return self.rehearsed.startswith("timeout")


FAULTS = (
    Fault("SIGKILL before the call", killed="before"),
    Fault("SIGKILL after the call", killed="after"),
    Fault("429", "429"),
    Fault("500", "500"),
    Fault("500 with an HTML page", "500-html"),
    Fault("503 with an HTML page", "503-html"),
    Fault("504 after the write", "504-after"),
    Fault("time-out before the write", "timeout-before"),
    Fault("time-out after the write", "timeout-after"),
    Fault("reset before the write", "reset"),
    Fault("reset after the write", "reset-after"),
    Fault("truncated reply", "truncated"),
    Fault("503 from then on", "503-html", FOREVER),
    Fault("credentials expire", "401", FOREVER),
    Fault("slow build", "slow-build", is_of_builds=True),
    Fault("failed build", "failed-build", is_of_builds=True),
)

# Not at one of its API calls, but so many milliseconds after its claim is there: in the middle of whatever it does.
HELD = Fault("SIGKILL while the claim is held", killed="held")


class Watched(requests.adapters.HTTPAdapter):
    """An HTTP adapter that calls a hook before and after each request to Twilio's hosts, with its number."""

    def __init__(self, before: Callable[[int], None], after: Callable[[int], None]) -> None:
        super().__init__(pool_maxsize=8)
        self._before, self._after = before, after
        self._counted, self._lock = 0, threading.Lock()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send the request and return the answer."""
        if request.headers.get("Host") == CONTROL_HOST:
            return super().send(request, *args, **options)
        with self._lock:
            self._counted += 1
            number = self._counted
        self._before(number)
        response = super().send(request, *args, **options)
        self._after(number)
        return response


def watch(desk: Desk, before: Callable[[int], None], after: Callable[[int], None]) -> None:
    """Have the desk's requests watched from now on."""
    desk.account.transport.session.mount("http://", Watched(before, after))


def strike(desk: Desk, fault: Fault, call: int) -> None:
    """Cause the fault at the desk's API call of this number."""
    if not fault.killed:
        desk.fault(fault.rehearsed, nth=call, times=fault.times)
        if fault.is_silent:
            # Only now: what was asked for must not itself be given up on a busy machine.
            desk.account.transport.timeouts = (SILENCE_S, SILENCE_S)
        return

    if fault.killed == "held":
        state = Path(os.environ["DIALTONE_REHEARSAL_STATE"])
        threading.Thread(target=_kill_while_held, args=(state, call / 1000), daemon=True).start()
        return

    def kill(number: int) -> None:
        if number == call:
            os.kill(os.getpid(), signal.SIGKILL)

    def spare(_: int) -> None:
        pass

    watch(desk, *((kill, spare) if fault.killed == "before" else (spare, kill)))


def _kill_while_held(state: Path, after_s: float) -> None:
    """Kill this process this long after a claim appears in the state file."""
    while not claims_in(state):
        time.sleep(LOOK_EVERY_S)
    time.sleep(after_s)
    os.kill(os.getpid(), signal.SIGKILL)
