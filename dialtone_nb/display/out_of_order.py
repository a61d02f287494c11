"""A cell that is run before the ones that it needs says which, in place of a traceback: an extension of IPython.

The kernels of `make lab` load it when they start, since before the first cell nothing of ours is imported there.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

Cells = Sequence[Mapping[str, Any]]


def load_ipython_extension(shell: Any) -> None:
    """Have the shell tell of names that another cell of the notebook gives."""

    def tell(
        shell: Any, kind: type[NameError], error: NameError, trace: TracebackType, tb_offset: int | None = None
    ) -> list[str]:
        if advice := advise(error.name or "", _cells()):
            error._render_traceback_ = lambda: [advice]  # type: ignore[attr-defined]
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        return []

    shell.set_custom_exc((NameError,), tell)


def advise(name: str, cells: Cells) -> str:
    """Which cell to run first for a name to be there; empty where none of these cells gives it."""
    heading = ""
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = next((line.lstrip("# ") for line in source.splitlines() if line.startswith("#")), heading)
        elif name and name in _given_by(source):
            return (
                f"{name} is not there yet; run the cell under {heading!r} first, or all before this one: "
                "Run, Run All Above Selected Cell"
            )
    return ""


def _given_by(source: str) -> set[str]:
    """The names that a cell has when it was run."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a magic command
        return set()
    return {
        name
        for statement in body
        for node in ast.walk(statement)
        for name in (
            [alias.asname or alias.name for alias in node.names]
            if isinstance(node, ast.Import | ast.ImportFrom)
            else [node.id]
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            else []
        )
    }


def _cells() -> Cells:
    """The cells of the notebook that this kernel is for, as they were saved."""
    path = Path(os.environ.get("JPY_SESSION_NAME", ""))
    try:
        cells: Cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return cells
