"""Commands of the Makefile, .ci/run and the workflows exist and take their arguments."""

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
from dialtone_nb.runbooks.steps.parameters_cell import check_given, read_source
from tests.runbooks.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.M))


def jobs_of(path: Path) -> list[dict[str, Any]]:
    """A workflow's jobs, one for each entry of a job's matrix."""
    jobs = YAML(typ="safe").load(path)["jobs"].values()
    return [
        job | {"line": {"environment": name}}
        for job in jobs
        for name in job.get("strategy", {}).get("matrix", {}).get("environment", [""])
    ]


COMMANDS = [
    pytest.param(step["run"], job, id=f"{path.stem}: {step['run'][:60]}")
    for path in WORKFLOWS
    for job in jobs_of(path)
    for step in job["steps"]
    if "run" in step
]


def test_the_workflows_are_there() -> None:
    """Check; plan and apply; the scheduled ones."""
    assert [path.stem for path in WORKFLOWS] == ["apply", "audit", "check", "plan", "report", "verify", "watch"]


@pytest.mark.parametrize(("command", "job"), COMMANDS)
def test_every_command_of_a_workflow_exists_and_takes_what_it_is_given(
    command: str, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A make target, an executable file, or our own command with a runbook that declares its parameters."""
    monkeypatch.chdir(ROOT)
    command = command.replace("$ENVIRONMENT", job["line"]["environment"])
    program, *arguments = shlex.split(command.split("||")[0])
    if program == "make":
        assert set(arguments) <= TARGETS
    elif arguments[:2] == ["-m", "tests.contract.newer"] or "venv" in arguments or "pip" in arguments:
        assert program.endswith("python")
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
    """One line, and the next steps are skipped; the run is green."""
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


ON_THE_ACCOUNT = ("apply", "plan", "report", "verify", "watch")


def steps_of(name: str) -> list[dict[str, Any]]:
    """All steps of a workflow."""
    return [step for job in jobs_of(ROOT / ".github" / "workflows" / f"{name}.yml") for step in job["steps"]]


@pytest.mark.parametrize("name", ON_THE_ACCOUNT)
def test_every_step_that_works_on_the_account_asks_for_an_own_network_first(name: str) -> None:
    """All later steps are skipped without one."""
    for job in jobs_of(ROOT / ".github" / "workflows" / f"{name}.yml"):
        look = next(number for number, step in enumerate(job["steps"]) if step.get("run") == ".ci/own-network")
        assert all("steps.network.outputs.own" in str(step["if"]) for step in job["steps"][look + 1 :])
        assert not [step for step in job["steps"][:look] if "dialtone_nb" in str(step) or "make" in str(step)]


def test_secrets_reach_a_command_through_the_environment_alone() -> None:
    """No text typed by others is inserted into a shell, and no secret into a log."""
    for command, _ in (parameter.values for parameter in COMMANDS):
        assert "${{" not in str(command)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_secrets_reach_our_own_command_alone(path: Path) -> None:
    """Set-up and third-party actions get none, nor does a whole job."""
    workflow = YAML(typ="safe").load(path)
    assert "secrets." not in str([workflow.get("env"), *(job.get("env") for job in workflow["jobs"].values())])
    for step in steps_of(path.stem):
        if "secrets." in str(step):
            assert step["run"].startswith(".venv/bin/python -m dialtone_nb run ")


def test_verify_gets_the_token_that_signs_its_probes() -> None:
    """Without it signed requests are skipped, and a green verify means little."""
    for name in ON_THE_ACCOUNT:
        for step in steps_of(name):
            verifies = any(f" run {name} " in step.get("run", "") for name in ("verify", "watch"))
            assert ("TWILIO_AUTH_TOKEN" in step.get("env", {})) == verifies


def test_of_a_pull_request_nothing_is_run_where_there_are_secrets() -> None:
    """Its YAML files are data; workflow, package and notebooks are main's."""
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "plan.yml")
    assert set(workflow["on"]) == {"pull_request_target"}
    main, proposed = (step for step in steps_of("plan") if "checkout" in step.get("uses", ""))
    assert "ref" not in main["with"]
    assert (proposed["with"]["path"], proposed["with"]["sparse-checkout"]) == ("proposed", "parameters")
    ran = [step["run"] for step in steps_of("plan") if "proposed" in step.get("run", "")]
    assert ran == [".ci/take-parameters proposed/parameters"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_workflow_is_bounded_and_pinned(path: Path) -> None:
    """Actions are pinned by commit hash, as tags can move; a time limit; no credentials left in the checkout."""
    workflow = YAML(typ="safe").load(path)
    assert "write" not in str(workflow["permissions"]) or path.stem == "plan"
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
    lines = [line for line in path.read_text().splitlines() if "uses:" in line]
    assert [
        line for line in lines if not re.search(r"uses: [\w-]+(?:/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)
    ] == []
    for step in steps_of(path.stem):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_pages_leave_the_runner_from_private_repositories_only() -> None:
    """They contain telephone numbers and addresses."""
    uploads = [step for name in ON_THE_ACCOUNT for step in steps_of(name) if "upload-artifact" in step.get("uses", "")]
    assert len(uploads) == 7
    assert all("github.event.repository.private" in step["if"] for step in uploads)


def test_prod_is_changed_by_hand_alone_with_a_fingerprint_in_a_protected_environment() -> None:
    """A merge applies to stage, and then only plans prod."""
    content = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "apply.yml")
    prod, stage, planned = (content["jobs"][name] for name in ("prod", "stage", "plan-prod"))
    assert (prod["if"], prod["environment"]) == ("github.event_name == 'workflow_dispatch'", "prod")
    assert content["on"]["workflow_dispatch"]["inputs"]["fingerprint"]["required"] is True
    assert stage["if"] == "github.event_name == 'push'"
    assert "prod.yaml" not in str(stage)
    assert (planned["needs"], planned["environment"]) == ("stage", "plan")
    assert [step["run"].count('--consent ""') for step in planned["steps"] if "--with" in step.get("run", "")] == [1]


@pytest.mark.parametrize("name", ["plan", "report", "verify", "watch"])
def test_what_only_looks_gives_no_consent(name: str) -> None:
    """Read-only workflows make no changes; where the runbook could, none of a file is taken either."""
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
    assert text.count("--consent") == text.count('--consent ""') == (2 if name == "plan" else 0)


def test_proposed_parameters_are_taken_as_they_are_and_a_link_is_refused(tmp_path: Path) -> None:
    """A symbolic link's target, such as secrets of the process, would be quoted in an error message."""
    for folder in (".ci", "parameters", "proposed"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / ".ci" / "take-parameters", tmp_path / ".ci")
    (tmp_path / "parameters" / "gone.yaml").touch()
    (tmp_path / "proposed" / "network.yaml").write_text("new")
    (tmp_path / "proposed" / "other.sh").write_text("exit 1")
    take = [str(tmp_path / ".ci" / "take-parameters"), "proposed"]
    subprocess.run(take, cwd=tmp_path, check=True)
    assert {path.name: path.read_text() for path in (tmp_path / "parameters").iterdir()} == {"network.yaml": "new"}
    (tmp_path / "proposed" / "clients.yaml").symlink_to("/proc/self/environ")
    done = subprocess.run(take, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "clients.yaml of the proposed parameters/ is not a plain file: commit the file itself\n",
    )
    assert not (tmp_path / "parameters" / "clients.yaml").exists()


def test_the_ci_script_is_a_program_that_runs_every_check() -> None:
    """`.ci/run` ends in `make test`."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text().rstrip().endswith("make --no-print-directory test")
    subprocess.run(["bash", "-n", script], check=True)


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The output of make in a folder with only the files that set-up reads."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
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
    """One line, before any file is created."""
    done = make(tmp_path, "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "There is no no-such-python here. Install Python 3.11 or newer" in done.stderr


def test_setting_up_with_an_old_python_says_how_to_name_another(tmp_path: Path) -> None:
    """3.10 is rejected by its version."""
    script = 'case "$1" in -V) echo Python 3.10.12;; *) exit 1;; esac'
    done = make(tmp_path, python_that(tmp_path, script))
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "is Python 3.10.12" in done.stderr


def test_setting_up_on_a_debian_without_venv_says_what_to_install(tmp_path: Path) -> None:
    """Without ensurepip and pip: the error names the package, and no partial environment is left."""
    script = 'case "$*" in *ensurepip*|*pip*) exit 1;; *) exit 0;; esac'
    done = make(tmp_path, python_that(tmp_path, script))
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()
