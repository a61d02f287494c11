"""The tables and attempts of a call report as files for a spreadsheet or a program: CSV, and Parquet beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import pandas as pd

from dialtone_nb.calls.attempts.parts import EVERYTHING
from dialtone_nb.calls.attempts.schema import SCHEMA, mask_parties, pandas_of
from dialtone_nb.calls.load import CallData, CallRunbook
from dialtone_nb.calls.measures.before_after import Comparison, Deployment
from dialtone_nb.calls.measures.delays import Delay
from dialtone_nb.calls.measures.usage import Usage
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.report.call_report import tables, usage
from dialtone_nb.report.report_table import ReportTable, defused

ATTEMPTS: Final = "attempts"
TEXTS: Final = ("call_sid", "environment", "client", "direction", "other_party", "outcome", "reason", "currency")


def tables_of(
    data: CallData,
    comparisons: tuple[Comparison, ...],
    life: pd.DataFrame,
    delays: Sequence[Delay],
    deployments: Sequence[Deployment],
    used: Usage,
) -> dict[str, ReportTable]:
    """The tables of figures of a report, by the names of their files."""
    tally = data.tally()
    rates = {f"rates-by-{by}": tables.tabulate_rates(tally, by) for by in ("day", "week", "client", "direction")}
    return {
        "outcomes": tables.tabulate_outcomes(tally),
        **rates,
        "rates-by-hour": tables.tabulate_rates(data.hours(), "hour"),
        "deployments": tables.tabulate_deployments(comparisons),
        "delays": tables.tabulate_delays(delays, deployments),
        "reasons": tables.tabulate_reasons(tally),
        "refusals": tables.tabulate_refusals(tally),
        "periods": usage.tabulate_periods(tally),
        "durations": usage.tabulate_durations(used),
        "called-numbers": usage.tabulate_parties(data, used, "outgoing"),
        "calling-numbers": usage.tabulate_parties(data, used, "incoming"),
        "emergencies": usage.tabulate_emergencies(data, used),
        "cost-by-phone": tables.tabulate_cost(tally),
        "cost-by-day": tables.tabulate_cost(tally, "day"),
        "signs-of-life": tables.tabulate_signs_of_life(life),
    }


def export_report(
    runbook: CallRunbook,
    data: CallData,
    comparisons: tuple[Comparison, ...],
    life: pd.DataFrame,
    delays: Sequence[Delay],
    deployments: Sequence[Deployment],
    used: Usage,
) -> ReportTable:
    """Write the tables and all attempts into the folder that the parameter `export` names; which files were written."""
    folder = str(runbook.parameters.export)
    if not folder:
        return ReportTable.of(("file", "rows"), [], empty="The parameter export names no folder: no file was written.")
    path = Path(folder).expanduser()
    written = tables_of(data, comparisons, life, delays, deployments, used)
    return export_calls(data, written, path if path.is_absolute() else runbook.project / path)


def export_calls(data: CallData, written: Mapping[str, ReportTable], folder: Path) -> ReportTable:
    """Write the tables and all attempts into a folder, for the owner's eyes alone; the files and their rows."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rows = [(f"{name}.csv", _write_table(folder / f"{name}.csv", table)) for name, table in written.items()]
        attempts = _write_attempts(data, folder)
    except OSError as error:
        fault = Fault(f"parameter export: {folder}", f"can't be written: {error.strerror}", "name another folder")
        raise InputError(fault) from None
    rows += [(f"{ATTEMPTS}.csv", attempts), (f"{ATTEMPTS}.parquet", attempts)]
    return ReportTable.of(("file", "rows"), rows, f"In the folder {folder.name}.")


def _open(path: Path, mode: str, **options: Any) -> IO[Any]:
    # Names of phones and times of calls are nobody else's business.
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600), **options)


def _write_table(path: Path, table: ReportTable) -> int:
    # The mark at the beginning tells a spreadsheet that it is UTF-8.
    with _open(path, "w", encoding="utf-8-sig", newline="") as stream:
        stream.write(table.csv())
    return len(table.rows)


def _write_attempts(data: CallData, folder: Path) -> int:
    """Write the attempts part by part: there may be millions. Other parties are masked as in the report."""
    import pyarrow as pa
    from pyarrow import parquet

    selection, count = data.attempts.selection, 0
    schema = pa.Table.from_pandas(pandas_of(SCHEMA.to_frame()), preserve_index=False).schema
    with (
        _open(folder / f"{ATTEMPTS}.csv", "w", encoding="utf-8-sig", newline="") as lines,
        _open(folder / f"{ATTEMPTS}.parquet", "wb") as stream,
        parquet.ParquetWriter(stream, schema, compression="zstd") as columns,
    ):
        lines.write(",".join(EVERYTHING) + "\r\n")
        for part in data.attempts.parts:
            frame = pandas_of(selection.read(part, EVERYTHING))
            frame = frame if selection.show_numbers else mask_parties(frame)
            columns.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
            told = frame.assign(**{name: frame[name].map(defused, na_action="ignore") for name in TEXTS})
            told.to_csv(lines, index=False, header=False, lineterminator="\r\n")
            count += len(frame)
    return count
