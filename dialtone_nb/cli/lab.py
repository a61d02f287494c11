"""JupyterLab on the whole project, where runbooks are working copies: running one leaves the notebooks in git alone."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.runbooks.steps.opening import find_project
from dialtone_nb.runbooks.steps.parameters_cell import runbook_names

KEPT: Final = "notebooks"
WORKING: Final = "working"
# A kernel that tells which cell to run first, and saving every twenty seconds, so that a page that is loaded again in
# the middle of something finds it. Not more often: JupyterLab takes a save that begins before the one before it has
# ended for somebody else's, and asks whose is to be kept.
JUPYTER: Final = Path(__file__).parent / "jupyter"
# In a working copy's metadata: what the notebook held from which it was made.
MADE_FROM: Final = "dialtone_made_from"


class Contents(AsyncLargeFileManager):
    """The project's files, of which kept notebooks can be read and run, and not changed."""

    def is_writable(self, path: str) -> bool:
        """Whether JupyterLab may save this; it says "read-only" of what it may not."""
        return not is_kept(path) and bool(super().is_writable(path))  # type: ignore[no-untyped-call]

    async def save(self, model: Any, path: str = "") -> Any:
        """Save a file, unless it is a kept notebook."""
        with self.perm_to_403(path):
            if is_kept(path):
                raise PermissionError(errno.EACCES, "kept notebooks change by `make notebooks` alone", path)
        return await super().save(model, path)  # type: ignore[no-untyped-call]


def is_kept(path: str) -> bool:
    """Whether a path below the project is one of the notebooks in git."""
    return path.strip("/").startswith(f"{KEPT}/") and path.endswith(".ipynb")


def make_working_copies(project: Path) -> list[str]:
    """Have a working copy of each runbook, without outputs; what was not made anew, though it is old, as lines.

    A copy in which somebody wrote is theirs. One in which nobody wrote follows its notebook.
    """
    folder, said = project / WORKING, list[str]()
    folder.mkdir(exist_ok=True)
    for name in runbook_names(project):
        kept, copy = (json.loads(path.read_text("utf-8")) if path.exists() else None for path in _pair(project, name))
        if copy and (copy["metadata"].get(MADE_FROM) == _digest(kept)):
            continue
        if copy and copy["metadata"].get(MADE_FROM) != _digest(copy):
            said.append(f"{WORKING}/{name}.ipynb has changes of yours, and {KEPT}/{name}.ipynb is another by now")
            continue
        write_whole(folder / f"{name}.ipynb", json.dumps(_working_copy(kept), indent=1, ensure_ascii=False) + "\n")
    if said:
        said.append(f"to have one of these anew, delete it in {WORKING}/ and start again")
    return said


def _pair(project: Path, name: str) -> tuple[Path, Path]:
    return project / KEPT / f"{name}.ipynb", project / WORKING / f"{name}.ipynb"


def _working_copy(kept: Any) -> Mapping[str, Any]:
    """The notebook without outputs: those in git are a rehearsal's, and say nothing of what was done here."""
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in kept["cells"]
    ]
    return {**kept, "cells": cells, "metadata": {**kept["metadata"], MADE_FROM: _digest(kept)}}


def _digest(notebook: Any) -> str:
    """The SHA-256 of what people write in a notebook; running it changes nothing of that."""
    written = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(written).encode()).hexdigest()


def lab_command(project: Path, arguments: Sequence[str] = ()) -> list[str]:
    """The command line of JupyterLab; `arguments` are passed on."""
    return [
        *(sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={project}"),
        f"--ServerApp.contents_manager_class=dialtone_nb.cli.lab.{Contents.__name__}",
        f"--LabApp.default_url=/lab/tree/{WORKING}",
        # Root is whom a container has; JupyterLab would end with a refusal.
        *(["--allow-root"] if os.name == "posix" and os.geteuid() == 0 else []),
        *arguments,
    ]


def lab_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """These variables, with our kernel and settings before those that are there."""
    ours = {
        name: os.pathsep.join(filter(None, (str(JUPYTER), environment.get(name))))
        for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH")
    }
    return {**environment, **ours}


def main(arguments: Sequence[str]) -> None:
    """Make the working copies, and become JupyterLab."""
    project = find_project(Path.cwd()).resolve()
    for line in make_working_copies(project):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    os.chdir(project)
    os.execve(sys.executable, lab_command(project, arguments), lab_environment(os.environ))  # noqa: S606 - no shell


if __name__ == "__main__":
    main(sys.argv[1:])
