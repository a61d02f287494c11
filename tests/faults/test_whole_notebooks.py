"""Whole runbooks whose kernel is killed in the middle: run again, they say who holds the environment, and go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infrastructure.desk import ROOT

from .states import read_state

Run = Callable[..., "subprocess.CompletedProcess[str]"]
# While the SIP domains and their mappings are made.
DEPLOYS_CALL = 38


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs deploy from the terminal, in a project and on an account of its own."""
    for folder in ("notebooks", "parameters"):
        shutil.copytree(ROOT / folder, tmp_path / folder)

    def deploy(*options: str, killed_at: int = 0) -> subprocess.CompletedProcess[str]:
        paths = (str(Path(__file__).parent / "struck_kernels"), os.environ.get("PYTHONPATH", ""))
        environment = os.environ | {
            "DIALTONE_REHEARSAL_STATE": str(tmp_path / "state.db"),
            "DIALTONE_OPERATOR": "ada@switchroom",
            "DIALTONE_KILLED_AT_CALL": str(killed_at),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        command = [sys.executable, "-m", "dialtone_nb", "run", "deploy", *options]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return deploy


def test_runbook_whose_kernel_died_goes_on_when_it_is_run_again(run: Run, tmp_path: Path) -> None:
    """The terminal tells that the kernel died, then who holds the claim; once that is broken by name all is done."""
    died = run("--consent", "rehearsal", killed_at=DEPLOYS_CALL)
    assert (died.returncode, "the kernel died" in died.stderr) == (1, True), died.stderr
    held = run("--consent", "rehearsal")
    assert held.returncode == 3, held.stderr
    assert "set break_claim to 'ada@switchroom'" in held.stderr
    done = run("--consent", "rehearsal", "-r", "break_claim", "ada@switchroom")
    assert done.returncode == 0, done.stderr
    assert run().returncode == 0
    assert set(read_state(tmp_path).names.values()) <= {0, 1}
