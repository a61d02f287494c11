"""The record of what was done, as a table: who, when, where, which plan, and what became of each change."""

from __future__ import annotations

from pathlib import Path

from dialtone_nb.infrastructure.record import load_records
from dialtone_nb.report.report_table import ReportTable
from dialtone_nb.runbooks.opening import Runbook

COLUMNS = ("when (UTC)", "who", "runbook", "account", "environment", "plan", "change", "outcome", "seconds", "request")


def tabulate_records(runbook: Runbook, last: int = 20) -> ReportTable:
    """One row a change of the last runs, newest run first; `seconds` is how long a change took."""
    folder = runbook.project / "reports" / ("rehearsal" if runbook.account_kind == "rehearsal" else "")
    return records_table(folder, last)


def records_table(folder: Path, last: int) -> ReportTable:
    """The same, for a folder that holds a record."""
    rows = [
        (
            record.when,
            record.who,
            record.runbook,
            record.account,
            record.environment,
            record.fingerprint,
            f"{change['action']} {change['kind']} {change['key']}",
            "; ".join(str(change[name]) for name in ("outcome", "note", "error") if change.get(name)),
            change["seconds"],
            change["request_id"],
        )
        for record in reversed(load_records(folder)[-last:])
        for change in record.changes
    ]
    return ReportTable.of(COLUMNS, rows)
