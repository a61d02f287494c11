"""The workflows as GitHub would run them, each `run:` step in a shell, on the rehearsal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dialtone_nb.cli.fresh_account import STATE_VARIABLE
from tests.runbooks.conftest import ROOT

# What gh is to the comment: the comments of a pull request in a file each.
GH = """\
#!/usr/bin/env bash
set -euo pipefail
comments=$(dirname "$0")/comments
mkdir -p "$comments"
[ -n "$GH_TOKEN" ]
method=GET
while [ $# -gt 0 ]; do
  case "$1" in
    --method) method=$2; shift ;;
    --field) body=${2#body=@}; shift ;;
    --jq) shift ;;
    repos/*) path=$1 ;;
  esac
  shift
done
case "$method $path" in
  "GET repos/o/r/issues/7/comments") ls "$comments" ;;
  "POST repos/o/r/issues/7/comments") cat "$body" > "$comments/41" ;;
  "PATCH repos/o/r/issues/comments/41") cat "$body" > "$comments/41" ;;
  *) echo "$method $path" >&2; exit 1 ;;
esac
"""


@dataclass
class Runner:
    """A checkout in which the steps of a workflow run one after the other."""

    checkout: Path
    variables: dict[str, str]
    summaries: list[str] = field(default_factory=list)

    def run(self, workflow: str, job: str, **inputs: str) -> None:
        """Run each `run:` step of a job whose condition is true, for the last line of its matrix; none may fail."""
        outputs = self.checkout / "outputs"
        outputs.write_text("")
        content = YAML(typ="safe").load(ROOT / ".github" / "workflows" / f"{workflow}.yml")
        (matrix,) = content["jobs"][job].get("strategy", {}).get("matrix", {"": [""]}).values()
        for step in content["jobs"][job]["steps"]:
            # The environment is there, and Twilio is not asked for its documents.
            if "run" in step and step["run"] != "make setup":
                self._step(step, outputs, {**inputs, "ENVIRONMENT": matrix[-1]})

    def _step(self, step: dict[str, Any], outputs: Path, inputs: dict[str, str]) -> None:
        if "steps.network.outputs.own" in str(step.get("if", "")) and "own=true" not in outputs.read_text():
            return
        summary = self.checkout / "step.md"
        summary.write_text("")
        asked = {name: inputs[name] for name in step.get("env", {}) if name in inputs}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"].replace("-p account twilio", "-p account rehearsal")],
            cwd=self.checkout,
            env=self.variables | {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)} | asked,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (step["run"], done.stdout, done.stderr)
        self.summaries.append(summary.read_text())


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A checkout with its own network and a rehearsal as account; gh and secrets as in a pull request."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("Makefile", ".ci", ".github", ".venv", "dialtone_nb", "tests", "pyproject.toml"):
        (checkout / name).symlink_to(ROOT / name)
    (checkout / ".ci").unlink()
    shutil.copytree(ROOT / ".ci", checkout / ".ci")
    shutil.copytree(ROOT / "notebooks", checkout / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (checkout / "parameters", checkout / "proposed" / "parameters"):
        shutil.copytree(ROOT / "parameters" / "sample", folder)
        for name in ("stage", "prod"):
            (folder / f"{name}.yaml").write_text(f"account: rehearsal\nenvironment: {name}\n")
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(GH)
    gh.chmod(0o755)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("DIALTONE_", "TWILIO_"))}
    variables |= {
        "PATH": f"{gh.parent}:{os.environ['PATH']}",
        STATE_VARIABLE: str(tmp_path / "state" / "state.db"),
        "GITHUB_REPOSITORY": "o/r",
        "PULL_REQUEST": "7",
        "GH_TOKEN": "t",
    }
    return Runner(checkout, variables)


def fingerprint_in(summary: str) -> str:
    """The fingerprint in a summary."""
    (found,) = re.findall(r"as consent: `(plan-[0-9a-f]{64})`", summary)
    return str(found)


def test_from_a_plan_on_a_pull_request_to_an_approved_promote(runner: Runner) -> None:
    """The comment is updated; after stage the summary has prod's fingerprint, which the approval takes."""
    comments = runner.checkout.parent / "bin" / "comments"
    runner.run("plan", "plan")
    (comment,) = comments.iterdir()
    first = comment.read_text()
    assert first.startswith("<!-- dialtone_nb: the plan -->\n### Deploy, rehearsal, stage\n")
    assert "environment stage: has no live build; deploy stage first" in first
    assert "+1503" not in first
    runner.run("apply", "stage")
    assert "Verify stage: nothing wrong" in runner.summaries[-1]
    (runner.checkout / "plan.md").unlink()
    runner.run("plan", "plan")
    (comment,) = comments.iterdir()
    assert "nothing to do" in comment.read_text()
    planned = fingerprint_in(comment.read_text())
    runner.run("apply", "plan-prod")
    assert fingerprint_in(runner.summaries[-1]) == planned
    runner.run("apply", "prod", FINGERPRINT=planned)
    assert "Promote stage to prod: all" in runner.summaries[-2]
    assert "Verify prod: nothing wrong" in runner.summaries[-1]
    runner.run("verify", "verify")
    runner.run("report", "report")
    assert "no attempt in the rehearsal" in runner.summaries[-1]


def test_a_pull_requests_files_consent_to_nothing(runner: Runner) -> None:
    """A plan of proposed files would else be applied before anybody has read them, as a file may give any parameter."""
    proposed = runner.checkout / "proposed" / "parameters" / "stage.yaml"
    proposed.write_text("account: rehearsal\nenvironment: stage\nconsent: stage\n")
    runner.run("plan", "plan")
    planned = runner.summaries[0] + runner.summaries[1] + runner.summaries[2]
    assert "29 to create; nothing was done" in planned
    assert "environment stage: has no live build" in "".join(runner.summaries)
