"""Where the files of runs lie: pages, records, journals, sheets; and how a reader is told of them."""

from __future__ import annotations

import os
from pathlib import Path

# Another folder than reports/, relative to the project; `run --output` sets it.
REPORTS_VARIABLE = "DIALTONE_REPORTS"


def reports_folder(*, rehearsed: bool) -> Path:
    """Where records and sheets go, as seen from the project: what was rehearsed never stands among what was done."""
    reports = Path(os.environ.get(REPORTS_VARIABLE) or "reports")
    return reports / "rehearsal" if rehearsed else reports


def seen_from(folder: Path, path: Path) -> str:
    """A path as somebody in this folder types it."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
