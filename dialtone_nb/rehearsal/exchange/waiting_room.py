"""Which of the calls that go on wait in which queue, and who waits for somebody to come into one."""

from __future__ import annotations

from collections import defaultdict
from typing import Generic, TypeVar

Call = TypeVar("Call")


class WaitingRoom(Generic[Call]):
    """Calls by the queue that they wait in, the first to be served first."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Call]] = defaultdict(list)
        self._takers: dict[str, list[Call]] = defaultdict(list)

    def enter(self, queue_sid: str, call: Call) -> Call | None:
        """Wait there; the one who waits for somebody to come, if one does."""
        self._waiting[queue_sid].append(call)
        return self._takers[queue_sid][0] if self._takers[queue_sid] else None

    def leave(self, queue_sid: str, call: Call) -> None:
        """Wait there no more."""
        if call in self._waiting[queue_sid]:
            self._waiting[queue_sid].remove(call)

    def take(self, queue_sid: str) -> Call | None:
        """The one who has waited longest, who waits there no more."""
        return self._waiting[queue_sid].pop(0) if self._waiting[queue_sid] else None

    def await_arrival(self, queue_sid: str, call: Call) -> None:
        """Wait for somebody to come."""
        self._takers[queue_sid].append(call)

    def await_no_more(self, queue_sid: str, call: Call) -> None:
        """Wait for nobody any more."""
        self._takers[queue_sid].remove(call)
