"""The sample network's table, for the server."""

from __future__ import annotations

from tests.dialplan.conftest import parameters, table

__all__ = ["parameters", "table"]
