"""A rehearsal of its own for each test, and plain HTTP to it."""

from __future__ import annotations

from rehearsal.conftest import client, door, rehearsal, state

__all__ = ["client", "door", "rehearsal", "state"]
