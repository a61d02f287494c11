"""Frequent changes touch the files that CONTRIBUTING names, and no others: each is made in a copy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
CHANGES = sorted((Path(__file__).parent / "changes").glob("*.yaml"))
COPIED = ("dialtone_nb", "tests", "notebooks", "parameters", "docs", "README.md", "CONTRIBUTING.md", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("node_modules", ".*_cache")
# Of pytest's plugins pyproject.toml names xdist's option; importing the others takes longer than most of these tests.
PYTEST = ("-m", "pytest", "-q", "-x", "-p", "xdist", "-n", "0", "-p", "no:cacheprovider")
EACH_CHANGE = pytest.mark.parametrize("file", CHANGES, ids=[file.stem for file in CHANGES])


def read_change(file: Path) -> dict[str, Any]:
    """One change: its row in CONTRIBUTING, its edits, and the tests that must pass afterwards."""
    change: dict[str, Any] = YAML(typ="safe").load(file)
    return change


def rows() -> dict[str, str]:
    """The rows of CONTRIBUTING's table of changes."""
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| to add | goes to |")[2]
    cells = [line.strip("|").split("|") for line in table.partition("\n\n")[0].splitlines() if line.startswith("| ")]
    return {row.strip(): files for row, files in cells}


def edit(path: Path, change: Mapping[str, Any]) -> None:
    """Make one edit, whose old text must occur once."""
    if "new" in change or "cells" in change:
        assert not path.exists(), path
        path.write_text(change.get("new") or notebook_of(change["cells"]), encoding="utf-8")
        return
    if "cell" in change:
        add_cell(path, change)
        return
    text = path.read_text(encoding="utf-8")
    if "replace" in change:
        assert text.count(change["replace"]) == 1, change["replace"]
        path.write_text(text.replace(change["replace"], change["by"]), encoding="utf-8")
        return
    words = change.get("after") or change["before"]
    lines = text.splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines) if words in line]
    lines.insert(place + ("after" in change), change["add"])
    path.write_text("".join(lines), encoding="utf-8")


def add_cell(path: Path, change: Mapping[str, Any]) -> None:
    """Insert a code cell after the one with this text."""
    notebook = nbformat.read(path, as_version=4)
    (place,) = [number for number, cell in enumerate(notebook.cells) if change["after"] in cell.source]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(change["cell"]))
    nbformat.write(notebook, path)


def notebook_of(cells: Sequence[str | Mapping[str, str]]) -> str:
    """A notebook of prose, code, and a parameters cell."""
    made = []
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, str):
            made.append(nbformat.v4.new_markdown_cell(cell.strip(), id=f"cell-{number}"))
            continue
        ((kind, source),) = cell.items()
        tags = {"tags": ["parameters"]} if kind == "parameters" else {}
        made.append(nbformat.v4.new_code_cell(source.strip(), id=f"cell-{number}", metadata=tags))
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=made)))


@EACH_CHANGE
def test_a_change_touches_the_files_that_its_row_names_and_no_others(file: Path) -> None:
    """Touched files and those in the row are the same; * stands for a name."""
    change = read_change(file)
    touched = {one["file"] for one in change["edits"]}
    named = {name for name in re.findall(r"`([^` ]+)`", rows()[change["row"]]) if "/" in name or "." in name}
    assert sorted(name for name in touched if not any(fnmatch(name, one) for one in named)) == []
    assert sorted(one for one in named if not any(fnmatch(name, one) for name in touched)) == []


@EACH_CHANGE
def test_after_a_change_its_part_of_the_suite_passes(file: Path, tmp_path: Path) -> None:
    """The change is made in a copy of the project, whose tests run."""
    change = read_change(file)
    copy_project(tmp_path)
    for one in change["edits"]:
        edit(tmp_path / one["file"], one)
    if name := change.get("keep"):
        in_the_copy(tmp_path, "-m", "dialtone_nb.cli.keep_notebooks", name)
    only = ["-k", change["only"]] if "only" in change else []
    in_the_copy(tmp_path, *PYTEST, *change["tests"], *only)


def copy_project(folder: Path) -> None:
    """Copy the files that a change may touch and that tests read; packages are shared."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(source, folder / name)
    packages = Path("dialtone_nb", "service", "node_modules")
    (folder / packages).symlink_to(ROOT / packages)


def in_the_copy(folder: Path, *arguments: str) -> None:
    """Run a module in the copy, whose package comes before the installed one."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"DIALTONE_PARAMETERS": str(folder / "parameters" / "sample"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)  # what is asked of this run is nothing to the scratch copy's
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
