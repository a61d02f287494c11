"""A function in a process of its own, which may be killed in the middle: what it gave back, or how it ended."""

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
    """How a process ended: with what it gave back, or with a signal, or with what it said of its failure."""

    value: T | None = None
    signal: int = 0
    error: str = ""


def run_in_child(function: Callable[[], T], scratch: Path) -> Ended[T]:
    """How a copy of this process ends that calls the function; its temporary files go to `scratch`."""
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
    """Nothing; this process ends here, without anybody's clean-up, as one that is stopped does."""
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
    """Everything until the child has closed its end; a child that takes too long is killed."""
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
