"""Where a run leaves its executed copy and its page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.runbooks.steps.parameters_cell import RunbookSource, Value

if TYPE_CHECKING:
    from dialtone_nb.parameters import Parameters
    from dialtone_nb.report.runs import Run

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

    A run on Twilio keeps its own, named for its time (UTC), since it is evidence; a rehearsal replaces the one before,
    but each phone's set-up keeps its page.
    """
    environment = str(values.get("environment") or EVERYWHERE)
    name = "-".join(filter(None, (runbook, phone_of(values))))
    if values.get("account") == "twilio":
        return report_files(reports / environment, f"{name}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    return report_files(reports / REHEARSAL_FOLDER / environment, name)


def phone_of(values: Mapping[str, Value]) -> str:
    """The phone that a run is about; empty where it is about none."""
    return str(values.get("client") or "")


def run_of(
    source: RunbookSource,
    values: Mapping[str, Value],
    *,
    project: Path,
    declared: Parameters,
    started: datetime,
    seconds: float,
    exit_code: int,
    summary: str,
    page: str,
) -> Run:
    """What the head of a run's page and the index of runs say of it."""
    # Once a run has ended: what is refused before it starts is refused quickly.
    from dialtone_nb.report.runs import Run, commit_of, stamp
    from dialtone_nb.values.holder import holder_name

    return Run(
        stamp(started),
        round(seconds, 1),
        holder_name(),
        commit_of(project),
        source.name,
        source.title,
        str(values.get("account") or "rehearsal"),
        str(values.get("environment") or ""),
        declared.network.time_zone,
        exit_code,
        summary,
        page,
        phone_of(values),
        declared.name,
    )


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
