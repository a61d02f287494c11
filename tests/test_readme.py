"""The README names every runbook, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_every_runbook_has_a_row_that_says_what_it_changes_and_how_to_undo_it(runbook: str) -> None:
    """A row of the table links to the notebook and has all four cells filled."""
    rows = [line for line in README.splitlines() if line.startswith(f"| [{runbook}](notebooks/{runbook}.ipynb)")]
    assert len(rows) == 1
    assert all(cell.strip() for cell in rows[0].strip("|").split("|")), rows[0]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    """A link or picture of the README is a file of the project, or a heading of its own."""
    if link.startswith("#"):
        headings = re.findall(r"^#+ (.*)", README, re.M)
        assert link[1:] in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        return
    assert (ROOT / link).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|^)make ([a-z]+)", README, re.M))))
def test_every_make_command_exists(target: str) -> None:
    """A make command that the README names is a target of the Makefile."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
