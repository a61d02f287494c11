"""How what exists looks: a table of kinds, with what there is of each."""

from __future__ import annotations

from html import escape

from dialtone_nb.display.tables import body, names_html, row, table
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.resources import RESOURCE_TYPES
from dialtone_nb.infrastructure.resources.model import Resource


def state_names(existing: Existing) -> dict[str, list[str]]:
    """What there is of each kind that a reader would count."""
    found = {kind.name: [_told(one) for one in existing.state.of(kind)] for kind in RESOURCE_TYPES if kind.is_listed}
    return {kind: names for kind, names in found.items() if names}


def state_text(existing: Existing) -> str:
    """A line a kind: how many there are, and which."""
    names = state_names(existing)
    width = max(map(len, names), default=0)
    lines = [f"{kind:<{width}}  {len(which):>2}  {', '.join(which)}" for kind, which in names.items()]
    return "\n".join(lines) or "nothing is there yet"


def state_html(existing: Existing) -> str:
    """The same as a table."""
    rows = [
        row((f'<span class="sign">{len(which)}</span>{escape(kind)}', names_html(which)))
        for kind, which in state_names(existing).items()
    ]
    shown = table(("there is", "which"), [body(rows)]) if rows else "<p>Nothing is there yet.</p>"
    return f'<div class="dialtone dialtone-existing">{shown}</div>'


def _told(resource: Resource) -> str:
    remark = resource.kind.remark(resource)
    return f"{resource.key} ({remark})" if remark else resource.key
