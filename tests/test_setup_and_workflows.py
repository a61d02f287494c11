"""What a clean machine and a pipeline run: the Makefile, .ci/run and the workflows hold commands that exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dialtone_nb.cli.arguments import build_parser, read_given
from dialtone_nb.runbooks.parameters_cell import check_given, read_source
from tests.runbooks.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.M))


def jobs_of(path: Path) -> list[dict[str, Any]]:
    """A workflow's jobs, one for each line of a job's matrix."""
    jobs = YAML(typ="safe").load(path)["jobs"].values()
    return [
        job | {"line": line} for job in jobs for line in job.get("strategy", {}).get("matrix", {}).get("include", [{}])
    ]


COMMANDS = [
    pytest.param(step["run"], job, id=f"{path.stem}: {step['run'][:60]}")
    for path in WORKFLOWS
    for job in jobs_of(path)
    for step in job["steps"]
    if "run" in step
]


def test_the_workflows_are_there() -> None:
    """Check, plan and apply."""
    assert [path.stem for path in WORKFLOWS] == ["apply", "check", "plan"]


@pytest.mark.parametrize(("command", "job"), COMMANDS)
def test_every_command_of_a_workflow_exists_and_takes_what_it_is_given(
    command: str, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A make target, a file to run, or our own command with a runbook that declares its parameters."""
    monkeypatch.chdir(ROOT)
    variables = {"RUNBOOK": job["line"].get("runbook", ""), "ENVIRONMENT": job["line"].get("environment", "")}
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    program, *arguments = shlex.split(command.split("||")[0])
    if program == "make":
        assert set(arguments) <= TARGETS
    elif program == ".venv/bin/python":
        assert arguments[:2] == ["-m", "dialtone_nb"]
        parsed = build_parser().parse_args(arguments[2:])
        source = read_source(ROOT, parsed.runbook)
        assert check_given(source, read_given(source, parsed))[1] == []
    else:
        assert os.access(ROOT / program, os.X_OK)


@pytest.mark.parametrize(
    ("own", "said", "output"),
    [
        ((), "There is no network of its own in parameters/ yet", ""),
        (("network.yaml", "clients.yaml", "dialplan.yaml"), "", "own=true\n"),
        (("network.yaml",), "", "own=true\n"),  # half a network goes on to the command, which says what is missing
    ],
)
def test_without_an_own_network_the_workflows_have_nothing_to_do(
    tmp_path: Path, own: tuple[str, ...], said: str, output: str
) -> None:
    """One line, and the steps that follow are left out; the run is green."""
    for folder in (".ci", "parameters"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / ".ci" / "own-network", tmp_path / ".ci")
    for name in own:
        (tmp_path / "parameters" / name).touch()
    outputs = tmp_path / "outputs"
    outputs.touch()
    done = subprocess.run(
        [tmp_path / ".ci" / "own-network"],
        env={**os.environ, "GITHUB_OUTPUT": str(outputs)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(said)
    assert len(done.stdout.splitlines()) == bool(said)
    assert outputs.read_text() == output


def test_every_step_that_works_on_the_account_asks_for_an_own_network_first() -> None:
    """All steps of plan and apply after the look for a network are left out where there is none."""
    for path in (path for path in WORKFLOWS if path.stem in ("plan", "apply")):
        for job in jobs_of(path):
            checkout, look, *rest = job["steps"]
            assert (checkout["uses"], look["run"]) == ("actions/checkout@v5", ".ci/own-network")
            assert all("steps.network.outputs.own" in str(step["if"]) for step in rest)


def test_secrets_reach_a_command_through_the_environment_alone() -> None:
    """Nothing that somebody else typed is pasted into a shell, and no secret into a log."""
    for command, _ in (parameter.values for parameter in COMMANDS):
        assert "${{" not in str(command)


def test_prod_is_changed_by_hand_alone_with_a_fingerprint_in_a_protected_environment() -> None:
    """A merge applies to stage and to nothing else."""
    content = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "apply.yml")
    prod, stage = content["jobs"]["prod"], content["jobs"]["stage"]
    assert (prod["if"], prod["environment"]) == ("github.event_name == 'workflow_dispatch'", "prod")
    assert content["on"]["workflow_dispatch"]["inputs"]["fingerprint"]["required"] is True
    assert stage["if"] == "github.event_name == 'push'"
    assert "prod.yaml" not in str(stage)


def test_plans_name_no_consent() -> None:
    """A pull request changes nothing."""
    assert "--consent" not in (ROOT / ".github" / "workflows" / "plan.yml").read_text()


def test_the_ci_script_is_a_program_that_runs_every_check() -> None:
    """`.ci/run` ends in `make test`."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text().rstrip().endswith("make --no-print-directory test")
    subprocess.run(["bash", "-n", script], check=True)


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What make says in a copy of the project that has nothing but what set-up reads."""
    for name in ("Makefile", "requirements.txt", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "dialtone_nb" / "service").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "dialtone_nb" / "service" / name, folder / "dialtone_nb" / "service")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "setup", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def python_that(folder: Path, script: str) -> str:
    """A stand-in for Python, as a shell script."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_setting_up_without_python_says_what_to_install(tmp_path: Path) -> None:
    """One line, before anything is made."""
    done = make(tmp_path, "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "There is no no-such-python here. Install Python 3.11 or newer" in done.stderr


def test_setting_up_with_an_old_python_says_how_to_name_another(tmp_path: Path) -> None:
    """3.10 is refused by its version."""
    script = 'case "$1" in -V) echo Python 3.10.12;; *) exit 1;; esac'
    done = make(tmp_path, python_that(tmp_path, script))
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "is Python 3.10.12" in done.stderr


def test_setting_up_on_a_debian_without_venv_says_what_to_install(tmp_path: Path) -> None:
    """Neither ensurepip nor pip: the package that brings them is named, and no half environment is left."""
    script = 'case "$*" in *ensurepip*|*pip*) exit 1;; *) exit 0;; esac'
    done = make(tmp_path, python_that(tmp_path, script))
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()
