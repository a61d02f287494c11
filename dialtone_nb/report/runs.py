"""The runs that left a page: runs.jsonl has a line for each."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from dialtone_nb.files import lines

RUNS: Final = "runs.jsonl"
GIT_SECONDS: Final = 10


@dataclass(frozen=True)
class Run:
    """One run of a runbook: when (UTC), how long, who, on what, how it ended, and where its page is."""

    when: str
    seconds: float
    who: str
    commit: str
    runbook: str
    title: str
    account: str
    environment: str
    time_zone: str
    exit_code: int = 0
    summary: str = ""
    page: str = ""  # relative to the folder of runs.jsonl
    phone: str = ""
    network: str = ""  # its name to a reader; older lines have none

    @property
    def is_rehearsal(self) -> bool:
        """Whether it worked on the stand-in of this machine."""
        return self.account != "twilio"

    @property
    def at(self) -> str:
        """When it began, by the clocks of the network, whose zone is named."""
        return f"{self.at_in(self.time_zone)} {self.time_zone}"

    def at_in(self, time_zone: str) -> str:
        """When it began, by the clocks of a zone that is named elsewhere."""
        return f"{datetime.fromisoformat(self.when).astimezone(ZoneInfo(time_zone)):%a %Y-%m-%d %H:%M}"

    @property
    def place(self) -> str:
        """Whose runs it is one of: the account's kind, and the network."""
        return " · ".join(filter(None, ("Rehearsal" if self.is_rehearsal else "Twilio", self.network)))

    @property
    def took(self) -> str:
        """How long it took, in words."""
        minutes, seconds = divmod(round(self.seconds), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"

    @property
    def what(self) -> str:
        """The runbook, with the phone that it was about."""
        return ", ".join(filter(None, (self.title, self.phone)))

    @property
    def about(self) -> str:
        """The runbook with what it worked on, which tells its page from others."""
        return ", ".join(filter(None, (self.what, self.environment)))

    @property
    def role(self) -> str:
        """The class that colours how it ended: done, something to do, or failed."""
        return {0: "done", 2: "unknown"}.get(self.exit_code, "failed")

    @property
    def mark(self) -> str:
        """The sign for how it ended."""
        return {0: "✓", 2: "!"}.get(self.exit_code, "✗")


def commit_of(project: Path) -> str:
    """The commit that a project stands at, marked where files differ from it; empty where it is in no repository."""
    command = ["git", "describe", "--always", "--dirty=, changed", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def stamp(moment: datetime) -> str:
    """A moment as a run keeps it: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def load_runs(folder: Path) -> list[Run]:
    """The runs in this folder, newest first; a rehearsal's page is replaced by the next one's, and so is its run."""
    runs = lines.load(folder / RUNS, Run)
    latest = {run.page if run.is_rehearsal else f"{run.when} {run.page}": run for run in runs}
    there = [run for run in latest.values() if not run.is_rehearsal or (folder / run.page).exists()]
    return sorted(there, key=lambda run: run.when, reverse=True)


def latest_of_each(runs: Sequence[Run]) -> list[Run]:
    """The last run of each runbook on each thing: what was put right since is no longer open."""
    latest: dict[tuple[str, ...], Run] = {}
    for run in runs:
        thing = (run.account, run.runbook, run.environment, run.phone)
        # An older line tells of no network: any later run of the same may have put it right.
        if run.network or all(thing != known[1:] for known in latest):
            latest.setdefault((run.network, *thing), run)
    return list(latest.values())
