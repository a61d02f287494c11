"""Time of a runbook beyond papermill's own for an empty notebook, both run as commands.

papermill saves the notebook before and after each cell, or with `SELDOM` every half minute and at the end. Our own
command saves as often as this takes at most a tenth of the time, and also writes the HTML page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import nbformat

from dialtone_nb.cli.keep_notebooks import prepared_account
from tests.benchmarks.child import ROOT, Run, run_program
from tests.benchmarks.comparison import Beyond, Comparison, Size

# These read and change nothing, and deploy shows its plan alone, so that they can run again and again on one account.
RUNBOOKS = ("verify", "call_report", "monitor", "explore", "deploy")
FIVE_CALLS = "call_report of five calls"
SELDOM = "--no-request-save-on-cell-execute"
OWN_PART = Beyond(1)


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """Lines for each: by papermill, in seconds and in the processor's, and by our own command."""
    runs = 3 if size is Size.FULL else 1
    empty, five = folder / "empty.ipynb", folder / "five.json"
    nbformat.write(
        nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}), empty
    )
    outcomes = ("completed", "busy", "no-answer", "completed", "canceled")
    five.write_text(
        json.dumps(
            [
                {"timestamp": f"2026-03-0{day}T09:00:00Z", "channel": "lobby", "event": f"outgoing-dialstatus-{status}"}
                for day, status in enumerate(outcomes, 2)
            ]
        ),
        encoding="utf-8",
    )
    out = str(folder / "out.ipynb")
    papermill = [sys.executable, "-m", "papermill", "--no-progress-bar", SELDOM]
    ours = [sys.executable, "-m", "dialtone_nb", "run"]
    with prepared_account(ROOT, "call_report", folder / "account"):
        theirs = _middle([*papermill, str(empty), out], runs)
        for name in (*RUNBOOKS, FIVE_CALLS):
            runbook = name.partition(" ")[0]
            more = ["-p", "source", str(five)] if name == FIVE_CALLS else []
            by_papermill = _middle([*papermill, str(ROOT / "notebooks" / f"{runbook}.ipynb"), out, *more], runs)
            by_us = _middle([*ours, runbook, "--output", str(folder / "run"), *more], runs)
            yield _line(f"papermill {name}", by_papermill.seconds, theirs.seconds)
            yield _line(f"papermill {name}: processor", by_papermill.processor_s, theirs.processor_s)
            yield _line(f"run {name}, page included", by_us.seconds, theirs.seconds)


def _middle(command: Sequence[str], runs: int) -> Run:
    """The median run by CPU seconds."""
    made = sorted((run_program(list(command)) for _ in range(runs)), key=lambda run: run.processor_s)
    return next(run for run in made if run.processor_s >= median(one.processor_s for one in made))


def _line(what: str, ours: float, theirs: float) -> Comparison:
    return Comparison(what, "s", ours, "papermill on an empty notebook", theirs, OWN_PART)
