"""A sample of the crash sweep: an apply that is interrupted anywhere converges when it is run again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = 60


def test_whatever_befalls_an_apply_running_again_converges() -> None:
    """A random sample of 7,000 cases; `make faults` runs all. Runs in its own process, as it forks."""
    swept = subprocess.run(
        [sys.executable, "-m", "tests.faults", "sweep", "--sample", str(SAMPLE)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert swept.returncode == 0, swept.stderr
    assert f"{SAMPLE} of " in swept.stdout
