"""record.jsonl: one line a run that changed something; journal.jsonl: every change as it starts and ends."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dialtone_nb.infrastructure.apply import Outcome
from dialtone_nb.infrastructure.plan import Change, Plan

RECORD = "record.jsonl"
JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Record:
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
    """The folder of a plan's record, in the project: what was rehearsed never stands among what was done."""
    return Path("reports") / "rehearsal" if plan.is_rehearsal else Path("reports")


def make_record(
    plan: Plan, outcomes: Sequence[Outcome], *, runbook: str, who: str, when: datetime, check: str
) -> Record:
    """The record of an apply."""
    changes = tuple(
        {
            "action": one.change.action,
            "kind": one.change.kind,
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
    return Record(stamp, who, runbook, plan.account, plan.environment, plan.fingerprint, plan.summary, check, changes)


def save_record(folder: Path, record: Record) -> None:
    """Append the record to record.jsonl."""
    append(folder / RECORD, vars(record))


def load_records(folder: Path) -> list[Record]:
    """The records in this folder, oldest first; none where there is no record yet."""
    file = folder / RECORD
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Record(**{**json.loads(line), "changes": tuple(json.loads(line)["changes"])}) for line in lines if line]


def journal_entry(plan: Plan, event: Outcome | Change) -> dict[str, Any]:
    """A journal's line: a change that starts, or what became of it."""
    change = event if isinstance(event, Change) else event.change
    entry = {"plan": plan.fingerprint, "action": change.action, "kind": change.kind, "key": change.key}
    if isinstance(event, Outcome):
        return {**entry, "event": event.status, "request_id": event.request_id, "error": event.error}
    return {**entry, "event": "starts"}


def append(file: Path, line: Mapping[str, Any]) -> None:
    """Append the line in one write, so that two runs never mix."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)
