"""Wrong input by people: one line a fault, with its place and its repair, exit code 5, and no changes.

The cases are tables in cases/, which people who do not write Python can extend: each line is a test.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

import dialtone_nb
from dialtone_nb.__main__ import main
from dialtone_nb.calls.load import load_runbook_calls
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.errors import DialtoneError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook, check_run
from dialtone_nb.runbooks.steps.parameters_cell import Given, read_source
from dialtone_nb.verify.accepted import load_acceptances

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"
BAD_INPUT = 5


def table(name: str) -> dict[str, Any]:
    """Read one table of cases."""
    read: dict[str, Any] = yaml.load((CASES / f"{name}.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return read


def cases(*names: str) -> list[Any]:
    """All cases of these tables, named by their situation, each with the columns that its table sets for all."""
    found = []
    for name in names:
        read = table(name)
        found += [
            pytest.param({**{key: read[key] for key in read if key != "cases"}, **case}, id=f"{name}: {case['what']}")
            for case in read["cases"]
        ]
    return found


@dataclass
class Project:
    """A project folder and its files."""

    folder: Path

    def fingerprint(self) -> Mapping[str, str]:
        """Every file with a hash of its content."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_file() and ".rehearsal" not in path.parts
        }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The sample as the operator's own network, with the runbooks, in the working directory; no credentials are set."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "parameters" / "sample", folder / "parameters")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    (folder / "README.md").write_text("# A network\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DIALTONE_PARAMETERS")
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(folder / ".rehearsal" / "state.db"))
    yield Project(folder)


def scrubbed(lines: list[str]) -> list[str]:
    """The lines without line numbers in files, which change with the sample, and without the project's path."""
    return [re.sub(r"(\.yaml):\d+", r"\1", line).replace(f"{Path.cwd()}/", "") for line in lines]


def refused(project: Project, do: Callable[[], object]) -> list[str]:
    """The lines of the error, which must be bad input and leave every file as it was."""
    before = project.fingerprint()
    with pytest.raises(DialtoneError) as caught:
        do()
    assert caught.value.exit_code == BAD_INPUT, caught.value
    assert project.fingerprint() == before
    return caught.value.lines()


@pytest.mark.parametrize("case", cases("network", "clients", "dialplan", "accepted"))
def test_a_wrong_line_in_a_parameter_file(project: Project, case: dict[str, Any]) -> None:
    """Each fault is reported with file, line and key."""
    file = project.folder / "parameters" / case["file"]
    sample = file.read_text(encoding="utf-8")
    assert case["change"] in sample
    file.write_text(sample.replace(case["change"], case["to"], 1), encoding="utf-8")

    def load() -> None:
        load_acceptances(file.parent)
        compile_table(load_parameters(file.parent))

    assert scrubbed(refused(project, load)) == case["says"]


@pytest.mark.parametrize("case", cases("command_line"))
def test_a_wrong_command_line(
    project: Project, case: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is rejected before a kernel starts, with an empty stdout and no file written."""
    for name, value in case.get("variables", {}).items():
        monkeypatch.setenv(name, value)
    for name, content in case.get("files", {}).items():
        Path(name).write_text(content)
    before = project.fingerprint()
    assert main(case["arguments"]) == BAD_INPUT
    said = capsys.readouterr()
    assert said.out == ""
    assert project.fingerprint() == before
    assert scrubbed(said.err.splitlines()) == case["says"]


CALLS: Mapping[str, Callable[[Runbook], object]] = {
    "load": load_runbook_calls,
    "read": lambda runbook: load_runbook_calls(runbook).frame,
    "count": lambda runbook: load_runbook_calls(runbook).tally(),
    "ask": lambda runbook: dialtone_nb.ask_what_if(runbook, str(runbook.parameters.client), "911"),
}


@pytest.mark.parametrize("case", cases("runbooks", "archives"))
def test_a_wrong_value_in_a_runbook(project: Project, case: dict[str, Any]) -> None:
    """The cell that checks it, or reads the files that it names, rejects it; Twilio gets no write request."""
    for name, content in case.get("files", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    source = read_source(project.folder, case["runbook"])
    given = {name: Given(value, f"parameter {name}") for name, value in case["given"].items()}

    def work() -> None:
        values, declared = check_run(source, given, project.folder / "parameters")
        runbook = Runbook(source, ParameterValues(values), declared, project.folder)
        call = CALLS.get(case["calls"]) or getattr(dialtone_nb, case["calls"])
        call(runbook)

    assert scrubbed(refused(project, work)) == case["says"]


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal with an empty account, for all requests to it."""
    with start_rehearsal(tmp_path_factory.mktemp("requests") / "state.db") as running:
        yield running


@pytest.mark.parametrize("case", cases("http"))
def test_a_wrong_request_to_the_rehearsal(rehearsal: Rehearsal, case: dict[str, Any]) -> None:
    """Each gets an error in Twilio's format whose message names the fault; the account does not change."""
    method, _, address = case["ask"].partition(" ")
    host, slash, path = address.partition("/")
    headers = {"Host": host.encode()}
    auth: tuple[str, str] | None = (rehearsal.account_sid, rehearsal.auth_token)
    if said := case.get("authorization"):
        headers, auth = headers | {"Authorization": said.encode()}, None
    if host == "rehearsal.localhost" and "body" in case:
        headers |= {"Content-Type": case.get("type", "application/json").encode()}
    before = contents_of(rehearsal)
    answer = requests.request(
        method,
        rehearsal.url + slash + path.replace("{account}", rehearsal.account_sid).replace("{nines}", "9" * 5000),
        data=case.get("form") or str(case.get("body", "")).encode() or None,
        json=case.get("json"),
        headers=headers,
        auth=auth,
        timeout=20,
    )
    assert contents_of(rehearsal) == before
    told = answer.json()
    message = told["message"].replace(rehearsal.account_sid, "{account}")
    assert (answer.status_code, told["status"], message) == (case["status"], case["status"], case["says"])
    assert "\n" not in message


def contents_of(rehearsal: Rehearsal) -> list[str]:
    """A dump of the rehearsed account's database."""
    connection = sqlite3.connect(rehearsal.served.store.path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_there_are_enough_cases() -> None:
    """The tables have enough cases, none twice, each with its expected output."""
    everything = [case for path in sorted(CASES.glob("*.yaml")) for case in table(path.stem)["cases"]]
    assert all(case["says"] for case in everything)
    assert len(everything) >= 150
