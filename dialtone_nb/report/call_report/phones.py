"""The tables of phones' signs of life and of single attempts."""

from __future__ import annotations

import pandas as pd

from dialtone_nb.calls.load import CallData
from dialtone_nb.report.call_report.words import moment_words, span_words
from dialtone_nb.report.table import ReportTable


def tabulate_signs_of_life(life: pd.DataFrame) -> ReportTable:
    """Every phone: its attempts, last attempt, last sign of life and last answer (UTC), its habit, and its state."""
    rows = [
        (
            str(client),
            int(row["attempts"]),
            *(moment_words(row[name]) for name in ("last_at", "last_sign_at", "last_answered_at")),
            span_words(row["quiet"]),
            None if row["is_few"] else span_words(row["longest_quiet"]),
            "too few to judge" if row["is_few"] else "silent" if row["is_silent"] else "as usual",
        )
        for client, row in life.iterrows()
    ]
    columns = ("last attempt", "last sign of life", "last answered", "quiet for", "longest quiet before", "state")
    return ReportTable.of(("phone", "attempts", *columns), rows, "Times are UTC.")


def tabulate_attempts(data: CallData, most: int = 20) -> ReportTable:
    """The latest attempts, newest first."""
    latest = data.latest(most).iloc[::-1]
    all_of_them = int(data.tally()["attempts"].sum())
    rows: list[list[str | int | None]] = [
        [
            moment_words(row["started_at"]),
            *(_known(row[name]) for name in ("environment", "client", "direction", "other_party")),
            str(row["outcome"]).replace("_", " "),
            _known(row["reason"]),
            None if pd.isna(row["duration_s"]) else int(row["duration_s"]),
        ]
        for row in latest.to_dict("records")
    ]
    columns = ("started (UTC)", "environment", "phone", "direction", "other party", "outcome", "reason", "seconds")
    note = f"The latest {len(latest)} of {all_of_them:,} attempts." if all_of_them > most else ""
    return ReportTable.of(columns, rows, note)


def _known(value: object) -> str | None:
    return value if isinstance(value, str) else None
