"""A project for each test, with small runbooks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent.parent

PARAMETERS = """\
account: str = "rehearsal"  # whose account
environment: str = "stage"  # which environment to work on
consent: str = ""  # the plan's fingerprint
days: int = 7  # how many days back
share: float = 0.5  # of the whole
loud: bool = False  # say everything
"""

Write = Callable[..., Path]


def notebook_of(parameters: str, *cells: str, title: str = "Small runbook") -> nbformat.NotebookNode:
    """A runbook: a title, the parameters cell, and a chapter for each further code cell."""
    v4 = nbformat.v4
    body = []
    for number, cell in enumerate(cells, 1):
        body += [v4.new_markdown_cell(f"## Chapter {number}\n\nProse."), v4.new_code_cell(cell)]
    tagged = v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(f"# {title}\n\nProse."), tagged, *body])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the sample as its own network and no runbook, as the working directory."""
    folder = tmp_path / "project"
    (folder / "notebooks").mkdir(parents=True)
    shutil.copytree(ROOT / "parameters" / "sample", folder / "parameters")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DIALTONE_PARAMETERS", raising=False)
    return folder


@pytest.fixture
def write_runbook(project: Path) -> Write:
    """Writes a runbook into the project."""

    def write(name: str, *cells: str, parameters: str = PARAMETERS) -> Path:
        path = project / "notebooks" / f"{name}.ipynb"
        opening = f'from dialtone_nb import open_runbook\n\nrunbook = open_runbook("{name}")\nrunbook'
        nbformat.write(notebook_of(parameters, opening, *cells), path)
        return path

    return write
