"""A line of the terminal that tells what is being done, and leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_CLEAR = "\r\033[K"


@contextmanager
def passing_line() -> Iterator[Callable[[str], None]]:
    """Say what is being done in the place of what was said before; to a file or a pipe, nothing is said."""

    def say(text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"{_CLEAR}{text}")
            sys.stderr.flush()

    try:
        yield lambda doing: say(f"{doing} …")
    finally:
        say("")
