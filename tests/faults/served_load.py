"""Our own server under load for hours, one fault after the other: its answers, and its events.

Calls alternate between incoming and outgoing, some to emergency numbers. Each answered request must have exactly one
event on the disk, and that must be delivered. For a request without an answer (as its worker was killed) Twilio would
request the fallback URL.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import requests

from dialtone_nb.server.day_files import day_file
from dialtone_nb.server.folder import switch_table
from dialtone_nb.server.spool import memory_folder
from tests.faults.tables import as_table
from tests.faults.toll_fraud import sample_table
from tests.infrastructure.desk import LOBBY
from tests.server.receivers import Receiver, receiver
from tests.server.running_server import (
    SECRETS,
    Caller,
    events_in,
    fill_folder,
    outgoing,
    serve_command,
    wait_until,
    workers_of,
)

ENVIRONMENT = "prod"
WORKERS = 2
LASTS_S = 2 * 3600.0
# A fault begins so often, and lasts for half of that.
EVERY_S = 60.0
CALLERS = 4
CALLS_A_SECOND = 3.0
# What Twilio waits for an answer.
PATIENCE_S = 15.0
STALLED_S = 3.0
# What the day's file may still take once the disk is said to be full: the last event ends in its middle.
ROOM = 1000
# What the receiver gets in the end, it gets within this time.
HANDED_ON_WITHIN_S = 120.0
SEED = 7


@dataclass(frozen=True)
class Kind:
    """One kind of call: its first request, the TwiML expected, and its final status callback."""

    path: str
    asked: Mapping[str, str]
    has: str
    direction: str


KINDS = (
    Kind("/sip-outgoing", outgoing("5035550199"), "+15035550199", "outgoing"),
    Kind("/sip-outgoing", outgoing("911"), "+1911", "outgoing"),
    Kind("/sip-incoming", {"From": "+15035550142", "To": LOBBY}, "sip:lobby@", "incoming"),
)


@dataclass
class Served:
    """A server with several workers, which keeps its port when it is started again."""

    folder: Path
    port: int
    received: Receiver
    tables: tuple[str, str]
    child: subprocess.Popen[str] = field(init=False)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, as systemd does after an exit, and wait until it accepts connections."""
        command = serve_command(self.folder, "--port", str(self.port), "--workers", str(WORKERS))
        with (self.folder / "log").open("a") as log:
            self.child = subprocess.Popen(
                command,
                env=os.environ | SECRETS | {"EVENTS_WEBHOOK_URL": self.received.url},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.child.stdout
        with self.child.stdout as said:
            assert " at http://" in said.readline(), (self.folder / "log").read_text()

    def stop(self) -> None:
        """Ask it to end."""
        self.child.terminate()
        self.child.wait()

    def kill(self) -> None:
        """Kill all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def workers(self) -> list[psutil.Process]:
        """The worker processes, once there are enough."""
        wait_until(lambda: sum(map(_is_ready, workers_of(self.child.pid))) == WORKERS, within_s=120)
        return workers_of(self.child.pid)


def _is_ready(worker: psutil.Process) -> bool:
    """Whether it keeps events, which begins just before it answers."""
    with suppress(psutil.Error):
        return any(Path(one.path).parent == memory_folder() for one in worker.open_files())
    return False


Begin = Callable[[Served], AbstractContextManager[Any]]


def _once(do: Callable[[Served], object]) -> Begin:
    """A fault without a duration."""

    @contextmanager
    def begin(served: Served) -> Iterator[None]:
        do(served)
        yield

    return begin


def _kill_a_worker(served: Served) -> None:
    served.workers()[0].kill()


def _kill_all(served: Served) -> None:
    served.kill()
    served.start()


def _kill_the_parent(served: Served) -> None:
    workers = served.workers()
    served.child.kill()
    served.child.wait()
    psutil.wait_procs(workers)
    served.start()


def _restart(served: Served) -> None:
    served.stop()
    served.start()


def _stall_a_worker(served: Served) -> None:
    worker = served.workers()[0]
    worker.suspend()
    time.sleep(STALLED_S)
    worker.resume()


@contextmanager
def _full_disk(served: Served) -> Iterator[None]:
    """Limit the workers' file size to that of the day's file, so that a write ends in mid-line."""
    day = day_file(served.folder / "events" / ENVIRONMENT, datetime.now(UTC))
    workers, size = served.workers(), day.stat().st_size if day.exists() else 0
    for one in workers:
        one.rlimit(psutil.RLIMIT_FSIZE, (size + ROOM, psutil.RLIM_INFINITY))
    yield
    for one in workers:
        with suppress(psutil.NoSuchProcess):
            one.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))


@contextmanager
def _events_gone(served: Served) -> Iterator[None]:
    """Unmount the events' disk."""
    events, beside = served.folder / "events", served.folder / "beside"
    kept = events.readlink()
    for target in (Path("/dev/null"), kept):
        beside.symlink_to(target)
        beside.replace(events)
        if target != kept:
            yield


@contextmanager
def _altered(served: Served, path: str, content: bytes | None, *, and_killed: bool = False) -> Iterator[None]:
    """Change or remove a file of the folder; a killed worker starts again with that."""
    (file,) = served.folder.glob(path.format(live=served.tables[0]))
    whole = file.read_bytes()
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    if and_killed:
        _kill_a_worker(served)
    yield
    file.write_bytes(whole)


@contextmanager
def _another_table(served: Served) -> Iterator[None]:
    """A deploy, and a roll back."""
    live, other = served.tables
    switch_table(served.folder, ENVIRONMENT, other)
    yield
    switch_table(served.folder, ENVIRONMENT, live)


@contextmanager
def _receiver_fails(served: Served) -> Iterator[None]:
    served.received.statuses = [503] * 1_000_000
    yield
    served.received.statuses = []


@contextmanager
def _flooded(served: Served) -> Iterator[None]:
    """Unsigned requests from two addresses at full speed, and many idle connections."""
    is_over = threading.Event()

    def flood() -> None:
        with requests.Session() as session:
            while not is_over.is_set():
                with suppress(requests.RequestException):
                    session.post(f"{served.url}/sip-outgoing", data=b"a=" + b"b" * 10_000, timeout=PATIENCE_S)

    with ExitStack() as held:
        for _ in range(200):
            held.enter_context(socket.create_connection(("127.0.0.1", served.port)))
        floods = [threading.Thread(target=flood) for _ in range(2)]
        for one in floods:
            one.start()
        yield
        is_over.set()
        for one in floods:
            one.join()


NOTHING = "nothing"
NOTE, TABLE = f"environments/{ENVIRONMENT}.json", "tables/{live}.json"
# Of these alone a request may be left without an answer: whoever had it is gone, or nobody listens for a moment.
KILLED: Mapping[str, Begin] = {
    "a worker is killed": _once(_kill_a_worker),
    "all processes are killed": _once(_kill_all),
    "the parent of the workers is killed": _once(_kill_the_parent),
    "it is stopped and started": _once(_restart),
    "the served table is damaged, and a worker is killed": partial(
        _altered, path=TABLE, content=b"{}", and_killed=True
    ),
    "the note of what is served vanishes, and a worker is killed": partial(
        _altered, path=NOTE, content=None, and_killed=True
    ),
}
FAULTS: Mapping[str, Begin] = {
    NOTHING: lambda served: nullcontext(),
    **KILLED,
    "a worker stands still for 3 s": _once(_stall_a_worker),
    "the disk is full": _full_disk,
    "the disk of the events is gone": _events_gone,
    "the served table is damaged": partial(_altered, path=TABLE, content=b"{}"),
    "the note of what is served vanishes": partial(_altered, path=NOTE, content=None),
    "another table is switched on": _another_table,
    "the receiver of the events fails": _receiver_fails,
    "a flood of unsigned requests": _flooded,
}


@dataclass(frozen=True)
class Asked:
    """One request: its call, whether it is the final status, the fault at the time, and the answer."""

    sid: str
    is_end: bool
    fault: str
    seconds: float
    # Empty where no answer came.
    answer: str
    is_right: bool


@dataclass(frozen=True)
class ServedLoad:
    """The result: every request, how often each fault began, and the events on the disk and at the receiver."""

    asked: tuple[Asked, ...]
    faults: Counter[str]
    kept: Counter[tuple[str, bool]]
    handed_on: Counter[tuple[str, bool]]
    seconds: float

    @property
    def amiss(self) -> tuple[str, ...]:
        """A line for each wrong answer, and for each lost, duplicated or undelivered event."""
        lines = []
        for one in self.asked:
            event = one.sid, one.is_end
            said = (
                ["it was not answered"] * (not one.answer and one.fault not in KILLED)
                + ["a wrong answer: " + one.answer] * (bool(one.answer) and not one.is_right)
                + ["its event is lost"] * self._is_lost(one)
                + ["its event is there twice"] * (self.kept[event] > 1)
                + ["its event was not handed on"] * (self.kept[event] > self.handed_on[event] == 0)
            )
            lines += [f"{one.sid} ({'end' if one.is_end else 'begin'}), {one.fault}: {words}" for words in said]
        return tuple(lines)

    def _is_lost(self, one: Asked) -> bool:
        return bool(one.answer) and not self.kept[one.sid, one.is_end]

    def table(self) -> str:
        """A row a fault."""
        rows = [
            [name, times, *self._cells([one for one in self.asked if one.fault == name])]
            for name, times in self.faults.items()
        ]
        sums = [sum(column) for column in list(zip(*rows, strict=True))[1:-1]]
        slowest = max(self.asked, key=lambda one: one.seconds).seconds
        heads = [
            "fault",
            "times",
            "requests",
            "of emergency calls",
            "answered",
            "wrongly",
            "without an answer",
            "events lost",
            "doubled",
            "not handed on",
            "handed on again",
            "slowest answer",
        ]
        return as_table(heads, [*rows, ["all", *sums, f"{slowest:.1f} s"]])

    def _cells(self, asked: Sequence[Asked]) -> list[Any]:
        answered = [one for one in asked if one.answer]
        events = [(one.sid, one.is_end) for one in asked]
        return [
            len(asked),
            sum("911" in one.sid for one in asked),
            len(answered),
            sum(not one.is_right for one in answered),
            len(asked) - len(answered),
            sum(map(self._is_lost, asked)),
            sum(self.kept[event] > 1 for event in events),
            sum(self.kept[event] > 0 and not self.handed_on[event] for event in events),
            sum(self.handed_on[event] > 1 for event in events),
            f"{max((one.seconds for one in answered), default=0):.1f} s",
        ]


class _Load:
    """Callers that go on until they are stopped."""

    def __init__(self, url: str, calls_a_second: float) -> None:
        self.fault = NOTHING
        self.asked: list[Asked] = []
        self._url = url
        self._pause_s = CALLERS / calls_a_second
        self._is_over = threading.Event()
        self._numbers = itertools.count()
        self._callers = [threading.Thread(target=self._call_on) for _ in range(CALLERS)]

    def __enter__(self) -> _Load:
        for one in self._callers:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for one in self._callers:
            one.join()

    def _call_on(self) -> None:
        caller = Caller(self._url)
        while not self._is_over.wait(self._pause_s):
            number = next(self._numbers)
            kind = KINDS[number % len(KINDS)]
            sid = f"CA{number}" + ("-911" if kind.has == "+1911" else "")
            caller = self._ask(caller, sid, kind.path, {**kind.asked, "CallSid": sid}, kind.has)
            path = f"/call-status?direction={kind.direction}&client=lobby"
            caller = self._ask(caller, sid, path, {"CallSid": sid, "DialCallStatus": "completed"}, "<Response")

    def _ask(self, caller: Caller, sid: str, path: str, asked: Mapping[str, str], has: str) -> Caller:
        """Send a request and return the connection for the next one, a new one if this one broke."""
        began, answer, is_right = time.monotonic(), "", False
        fault = self.fault
        try:
            response = caller.ask(path, asked, timeout=PATIENCE_S)
            # What is wrong with the server itself has Twilio ask the fallback URL, as silence has.
            if response.status_code < 500:
                answer, is_right = f"{response.status_code} {response.text}", response.ok and has in response.text
        except requests.RequestException:
            # What goes on now has broken it.
            fault = self.fault
            caller.session.close()
            caller = Caller(self._url)
        is_end = path.startswith("/call-status")
        self.asked.append(Asked(sid, is_end, fault, time.monotonic() - began, answer, is_right))
        return caller


def serve_under_load(
    lasts_s: float,
    faults: Sequence[str] = tuple(FAULTS),
    *,
    every_s: float = EVERY_S,
    calls_a_second: float = CALLS_A_SECOND,
    tell: Callable[[str], None] = lambda line: None,
) -> ServedLoad:
    """Run calls for this long with each fault in turn, in a new random order each round."""
    struck, drawn = Counter[str](), random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="served-load-") as name, receiver() as received:
        served = _prepare(Path(name), received)
        served.start()
        try:
            served.workers()
            wait_until((served.folder / "events" / ENVIRONMENT / ".webhook.json").exists, within_s=120)
            began = time.monotonic()
            with _Load(served.url, calls_a_second) as load:
                while time.monotonic() - began < lasts_s:
                    for fault in drawn.sample(list(faults), len(faults)):
                        struck[fault] += 1
                        load.fault = fault
                        with _lasting(every_s), FAULTS[fault](served):
                            time.sleep(every_s / 2)
                        broken = sum(not one.answer for one in load.asked)
                        tell(f"{fault}; {len(load.asked):,} asked, {broken} without an answer so far")
                        if time.monotonic() - began >= lasts_s:
                            break
            seconds = time.monotonic() - began
            # What a killed worker left is saved by the next one.
            _restart(served)
            _wait_for_receiver(served)
            served.stop()
        finally:
            served.kill()
        kept, handed_on = _count(events_in(served.folder, ENVIRONMENT)), _count(received.events)
    in_order = Counter({fault: struck[fault] for fault in faults if struck[fault]})
    return ServedLoad(tuple(load.asked), in_order, kept, handed_on, seconds)


def _prepare(folder: Path, received: Receiver) -> Served:
    """A server's folder with two tables, one of them served, and its events in a folder that can be unmounted."""
    table = sample_table()
    other = table.model_copy(update={"messages": table.messages.model_copy(update={"no_rule": "Another table."})})
    versions = [fill_folder(folder, one, ENVIRONMENT) for one in (other, table)]
    (folder / "disk").mkdir()
    (folder / "events").symlink_to(folder / "disk")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Served(folder, port, received, (versions[1], versions[0]))


@contextmanager
def _lasting(seconds: float) -> Iterator[None]:
    """A block that takes at least this long."""
    began = time.monotonic()
    yield
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))


def _wait_for_receiver(served: Served) -> None:
    """Wait for it to have all events of the disk; the table reports those that do not arrive in time."""
    with suppress(AssertionError):
        wait_until(
            lambda: _count(events_in(served.folder, ENVIRONMENT)).keys() <= _count(served.received.events).keys(),
            HANDED_ON_WITHIN_S,
        )


def _count(events: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, bool]]:
    return Counter((str(event["call_sid"]), "dialstatus" in str(event["event"])) for event in events)
