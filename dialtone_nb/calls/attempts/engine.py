"""Where tallies of many parts are made: side by side on this machine, or on a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from dialtone_nb.errors import Fault, InputError

Part = TypeVar("Part")
Result = TypeVar("Result")

HERE = ""
CONNECT_TIMEOUT_S = 10


def run_parts(engine: str, work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
    """What the work makes of each part, in their order: on this machine for "", else on the cluster at tcp://… .

    On a cluster work and parts are pickled, and its machines need this package and the archive. An `InputError` where
    no scheduler answers.
    """
    if engine != HERE:
        return _run_on_cluster(engine, work, parts)
    if len(parts) == 1:
        return iter([work(parts[0])])
    return _run_here(work, parts)


def _run_here(work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
    # Threads are enough: reading, unpacking and counting happen in libraries that leave Python's lock alone.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, parts)


def _run_on_cluster(engine: str, work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
    from distributed import Client

    connect: Any = Client  # it comes without types
    try:
        client = connect(engine, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fault = Fault(
            "parameter engine",
            f"no Dask scheduler answers at {engine!r}: {reason}",
            "write it as tcp://host:8786, or leave it empty to count on this machine",
        )
        raise InputError(fault) from None
    with client:
        # Not pure: an archive's day can have changed since the same question was asked before.
        yield from client.gather(client.map(work, parts, pure=False))
