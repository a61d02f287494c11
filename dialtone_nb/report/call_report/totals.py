"""The tables of cost and of calls at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dialtone_nb.calls.attempts.schema import DIRECTIONS
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.measures.concurrency import ALL, peak_of
from dialtone_nb.calls.measures.rates import cost_by
from dialtone_nb.report.call_report.words import count_words, moment_words
from dialtone_nb.report.table import ReportTable


def tabulate_cost(tally: pd.DataFrame) -> ReportTable:
    """What each phone's attempts cost, as far as prices have settled, and all together, currency by currency."""
    rows = [
        _cost_row(str(row["client"]) or "unknown phone", row) for row in cost_by(tally, "client").to_dict("records")
    ]
    whole = cost_by(tally.assign(client=ALL), "client").to_dict("records")
    rows += [_cost_row("all phones", row) for row in whole] if len(rows) > 1 else []
    open_ones = int(tally["attempts"].sum() - tally["priced"].sum())
    note = f"{count_words(open_ones, 'attempt')} without a settled price: not in this table." if open_ones else ""
    return ReportTable.of(("phone", "attempts with a price", "cost", "cost an attempt"), rows, note)


def _cost_row(name: str, row: dict[Any, Any]) -> tuple[str, int, str, str]:
    each = row["price"] / row["priced"]
    return (
        name,
        int(row["priced"]),
        f"{row['price']:.2f} {row['currency']}".rstrip(),
        f"{each:.4f} {row['currency']}".rstrip(),
    )


def tabulate_concurrency(data: CallData) -> ReportTable:
    """The most answered calls that went on at once, of each direction and of all, and when first so many did."""
    return ReportTable.of(("direction", "most at once", "first at (UTC)"), list(_peaks(data.overlaps())))


def _peaks(overlaps: pd.DataFrame) -> Iterator[tuple[str, int, str | None]]:
    for direction in (ALL, *DIRECTIONS):
        most, at = peak_of(overlaps, direction)
        yield direction, most, moment_words(at)
