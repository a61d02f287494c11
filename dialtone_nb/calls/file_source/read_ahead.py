"""Iterators that threads walk ahead, so that what they yield is ready when it is asked for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

# So many things are ready at most: the thread waits for the reader then, and memory stays small.
AHEAD: Final = 2


class _End:
    pass


def read_ahead(things: Iterator[Thing], ahead: int = AHEAD) -> Iterator[Thing]:
    """The same things in the same order; an error of theirs comes where it would have come."""
    end = _End()
    with ThreadPoolExecutor(1) as pool:
        ready: deque[Future[Thing | _End]] = deque(pool.submit(next, things, end) for _ in range(ahead))
        while ready:
            thing = ready.popleft().result()
            if isinstance(thing, _End):
                return
            ready.append(pool.submit(next, things, end))
            yield thing


def map_ahead(work: Callable[[Thing], Result], things: Iterable[Thing]) -> Iterator[Result]:
    """What the work makes of each thing, in their order, as many at once as there are processors."""
    workers = os.cpu_count() or 1
    waiting = iter(things)
    with ThreadPoolExecutor(workers) as pool:
        under_way = deque(pool.submit(work, thing) for thing in islice(waiting, workers + 1))
        while under_way:
            made = under_way.popleft().result()
            under_way.extend(pool.submit(work, thing) for thing in islice(waiting, 1))
            yield made
