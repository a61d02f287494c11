"""The main job: its steps in order on a new account, its progress, and how it stops."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from dialtone_nb.cli.fresh_account import STATE_VARIABLE, TWILIO_VARIABLE
from dialtone_nb.cli.rehearse import JobStep, check_step, main_job, rehearse_main_job
from dialtone_nb.errors import ParametersError
from dialtone_nb.parameters import load_parameters
from tests.cli.running.test_run import ends_with
from tests.runbooks.conftest import ROOT, Write

COUNT = """
import os
from pathlib import Path
state = Path(os.environ["DIALTONE_REHEARSAL_STATE"])
before = state.read_text() if state.exists() else ""
state.write_text(before + runbook.environment[0])
"""


def test_steps_run_in_order_on_a_fresh_account_and_leave_numbered_pages(
    project: Path, write_runbook: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All kernels share the account; an earlier job's files are removed; the environment is restored."""
    monkeypatch.setenv(STATE_VARIABLE, "as before")
    write_runbook("note", COUNT, ends_with(0, "noted"))
    write_runbook("call_report", COUNT + "assert before == 'sp', before", ends_with(0, "2 calls"))
    folder = project / "reports" / "rehearsal"
    folder.mkdir(parents=True)
    (folder / "07-old.html").write_text("old")
    (project / ".rehearsal" / "main-job").mkdir(parents=True)
    (project / ".rehearsal" / "main-job" / "state.db").write_text("old")
    steps = (
        JobStep("note stage", "note", {"environment": "stage"}),
        JobStep("note prod", "note", {"environment": "prod", "consent": "rehearsal"}),
        JobStep("report", "call_report"),
    )
    assert rehearse_main_job(project, steps) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "01-note-stage.html",
        "01-note-stage.ipynb",
        "02-note-prod.html",
        "02-note-prod.ipynb",
        "03-report.html",
        "03-report.ipynb",
    ]
    assert os.environ[STATE_VARIABLE] == "as before"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" s  ")[-1] for line in lines[1:4]] == ["noted", "noted", "2 calls"]
    assert lines[-1] == "The call report: reports/rehearsal/03-report.html"


def test_the_main_job_goes_through_under_the_documented_twilio_too(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of `make rehearse`, whose runbooks work under the documented assumptions as under the recorded ones."""
    monkeypatch.setenv(TWILIO_VARIABLE, "documented")
    shutil.copytree(ROOT / "notebooks", project / "notebooks", dirs_exist_ok=True)
    exit_code = rehearse_main_job(project)
    told = capsys.readouterr().out
    assert exit_code == 0, told
    assert "Test calls in prod: all" in told
    assert "Verify stage: nothing wrong" in told
    assert "Verify prod: nothing wrong" in told
    state = sqlite3.connect(project / ".rehearsal" / "main-job" / "state.db")
    assert state.execute("SELECT value FROM meta WHERE key = 'twilio'").fetchone() == ("documented",)
    state.close()


def test_the_main_job_stops_at_the_first_step_that_fails(
    project: Path, write_runbook: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """It returns the step's exit code and names the page to look at."""
    write_runbook("deploy", "from dialtone_nb.errors import ApplyError\nraise ApplyError('stopped after 1 of 2')")
    write_runbook("verify")
    steps = (JobStep("deploy stage", "deploy"), JobStep("verify stage", "verify"))
    assert rehearse_main_job(project, steps) == 4
    output = capsys.readouterr().out
    assert "stopped after 1 of 2" in output
    assert "Stopped at the step 'deploy stage'" in output
    assert not list((project / "reports" / "rehearsal").glob("02*"))


def test_a_step_that_does_not_fit_its_runbook_is_refused_before_anything_runs(
    project: Path, write_runbook: Write
) -> None:
    """A renamed parameter is found before the first step."""
    write_runbook("deploy")
    with pytest.raises(ParametersError, match=r"the step 'b', environmnt: deploy has no parameter"):
        rehearse_main_job(project, (JobStep("a", "deploy"), JobStep("b", "deploy", {"environmnt": "prod"})))
    assert not (project / "reports").exists()


STEPS = main_job(load_parameters(ROOT / "parameters" / "sample"))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_the_steps_fit_our_runbooks(step: JobStep) -> None:
    """Every runbook of the main job exists and declares the step's parameters."""
    assert check_step(ROOT, step)[1]["account"] == "rehearsal"
