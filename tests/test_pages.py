"""The pages of figures: a run replaces its own tables."""

from __future__ import annotations

from pathlib import Path

from tests.faults.__main__ import PARTS
from tests.infrastructure.desk import ROOT
from tests.pages import END, renew

RELIABILITY = ROOT / "reports" / "reliability.md"
PERFORMANCE = ROOT / "reports" / "performance.md"


def test_tables_are_renewed_in_their_place_and_prose_is_kept(tmp_path: Path) -> None:
    """Other tables stay as they are; a new one is appended under its heading."""
    page = tmp_path / "page.md"
    page.write_text(
        f"# Page\n\n## One\n\nWhy.\n\n<!-- one -->\n\n| old |\n\n{END}\n\n## Two\n\n<!-- two -->\n\n| b |\n\n{END}\n"
    )
    renew(page, "one", "One", "| new |\n")
    renew(page, "three", "Three", "| c |")
    assert page.read_text() == (
        f"# Page\n\n## One\n\nWhy.\n\n<!-- one -->\n\n| new |\n\n{END}\n\n## Two\n\n<!-- two -->\n\n| b |\n\n{END}\n"
        f"\n## Three\n\n<!-- three -->\n\n| c |\n\n{END}\n"
    )


def test_each_table_of_the_page_is_one_that_is_made() -> None:
    """Every table of the page has a program that makes it, with the same heading."""
    lines = RELIABILITY.read_text(encoding="utf-8").splitlines()
    marked = {line[5:-4] for line in lines if line.startswith("<!-- ") and line != END}
    assert marked <= set(PARTS)
    assert {f"## {PARTS[name][0]}" for name in marked} <= set(lines)
    assert PERFORMANCE.read_text(encoding="utf-8").count("<!-- figures -->") == 1
