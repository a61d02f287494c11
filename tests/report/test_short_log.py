"""A short log has a short page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
ENDS = ("completed", "busy", "no-answer", "completed", "failed")


def test_of_five_calls_the_page_shows_what_they_tell_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    """No figure, four tables, and a sentence of what five calls say nothing of."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "call_report.ipynb", tmp_path / "notebooks")
    shutil.copytree(ROOT / "parameters" / "sample", tmp_path / "parameters" / "sample")
    events = [
        {"timestamp": f"2026-03-0{day}T09:00:00Z", "channel": "lobby", "event": f"outgoing-dialstatus-{status}"}
        for day, status in enumerate(ENDS, 2)
    ]
    (tmp_path / "five.json").write_text(json.dumps(events), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DIALTONE_", "TWILIO_"))}
    command = [sys.executable, "-m", "dialtone_nb", "run", "call_report", "-p", "source", "five.json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("reports/**/call_report.html")
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    assert not page.select(".figure")
    headings = [one.get_text().rstrip("¶") for one in page.select("h2, h3")]
    assert headings == [
        *("In short", "Outcomes", "Why calls were lost", "Latest attempts"),
        *("Data quality", "The rest in brief", "About this runbook"),
    ]
    tables = [one for one in page.select("table") if not one.find_parent("details")]
    assert [table.select_one("th").get_text() for table in tables if table.select_one("th")] == [  # type: ignore[union-attr]
        "outcome",
        "outcome",
        "started (America/Los_Angeles)",
        "what",
    ]
    told = [one.get_text() for one in page.select(".dialtone-left-out")]
    assert any(one.startswith("Left out, as 5 attempts say nothing of it: how far attempts got, ") for one in told)
    assert "Emergency calls: No emergency call." in [one.get_text() for one in page.select(".dialtone-brief li")]
