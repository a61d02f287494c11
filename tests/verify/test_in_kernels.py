"""Both runbooks from the terminal: their exit code and last line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dialtone_nb.__main__ import main
from dialtone_nb.display.outputs import RESULT
from tests.verify.conftest import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an empty account."""
    ours = shutil.ignore_patterns("conftest.py", "__pycache__")
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=ours)
    shutil.copytree(ROOT / "parameters" / "sample", tmp_path / "parameters")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "account" / "state.db"))
    monkeypatch.delenv("DIALTONE_PARAMETERS", raising=False)
    monkeypatch.delenv("TRUNK_PASSWORD", raising=False)
    return tmp_path


def test_verify_ends_with_2_where_something_is_wrong(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before any deploy: the terminal has the first failed checks, the page all."""
    assert main(["run", "verify", "--output", "out"]) == 2
    said = capsys.readouterr().out
    assert "Verify stage: 6 of 20 checks wrong: service dialtone, environment stage, live build of stage" in said
    cells = json.loads((project / "out" / "verify.ipynb").read_text(encoding="utf-8"))["cells"]
    (bundle,) = [out["data"] for cell in cells for out in cell.get("outputs", ()) if RESULT in out.get("data", {})]
    assert bundle[RESULT]["exit_code"] == 2
    assert "domain dialtone-example-nonemergency-stage.sip.twilio.com" in "".join(bundle["text/plain"])
    assert '<div class="dialtone dialtone-checks">' in "".join(bundle["text/html"])


def test_a_wrong_file_of_what_is_accepted_ends_with_5(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with file, line and repair."""
    (project / "parameters" / "accepted.yaml").write_text("alert 11200:\n  until: 2026-03-31\n")
    assert main(["run", "verify", "--output", "out"]) == 5
    assert capsys.readouterr().err.splitlines() == [
        "parameters/accepted.yaml:1 alert 11200.reason: is missing; add reason: under alert 11200"
    ]


def test_test_calls_say_what_to_set_up_first(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 5, in one line."""
    assert main(["run", "test_calls", "--output", "out"]) == 5
    assert capsys.readouterr().err.splitlines() == [
        "phones of stage: 0 set up, and these calls take two; run client_setup with client workbench"
    ]
