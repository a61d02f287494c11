"""JupyterLab opens working copies: git's notebooks stay unchanged, and users' changes are kept."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import run_kernel

from dialtone_nb.cli.lab import JUPYTER, Contents, is_kept, lab_environment, make_working_copies
from dialtone_nb.display.out_of_order import advise

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one runbook."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "verify.ipynb", tmp_path / "notebooks")
    return tmp_path


def read(project: Path, folder: str = "working") -> Any:
    """The runbook's notebook in a folder."""
    return json.loads((project / folder / "verify.ipynb").read_text())


def write(project: Path, notebook: Any, folder: str = "working") -> None:
    """Save the runbook's notebook."""
    (project / folder / "verify.ipynb").write_text(json.dumps(notebook))


def test_a_working_copy_has_all_cells_and_no_outputs(project: Path) -> None:
    """Outputs from a rehearsal could be mistaken for results of this project."""
    assert make_working_copies(project) == []
    kept, copy = read(project, "notebooks"), read(project)
    assert [cell["source"] for cell in copy["cells"]] == [cell["source"] for cell in kept["cells"]]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in copy["cells"])


def test_a_copy_that_was_run_follows_its_notebook(project: Path) -> None:
    """A copy that differs only in outputs is replaced once its notebook changes, and kept until then."""
    make_working_copies(project)
    copy = read(project)
    copy["cells"][-2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "seen"}]
    write(project, copy)
    assert make_working_copies(project) == []
    assert read(project) == copy
    kept = read(project, "notebooks")
    kept["cells"][0]["source"] = "# Verify, another"
    write(project, kept, "notebooks")
    assert make_working_copies(project) == []
    assert read(project)["cells"][0]["source"] == "# Verify, another"


def test_a_copy_that_somebody_changed_is_kept_and_named(project: Path) -> None:
    """If its notebook has changed, a message says how to get the new version."""
    make_working_copies(project)
    copy, kept = read(project), read(project, "notebooks")
    copy["cells"][0]["source"] += "\nmine"
    write(project, copy)
    assert make_working_copies(project) == []
    kept["cells"][0]["source"] = "# Verify, another"
    write(project, kept, "notebooks")
    said = "\n".join(make_working_copies(project))
    assert "working/verify.ipynb has changes of yours" in said
    assert "delete it in working/" in said
    assert read(project) == copy


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("notebooks/verify.ipynb", True),
        ("/notebooks/verify.ipynb", True),
        ("working/verify.ipynb", False),
        ("parameters/clients.yaml", False),
        ("notebooks/conftest.py", False),
    ],
)
def test_kept_notebooks_are_read_only(project: Path, path: str, *, kept: bool) -> None:
    """JupyterLab opens them read-only, and saving one is rejected."""
    assert is_kept(path) is kept
    contents = Contents(root_dir=str(project))
    target = project / path.strip("/")
    target.parent.mkdir(exist_ok=True)
    before = target.read_text() if target.exists() else ""
    target.write_text(before)
    assert contents.is_writable(path) is not kept
    if kept:
        model = {"type": "notebook", "content": {**json.loads(before), "cells": []}}
        with pytest.raises(Exception, match="403"):
            asyncio.run(contents.save(model, path))
        assert target.read_text() == before


def test_our_kernel_and_settings_come_first() -> None:
    """The user's own come after them."""
    environment = lab_environment({"JUPYTER_PATH": "/theirs", "HOME": "/home/ada"})
    assert environment["JUPYTER_PATH"].split(":") == [str(JUPYTER), "/theirs"]
    assert environment["JUPYTER_CONFIG_PATH"] == str(JUPYTER)
    assert environment["HOME"] == "/home/ada"
    (kernel,) = (json.loads(path.read_text()) for path in JUPYTER.glob("kernels/*/kernel.json"))
    assert kernel["argv"][-2:] == ["--ext", "dialtone_nb.display.out_of_order"]


def test_our_kernel_starts_and_ends_without_looking_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it imports lasts: half a second of each kernel; the notebook's names are left alone."""
    monkeypatch.setenv("JUPYTER_PATH", str(JUPYTER))
    with run_kernel(kernel_name="python3") as client:
        said: list[str] = []
        code = "print(__import__('gc').get_threshold()[0], {'gc', 'atexit'} & globals().keys())"
        client.execute_interactive(  # type: ignore[attr-defined]
            code, output_hook=lambda message: said.append(message["content"].get("text", ""))
        )
    assert "".join(said) == "50000 set()\n"


CELLS: list[Any] = json.loads((ROOT / "notebooks" / "deploy.ipynb").read_text())["cells"]


@pytest.mark.parametrize(
    ("name", "heading"),
    [("runbook", "Account"), ("plan_deploy", "Account"), ("plan", "Plan"), ("consent", "Parameters")],
)
def test_a_missing_name_leads_to_the_cell_that_gives_it(name: str, heading: str) -> None:
    """The cell that assigns or imports the name."""
    assert advise(name, CELLS).startswith(f"{name} is not there yet; run the cell under {heading!r} first")


def test_a_name_that_no_cell_gives_is_no_matter_of_order() -> None:
    """A misspelt name keeps its traceback."""
    assert advise("plam", CELLS) == ""
    assert advise("plan", [{"cell_type": "code", "source": "%time plan = 1"}]) == ""
