"""Run a program as a process and measure its time, peak memory and output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
# How often memory is looked at; a peak shorter than this goes unseen.
EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """Time and memory that a program and its children needed, and the JSON that it printed last."""

    seconds: float
    processor_s: float
    peak_mb: float
    said: Any


class ChildError(Exception):
    """A program failed; the message has the last lines of its output."""


def run_module(name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Run:
    """A module of the benchmarks as a program; a `ChildError` where it fails."""
    return run_program([sys.executable, "-m", f"tests.benchmarks.{name}", *arguments], environment)


def run_program(command: list[str], environment: Mapping[str, str] | None = None) -> Run:
    """A program from the checkout's root, on the sample network; a `ChildError` where it fails."""
    variables = {**os.environ, "DIALTONE_PARAMETERS": str(ROOT / "parameters" / "sample"), **(environment or {})}
    with tempfile.TemporaryFile() as printed:
        start, before = time.perf_counter(), _processor_s()
        process = subprocess.Popen(command, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT, env=variables)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _memory_of(process.pid))
            time.sleep(EVERY_S)
        seconds, processor = time.perf_counter() - start, _processor_s() - before
        printed.seek(0)
        lines = printed.read().decode(errors="replace").splitlines()
    if process.returncode:
        raise ChildError(f"{' '.join(command)} ended with {process.returncode}: {' / '.join(lines[-3:])}")
    said = json.loads(lines[-1]) if lines and lines[-1].startswith(("{", "[")) else None
    return Run(seconds, processor, peak / 2**20, said)


def _processor_s() -> float:
    """CPU seconds, user and system, of all child processes that have ended so far."""
    times = os.times()
    return times.children_user + times.children_system


def _memory_of(pid: int) -> int:
    """Bytes that a process and its children hold now; each shared page is counted once (PSS)."""
    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.Error:
        pass
    return total
