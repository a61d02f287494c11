"""Run a function in a child process that may be killed, and return its result or how it ended."""

from __future__ import annotations

import os
import pickle
import select
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
# A whole run takes seconds; on a machine that has much else to do, minutes.
LONGEST_S = 300


@dataclass(frozen=True)
class Ended(Generic[T]):
    """How a process ended: with a result, a signal, or an error message."""

    value: T | None = None
    signal: int = 0
    error: str = ""


def run_in_child(function: Callable[[], T], scratch: Path) -> Ended[T]:
    """Fork, call the function in the child, and return how it ended; its temporary files go to `scratch`."""
    assert threading.active_count() == 1, "a process with threads can't be forked"
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _be_the_child(function, scratch, writing)
    os.close(writing)
    try:
        content = _read_all(reading, child)
    finally:
        os.close(reading)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Ended(signal=os.WTERMSIG(status))
    value, error = pickle.loads(content)
    return Ended(value, error=error)


def _be_the_child(function: Callable[[], object], scratch: Path, writing: int) -> None:
    """Call the function and end this process without clean-up, as a killed process would."""
    tempfile.tempdir = str(scratch)
    try:
        answer: tuple[object, str] = function(), ""
    except BaseException as error:
        answer = None, f"{type(error).__name__}: {error}"
    content = pickle.dumps(answer)
    while content:
        content = content[os.write(writing, content) :]
    os._exit(0)


def _read_all(reading: int, child: int) -> bytes:
    """Read until the child closes its end, and kill a child that takes too long."""
    content, until = b"", time.monotonic() + LONGEST_S
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGABRT)
            until = time.monotonic() + LONGEST_S
            continue
        chunk = os.read(reading, 1 << 16)
        if not chunk:
            return content
        content += chunk
