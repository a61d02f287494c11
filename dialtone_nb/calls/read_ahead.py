"""An iterator that a thread walks ahead, so that what it yields is ready when it is asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

Thing = TypeVar("Thing")

# So many things are ready at most: the thread waits for the reader then, and memory stays small.
AHEAD: Final = 4


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
