"""A few of the applies that are killed at a random moment; `make faults PARTS=kills` kills a hundred."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.faults.kills import ProbeKill, table_of_kills


def test_an_apply_that_is_killed_while_it_holds_the_claim_converges() -> None:
    """No resource is lost or duplicated, and its claim is named or released. Runs in its own process, as it forks."""
    killed = subprocess.run(
        [sys.executable, "-m", "tests.faults", "kills", "--sample", "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == 0, killed.stderr
    assert "| all | 1 | " in killed.stdout


def test_what_a_killed_probe_leaves_is_counted() -> None:
    """Resources that the next run did not remove, and an account that has changed."""
    good, bad = ProbeKill(3, ("queue a",), (), True), ProbeKill(4, ("queue a",), ("queue a",), False)
    assert (good.is_good, bad.is_good) == (True, False)
    assert table_of_kills([], [good, bad]).splitlines()[-1] == "| all | 2 | 0 | 0 | 2 | 0 | 0 | 0 | 1 | 1 | 0 | 0 |"
