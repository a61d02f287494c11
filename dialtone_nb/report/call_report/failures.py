"""The tables of what was lost and why, and of what our own dial plan refused."""

from __future__ import annotations

import pandas as pd

from dialtone_nb.calls.attempts.codes import code_of
from dialtone_nb.calls.measures.rates import reasons_of_failure
from dialtone_nb.report.table import ReportTable


def tabulate_reasons(tally: pd.DataFrame) -> ReportTable:
    """Why attempts were lost: attempts, share of all lost attempts, running share, and what to do."""
    rows = [
        (
            row["outcome"].replace("_", " "),
            row["reason"] or "–",
            code_of(row["reason"]).meaning,
            int(row["attempts"]),
            float(row["share"]),
            float(row["running_share"]),
            code_of(row["reason"]).repair,
        )
        for _, row in reasons_of_failure(tally).iterrows()
    ]
    return ReportTable.of(("outcome", "code", "meaning", "attempts", "share of lost", "running share", "repair"), rows)


def tabulate_refusals(tally: pd.DataFrame) -> ReportTable:
    """What our own dial plan refused, by its reason."""
    refused = tally[tally["outcome"] == "refused"].groupby("reason")["attempts"].sum().sort_values(ascending=False)
    return ReportTable.of(
        ("reason", "attempts"), [(str(reason) or "–", int(count)) for reason, count in refused.items()]
    )
