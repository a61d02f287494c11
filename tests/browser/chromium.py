"""Finds Chromium, and marks the tests that need it."""

from __future__ import annotations

import os
import shutil

import pytest

CHROMIUM = os.environ.get("DIALTONE_CHROMIUM") or shutil.which("chromium") or ""

# Where checks count, a missing browser is a failure, not a gap.
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM and "CI" not in os.environ,
        reason="there is no chromium here; install it, or name it in DIALTONE_CHROMIUM",
    ),
]
