"""reports/index.html: what is open, then every run that left a page, network by network."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

from dialtone_nb.display.rendering import render
from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.files.lines import append
from dialtone_nb.report.page import POLICY, page_style
from dialtone_nb.report.runs import RUNS, Run, latest_of_each, load_runs

INDEX: Final = "index.html"


def save_run(folder: Path, run: Run) -> None:
    """Append the run to runs.jsonl, and write the index anew."""
    append(folder / RUNS, asdict(run))
    write_index(folder)


def write_index(folder: Path) -> None:
    """Write index.html: what needs a person first, then every run, by the clocks of the newest one's network."""
    runs = load_runs(folder)
    places: dict[str, list[tuple[Run, bool]]] = {}
    # Real accounts first, then whatever ran last.
    for run in sorted(runs, key=lambda run: run.is_rehearsal):
        places.setdefault(run.place, []).append((run, (folder / run.page).exists()))
    html = render(
        "runs",
        package="dialtone_nb.report",
        policy=POLICY,
        style=page_style(),
        places=places,
        time_zone=runs[0].time_zone if runs else "",
        open_ones=[run for run in latest_of_each(runs) if run.exit_code],
        sheets=sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/sheets/*.html")),
    )
    write_whole(folder / INDEX, html)
