"""The notebooks in git: regenerating repeats them, a change is found, and they have no forbidden content."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from dialtone_nb.cli.keep_notebooks import PREPARATIONS, faults_of, keep_notebook, prepared_account
from dialtone_nb.report.page import scrub
from tests.runbooks.conftest import ROOT, Write, notebook_of

KEPT = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_no_kept_cell_is_empty_and_none_hides_from_nbval(path: Path) -> None:
    """Every code cell has a count and an output that nbval compares, without secrets or papermill metadata."""
    assert faults_of(json.loads(path.read_text(encoding="utf-8"))) == []


def test_every_preparation_is_for_a_notebook_that_is_there() -> None:
    """A renamed notebook without its preparation is noticed."""
    assert set(PREPARATIONS) <= {path.stem for path in KEPT}


def kept(project: Path, name: str) -> dict[str, Any]:
    """A kept notebook's content."""
    content: dict[str, Any] = json.loads((project / "notebooks" / f"{name}.ipynb").read_text())
    return content


def test_a_notebook_made_anew_twice_is_the_same_to_the_byte_and_without_fault(
    project: Path, write_runbook: Write
) -> None:
    """Outputs and counts are kept; times, papermill's metadata and the kernel's version are removed."""
    path = write_runbook("small", "runbook.environment")
    keep_notebook(project, "small")
    first = path.read_bytes()
    keep_notebook(project, "small")
    assert path.read_bytes() == first
    content = kept(project, "small")
    assert faults_of(content) == []
    assert [cell["execution_count"] for cell in content["cells"] if cell["cell_type"] == "code"] == [1, 2, 3]
    assert content["metadata"]["language_info"] == {"name": "python"}
    assert "iopub" not in first.decode()


def test_a_notebook_that_fails_is_not_kept(project: Path, write_runbook: Write) -> None:
    """The version kept before stays."""
    path = write_runbook("small", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        keep_notebook(project, "small")
    assert path.read_bytes() == before


def test_a_kept_notebook_starts_from_the_account_that_is_prepared_for_it(
    project: Path, write_runbook: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each has its own state file, the sample network and no terminal, whatever the environment has."""
    monkeypatch.setenv("JPY_SESSION_NAME", "x")
    monkeypatch.setenv("DIALTONE_PARAMETERS", "y")
    seen: list[Path] = []
    monkeypatch.setattr("dialtone_nb.cli.keep_notebooks.PREPARATIONS", {"small": seen.append})
    with prepared_account(project, "small", tmp_path / "account"):
        assert os.environ["DIALTONE_REHEARSAL_STATE"] == str(tmp_path / "account" / "state.db")
        assert "JPY_SESSION_NAME" not in os.environ
        assert os.environ["DIALTONE_PARAMETERS"] == str(ROOT / "parameters" / "sample")
    assert seen == [project]
    assert os.environ["JPY_SESSION_NAME"] == "x"


def nbval(project: Path) -> subprocess.CompletedProcess[str]:
    """The output of our check of this project's notebooks; pytest's other plugins take long to import."""
    shutil.copy(ROOT / "notebooks" / "conftest.py", project / "notebooks")
    command = [sys.executable, "-m", "pytest", "-p", "nbval", "--nbval", "--nbval-current-env"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", "notebooks"],
        cwd=project,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def counted(project: Path, write_runbook: Write) -> Path:
    """A kept notebook that shows whether its account is new."""
    cell = "import os\nfrom pathlib import Path\nPath(os.environ['DIALTONE_REHEARSAL_STATE']).exists()"
    path = write_runbook("small", cell, "runbook.parameters.days + 1")
    keep_notebook(project, "small")
    return path


def test_nbval_passes_what_was_kept_and_fails_every_changed_output(project: Path, counted: Path) -> None:
    """Text and HTML alike, cell by cell; each notebook runs on its own account, as `make test` shows on all cores."""
    text = counted.read_text().replace('open_runbook(\\"small\\")', 'open_runbook(\\"again\\")')
    for kept_output, changed in (("REHEARSAL — not", "REHEARSAL — like"), ('"False"', '"True"'), ('"8"', '"9"')):
        assert kept_output in text
        text = text.replace(kept_output, changed)
    counted.with_name("again.ipynb").write_text(text)
    done = nbval(project)
    assert done.returncode == 1
    assert "3 failed, 5 passed" in done.stdout, done.stdout
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert [line for line in failed if "/again.ipynb::" not in line] == []


def cell_of(source: str = "1", **changes: Any) -> dict[str, Any]:
    """A kept notebook with one code cell."""
    notebook = notebook_of("", title="Kept")
    output = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "1"}}
    cell = {"cell_type": "code", "source": source, "metadata": {}, "execution_count": 1, "outputs": [output]}
    return {"metadata": dict(notebook.metadata), "cells": [cell | changes]}


def shown(text: str) -> list[dict[str, Any]]:
    """An output."""
    return [{"output_type": "stream", "name": "stdout", "text": text}]


@pytest.mark.parametrize(
    ("notebook", "fault"),
    [
        (cell_of(outputs=[]), "cell 0 has no output"),
        (cell_of(execution_count=None), "cell 0 has no execution count"),
        (cell_of(source=" "), "cell 0 is empty"),
        (cell_of(source="# NBVAL_IGNORE_OUTPUT\n1"), "cell 0 is marked NBVAL_IGNORE_OUTPUT"),
        (cell_of(metadata={"tags": ["nbval-skip"]}), "cell 0 is marked nbval-skip"),
        (cell_of(metadata={"papermill": {}}), "cell 0 has papermill metadata"),
        (cell_of(metadata={"tags": ["injected-parameters"]}), "cell 0 has papermill metadata"),
        (cell_of() | {"metadata": {"papermill": {}}}, "has papermill metadata"),
        (cell_of(outputs=[{"output_type": "error", "ename": "E"}]), "cell 0 shows an error"),
        (cell_of(outputs=shown("token " + "0123456789abcdef" * 2)), "cell 0 shows a secret"),
        (cell_of(outputs=shown("the word is swordfish")), "cell 0 shows a secret"),
    ],
)
def test_what_a_kept_notebook_may_not_hold_is_found(notebook: dict[str, Any], fault: str) -> None:
    """nbval alone accepts each of these."""
    assert faults_of(notebook, secrets=["swordfish"]) == [fault]


def test_a_sid_is_no_secret_and_the_tagged_cell_needs_no_output() -> None:
    """SIDs are in tables; the parameters cell only assigns."""
    assert faults_of(cell_of(outputs=shown("AC" + "0123456789abcdef" * 2))) == []
    assert faults_of(cell_of(outputs=[], metadata={"tags": ["parameters"]})) == []


def test_scrubbing_leaves_outputs_and_tags() -> None:
    """Only values that differ from run to run are removed."""
    notebook = nbformat.from_dict(cell_of(metadata={"tags": ["parameters"], "execution": {"iopub.status.idle": "now"}}))
    outputs = notebook.cells[0].outputs
    scrub(notebook)
    assert notebook.cells[0].metadata == {"tags": ["parameters"]}
    assert notebook.cells[0].outputs == outputs
