"""What came of a plan; record.jsonl, one line for each run that changed something; journal.jsonl, every step of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dialtone_nb.errors import ApplyError
from dialtone_nb.files import lines
from dialtone_nb.files.reports_folder import reports_folder
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change, Plan

RECORD = "record.jsonl"
JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class ApplyRecord:
    """One run: who, when (UTC), where, which plan, what became of each change, and what the check found."""

    when: str
    who: str
    runbook: str
    account: str
    environment: str
    fingerprint: str
    summary: str
    check: str
    changes: tuple[Mapping[str, Any], ...]


def record_folder(plan: Plan) -> Path:
    """The folder of a plan's record, relative to the project."""
    return reports_folder(rehearsed=plan.is_rehearsal)


def make_record(
    plan: Plan, outcomes: Sequence[ChangeOutcome], *, runbook: str, who: str, when: datetime, check: str
) -> ApplyRecord:
    """The record of an apply."""
    changes = tuple(
        {
            "action": one.change.action,
            "kind": one.change.kind.name,
            "key": one.change.key,
            "outcome": one.status,
            "seconds": round(one.seconds, 3),
            "request_id": one.request_id,
            **({"error": one.error} if one.error else {}),
            **({"note": one.note} if one.note else {}),
        }
        for one in outcomes
    )
    stamp = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return ApplyRecord(
        stamp, who, runbook, plan.account, plan.environment, plan.fingerprint, plan.summary, check, changes
    )


def save_record(folder: Path, record: ApplyRecord) -> None:
    """Append the record to record.jsonl."""
    lines.append(folder / RECORD, vars(record))


def load_records(folder: Path) -> list[ApplyRecord]:
    """The records in this folder, oldest first; none where there is no record yet."""
    return [replace(one, changes=tuple(one.changes)) for one in lines.load(folder / RECORD, ApplyRecord)]


def journal_entry(plan: Plan, event: ChangeOutcome | Change) -> dict[str, Any]:
    """A journal's line: a change that starts, or what became of it."""
    change = event if isinstance(event, Change) else event.change
    entry = {"plan": plan.fingerprint, "action": change.action, "kind": change.kind.name, "key": change.key}
    if isinstance(event, ChangeOutcome):
        return {**entry, "event": event.status, "request_id": event.request_id, "error": event.error}
    return {**entry, "event": "starts"}


@dataclass(frozen=True)
class Applied:
    """What came of a plan: nothing yet, or an outcome for each change, the check and the record."""

    plan: Plan
    outcomes: tuple[ChangeOutcome, ...] = ()
    check: Plan | None = None
    record: ApplyRecord | None = None
    # What else was written, such as a device sheet.
    said: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every change was done and planning once more finds nothing."""
        done = all(one.status is Status.DONE for one in self.outcomes)
        return self.plan.is_empty or (bool(self.outcomes) and done and self.check is not None and self.check.is_empty)

    @property
    def exit_code(self) -> int:
        """0 nothing to do or all done and checked, 2 not consented to, 4 partly applied."""
        if self.is_complete:
            return 0
        return ApplyError.exit_code if self.outcomes else 2

    @property
    def summary(self) -> str:
        """What happened, in one line."""
        if self.plan.is_empty:
            return f"{self.plan.title}: nothing to do"
        if not self.outcomes:
            return f"{self.plan.title}: {self.plan.summary}; nothing was done: no consent to {self.plan.fingerprint}"
        done = sum(one.status is Status.DONE for one in self.outcomes)
        if self.is_complete:
            every = f"all {done} changes" if done > 1 else "the one change"
            return f"{self.plan.title}: {every} done, the check found nothing left to do"
        if self.check is not None and done == len(self.outcomes):
            return f"{self.plan.title}: all {done} changes done, but the check finds {self.check.summary}"
        return f"{self.plan.title}: {done} of {len(self.outcomes)} changes done; run again to go on"
