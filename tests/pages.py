"""The pages of figures in reports/, in which each run replaces only the tables that it made."""

from __future__ import annotations

from pathlib import Path

from dialtone_nb.files.atomic_file import write_whole

END = "<!-- end -->"


def renew(page: Path, name: str, heading: str, tables: str) -> None:
    """Replace the page's tables with this name, or append them under a heading."""
    text, mark = page.read_text(encoding="utf-8"), f"<!-- {name} -->"
    if mark not in text:
        text += f"\n## {heading}\n\n{mark}\n{END}\n"
    before, _, rest = text.partition(mark)
    _, _, after = rest.partition(END)
    write_whole(page, f"{before}{mark}\n\n{tables.strip()}\n\n{END}{after}")
