"""How our HTML looks: one style sheet, on the pages of reports and, in front of each output, in JupyterLab."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def look() -> str:
    """The style sheet; it takes its colours from whatever page it is on."""
    return (Path(__file__).parent / "look.css").read_text(encoding="utf-8")


def with_look(html: str) -> str:
    """The HTML with its style sheet before it, for a page that does not have it: each output stands by itself there."""
    return f"<style>{look()}</style>{html}"
