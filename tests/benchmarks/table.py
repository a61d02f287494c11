"""The bench's lines as one table: for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.comparison import Comparison

HEADS = ("figure", "ours", "peer", "", "ratio", "aim", "")


def cells_of(line: Comparison) -> tuple[str, ...]:
    """A line's cells under `HEADS`."""
    return (
        line.what,
        amount(line.ours, line.unit),
        amount(line.theirs, line.unit) if line.theirs is not None else "–",
        line.peer,
        f"{line.ratio:.3g}x" if line.ratio is not None else "",
        str(line.aim) if line.aim else "",
        "" if line.aim is None else "met" if line.aim.is_met(line) else "MISSED",
    )


def amount(number: float, unit: str) -> str:
    """A figure with its unit, to three digits, or whole where it is large."""
    text = f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.3g}"
    return f"{text} {unit}"


def text_table(lines: Sequence[Comparison]) -> str:
    """The table for a terminal."""
    rows = [HEADS, *map(cells_of, lines)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def markdown_table(lines: Sequence[Comparison]) -> str:
    """The table for a page."""
    rows = [HEADS, ("---",) * len(HEADS), *map(cells_of, lines)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
