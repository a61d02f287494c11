"""Where a run leaves its executed copy and its page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.runbooks.parameters_cell import Value

REHEARSAL_FOLDER = "rehearsal"
EVERYWHERE = "all"
ELSEWHERE = "name another folder with --output"


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """The files of a run: its executed copy, its page, and where it planned something the plan for other programs."""

    executed: Path
    html: Path
    plan: Path


def report_files(folder: Path, name: str) -> ReportFiles:
    """The files of a run in this folder."""
    return ReportFiles(folder / f"{name}.ipynb", folder / f"{name}.html", folder / f"{name}.plan.json")


def choose_report_files(reports: Path, runbook: str, values: Mapping[str, Value], now: datetime) -> ReportFiles:
    """The files of one run by its account and environment.

    A run on Twilio keeps its own, named for its time (UTC), since it is evidence; a rehearsal replaces the one before.
    """
    environment = str(values.get("environment") or EVERYWHERE)
    if values.get("account") == "twilio":
        return report_files(reports / environment, f"{runbook}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    return report_files(reports / REHEARSAL_FOLDER / environment, runbook)


def seen_from(folder: Path, path: Path) -> str:
    """A path as somebody in this folder types it."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def check_output(folder: Path | None, reports: Path) -> None:
    """Raise an `InputError` where the files of a run can't go to this folder, made or still to make.

    Without one they go to `reports`, which may be in a checkout that can only be read.
    """
    place = "--output" if folder else str(reports)
    wanted = folder or reports
    for part in (wanted, *wanted.parents):
        if part.exists():
            if not part.is_dir():
                raise InputError(Fault(place, f"{part} is a file", "name a folder" if folder else ELSEWHERE))
            if not os.access(part, os.W_OK):
                repair = "name a folder of yours" if folder else ELSEWHERE
                raise InputError(Fault(place, f"{part} can't be written to", repair))
            return
