"""The information that each runbook's prose must have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def prose_of(path: Path) -> list[str]:
    """The Markdown cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_runbook_says_what_it_changes_and_costs_and_how_to_undo_it(path: Path) -> None:
    """In its first cell."""
    first = prose_of(path)[0]
    assert first.startswith("# ")
    assert re.search(r"\b(chang|break|makes|gives|takes|gave)", first, re.I)
    assert re.search(r"\b(cost|bill)", first, re.I)
    assert re.search(r"\b(undo|break)", first, re.I)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_runbook_says_what_to_do_when_it_goes_wrong(path: Path) -> None:
    """In its own chapter, or at the step that can fail."""
    chapters = [cell for cell in prose_of(path)[1:] if re.search(r"^## When |\*If it stops", cell, re.M)]
    assert chapters, f"{path.name} has no chapter on what to do when it fails"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_between_runbooks_lead_somewhere(path: Path) -> None:
    """The linked runbook is in the same folder."""
    linked = {target for cell in prose_of(path) for target in re.findall(r"\]\((\w+\.ipynb)\)", cell)}
    assert linked <= {one.name for one in NOTEBOOKS}
