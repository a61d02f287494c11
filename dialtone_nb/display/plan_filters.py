"""Filters over a plan's rows: by what is done, by what to mind, and for whoever sits in JupyterLab by a word.

The first two are plain boxes that a style sheet heeds, so that they work on a page that runs no script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.resources.model import Action

# A plan of fewer rows is taken in at a glance.
FEW_ROWS = 5
# Pages of reports run no script; an output in JupyterLab may.
_SEARCH = (
    "const word = this.value.trim().toLowerCase();"
    "for (const row of this.closest('.dialtone-plan').querySelectorAll('.change'))"
    " row.classList.toggle('unmatched', !row.textContent.toLowerCase().includes(word))"
)


def filters_html(changes: Sequence[Change], rows: int, minded: int, *, searches: bool) -> str:
    """The filters over a plan of so many rows, `minded` of which cost or endanger something; nothing over a few."""
    if rows <= FEW_ROWS:
        return ""
    counts = Counter(change.action for change in changes)
    boxes = [
        _box(f"show-{action}", f"{counts[action]} to {action}", " checked")
        for action in Action
        if 0 < counts[action] < len(changes)
    ]
    if 0 < minded < rows:
        boxes.append(_box("only-minded", "only what costs or has a warning"))
    if searches:
        boxes.append(f'<label>that mention <input type="search" size="18" oninput="{escape(_SEARCH)}"></label>')
    if not boxes:
        return ""
    return f'<fieldset class="filters"><legend>Show changes</legend>{"".join(boxes)}</fieldset>'


def _box(name: str, label: str, checked: str = "") -> str:
    return f'<label><input type="checkbox" class="{name}"{checked}> {escape(label)}</label>'
