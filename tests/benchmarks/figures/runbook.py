"""A runbook's wall time beside papermill on an empty notebook: both as the command that people type."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nbformat

from dialtone_nb.cli.keep_notebooks import prepared_account
from tests.benchmarks.child import ROOT, run_program
from tests.benchmarks.comparison import Comparison, Size, Within, best_of

# These read and change nothing, so that they can run again and again on one account.
RUNBOOKS = ("verify", "call_report", "monitor")


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """A line for each runbook that changes nothing, and one for deploy with its plan alone."""
    runs = 3 if size is Size.FULL else 1
    empty = folder / "empty.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}), empty
    )
    papermill = [sys.executable, "-m", "papermill", "--no-progress-bar"]
    theirs = best_of(runs, lambda: run_program([*papermill, str(empty), str(folder / "out.ipynb")]))
    with prepared_account(ROOT, "call_report", folder / "account"):
        for name in (*RUNBOOKS, "deploy"):
            notebook = str(ROOT / "notebooks" / f"{name}.ipynb")
            ours = best_of(runs, partial(run_program, [*papermill, notebook, str(folder / "out.ipynb")]))
            yield Comparison(f"papermill {name}", "s", ours, "papermill on an empty notebook", theirs, Within(1.3))
