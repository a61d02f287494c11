"""Fixtures of the infrastructure's tests: a rehearsed account, and how it is opened."""

from __future__ import annotations

from tests.infrastructure.conftest import desk, open_desk, rehearsal, starting_points

__all__ = ["desk", "open_desk", "rehearsal", "starting_points"]
