"""Tables of changes and things: rows that say what they are, long names that break where a reader would break them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

# Names no longer than this stand side by side; longer ones have a line each.
SHORT = 24
# JupyterLab aligns cells to the right unless the cell itself says otherwise.
_LEFT = ' style="text-align:left"'


def table(columns: Sequence[str], bodies: Iterable[str], *, repeats: bool = False) -> str:
    """A table of bodies, each a `<tbody>`; a third column is as wide as prose needs.

    One that `repeats` the columns of a table above it names them for a screen reader alone.
    """
    head = "".join(f"<th{_LEFT}>{escape(name)}</th>" for name in columns)
    roles = f"dialtone-table{' third' if len(columns) > 2 else ''}{' repeats' if repeats else ''}"
    # Their widths are said of the columns: tables under each other have them in one line, whichever row comes first.
    sized = f"<colgroup>{'<col>' * len(columns)}</colgroup>"
    return f'<table class="{roles}">{sized}<thead><tr>{head}</tr></thead>{"".join(bodies)}</table>'


def body(rows: Iterable[str], title: str = "", columns: int = 1, role: str = "") -> str:
    """Rows that belong together, under their title; their role is a class."""
    heading = f'<tr class="room"><th scope="rowgroup" colspan="{columns}"{_LEFT}>{escape(title)}</th></tr>'
    marked = f' class="{role}"' if role else ""
    return f"<tbody{marked}>{heading if title else ''}{''.join(rows)}</tbody>"


def row(cells: Sequence[str], role: str = "") -> str:
    """A row of cells that are HTML; its role is the class that colours its sign."""
    marked = f' class="{role}"' if role else ""
    return f"<tr{marked}>{''.join(f'<td{_LEFT}>{cell}</td>' for cell in cells)}</tr>"


def detail_row(cell: str) -> str:
    """What belongs to the row above and needs the room of all columns but the first."""
    return f'<tr class="detail"><td{_LEFT}></td><td colspan="2"{_LEFT}>{cell}</td></tr>'


def names_html(names: Sequence[str]) -> str:
    """Names: short ones in one line, long ones a line each."""
    between = ", " if all(len(name) <= SHORT for name in names) else "<br>"
    return between.join(map(name_html, names))


def name_html(name: str) -> str:
    """A name that may be broken after a dot, a slash or a hyphen."""
    return re.sub(r"([./-])(?=\w)", r"\1<wbr>", escape(name)) if len(name) > SHORT else escape(name)
