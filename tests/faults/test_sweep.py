"""A sample of the crash sweep: stopped anywhere by anything, an apply run again converges, nothing lost or doubled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = 60


def test_whatever_befalls_an_apply_running_again_converges() -> None:
    """Of some 7,000 cases these are chosen by a seed; `make faults` runs all. In a process of its own: it forks."""
    swept = subprocess.run(
        [sys.executable, "-m", "tests.faults", "sweep", "--sample", str(SAMPLE)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert swept.returncode == 0, swept.stderr
    assert f"{SAMPLE} of " in swept.stdout
