"""The names of this very machine, which nothing leaves that is asked for there."""

from __future__ import annotations

from typing import Final

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
