"""A table as a report shows it: escaped HTML, text to the left and numbers to the right; and the same as plain text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from typing import TYPE_CHECKING

from dialtone_nb.display.outputs import LINES, line_bundle, line_of
from dialtone_nb.display.rendering import render

if TYPE_CHECKING:
    from dialtone_nb.calls.measures.enough import LeftOut

Cell = str | int | float | None


class Link(str):
    """A text that leads somewhere; a plain text wherever there are no links."""

    def __new__(cls, text: str, href: str) -> Link:
        """The text, with the address that it leads to."""
        made = super().__new__(cls, text)
        made.href = href
        return made

    href: str


# A column of texts no longer than this is never broken into lines.
UNBROKEN = 36


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Column names and rows; `note` stands under the table. One that `prints` is shown on the terminal too.

    A `line` says all of it, so it is shown in the table's place, and one that is `left_out` would say nothing.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    line: str = ""
    left_out: LeftOut | None = None
    prints: bool = False

    @classmethod
    def of(
        cls,
        columns: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        note: str = "",
        *,
        empty: str = "",
        line: str = "",
        left_out: LeftOut | None = None,
    ) -> ReportTable:
        """A table of these columns and rows, or a line in its place: `empty` where it has no row."""
        made = tuple(tuple(row) for row in rows)
        if not made:
            line = empty or ("" if left_out else "None.")
        return cls(tuple(columns), made, note, line, left_out)

    def printed(self) -> ReportTable:
        """The same table, which the command that runs a runbook prints."""
        return replace(self, prints=True)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        # IPython adds what the other methods say.
        printed = {LINES: str(self).splitlines()} if self.prints else {}
        return {**printed, **line_bundle(self)}

    def _repr_html_(self) -> str:
        if line := line_of(self):
            return render("line", line=line)
        columns = [[row[n] for row in self.rows] for n in range(len(self.columns))]
        sides = [_side(column) for column in columns]
        cells = [_styled(side, [_text(cell) for cell in column]) for side, column in zip(sides, columns, strict=True)]
        return render(
            "table",
            package="dialtone_nb.report",
            heads=list(zip(self.columns, sides, strict=True)),
            rows=list(zip(*cells, strict=True)),
            note=self.note,
        )

    def csv(self) -> str:
        """The table as CSV (RFC 4180); a text that a spreadsheet would take for a formula is kept from it."""
        written = StringIO()
        writer = csv.writer(written)
        writer.writerow([defused(name) for name in self.columns])
        writer.writerows([defused(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows)
        return written.getvalue()

    def __str__(self) -> str:
        if line := line_of(self):
            return line
        lines = [self.columns, *([_text(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.columns))]
        sides = [_side(row[n] for row in self.rows) for n in range(len(self.columns))]
        text = [
            "  ".join(
                cell.rjust(width) if side == "right" else cell.ljust(width)
                for cell, width, side in zip(line, widths, sides, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*text, *([self.note] if self.note else [])])

    def __repr__(self) -> str:
        return str(self)


def defused(text: str) -> str:
    """The text, after an apostrophe where a spreadsheet would take it for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else str(text)


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.1%}" if isinstance(cell, float) else cell


def _side(cells: Iterable[Cell]) -> str:
    known = [cell for cell in cells if cell is not None]
    return "right" if known and all(isinstance(cell, int | float) for cell in known) else "left"


def _styled(side: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """A column's cells, each after its style, for JupyterLab aligns to the right what does not say otherwise."""
    is_short = max(map(len, texts), default=0) <= UNBROKEN
    style = f"text-align: {side}" + ("; white-space: nowrap" if is_short else "")
    return [(style, text) for text in texts]
