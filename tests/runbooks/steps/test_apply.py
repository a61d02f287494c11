"""The table of recorded changes."""

from __future__ import annotations

import json
from pathlib import Path

from dialtone_nb.runbooks.steps.apply import records_table


def test_the_record_shows_a_row_a_change_newest_run_first(tmp_path: Path) -> None:
    """Each change of a run is a row with its outcome, duration and request ID."""
    change = {
        "action": "create",
        "kind": "service",
        "key": "dialtone",
        "outcome": "done",
        "seconds": 0.2,
        "request_id": "RQ1",
    }
    run = {"when": "2026-03-02T09:00:00Z", "who": "ada@desk", "runbook": "deploy", "account": "the rehearsal"}
    rest = {"environment": "stage", "fingerprint": "plan-1", "summary": "1 to create", "check": "nothing to do"}
    lines = [
        {**run, **rest, "changes": [change]},
        {**run, **rest, "fingerprint": "plan-2", "changes": [change, change]},
    ]
    (tmp_path / "record.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    table = records_table(tmp_path, 20)
    assert [row[5] for row in table.rows] == ["plan-2", "plan-2", "plan-1"]
    assert table.rows[0][6:] == ("create service dialtone", "done", 0.2, "RQ1")
