"""Real time for the store's simulated clock, for calls of real phones."""

from __future__ import annotations

import time

from dialtone_nb.rehearsal.state.store import Tables


class RealTime:
    """Advances the store's clock by the real time that has passed, only once for any number of concurrent calls."""

    def __init__(self) -> None:
        self._seen = time.monotonic()

    def catch_up(self, tables: Tables) -> None:
        """Advance the store's clock; the caller's transaction keeps other threads from doing so at the same time."""
        now = time.monotonic()
        passed, self._seen = now - self._seen, now
        if passed > 0:
            tables.advance(passed)
