"""Projects for the tests of runbooks."""

from __future__ import annotations

from tests.runbooks.conftest import project, write_runbook

__all__ = ["project", "write_runbook"]
