"""Real time for a store whose clock is simulated: while phones are real, so is the time that passes."""

from __future__ import annotations

import time
from collections.abc import Callable

from dialtone_nb.rehearsal.state.store import Tables


class RealTime:
    """Moves the store's clock by the time that has passed, once, however many calls go on side by side."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen = now()

    def catch_up(self, tables: Tables) -> None:
        """Advance the store's clock to now; no other thread does so meanwhile, as the caller holds a transaction."""
        now = self._now()
        passed, self._seen = now - self._seen, now
        if passed > 0:
            tables.advance(passed)
