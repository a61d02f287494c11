"""Canaries: secrets that every runbook works with are in nothing that it leaves, whether it went well or not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dialtone_nb.account import open_account
from dialtone_nb.finding_secrets import Secret, files_in, find_secrets, known_secrets
from dialtone_nb.fresh_account import fresh_account
from dialtone_nb.main_job import CONSENT, STEPS, Done, Step, run_steps

from .conftest import ROOT

CANARIES = {
    "TRUNK_PASSWORD": "canary-of-the-trunk/5f2c",
    "TWILIO_AUTH_TOKEN": "canary0of0the0token0c0ffee00000000",
    "TWILIO_API_SECRET": "canary0of0the0key0c0ffee0000000000",
}
# What the main job does not do: refused consents, wrong values, a plan that can't be made, a rotated password, a look.
FAILING = (
    Step("wrong consent", "deploy", {"environment": "stage", "consent": "plan-00000000"}, goes_on=(0, 3)),
    Step("not owned", "client_setup", {"environment": "stage", "client": "van"}, goes_on=(5,)),
    Step("unknown build", "promote", {"environment": "prod", "build": "ZB" + "0" * 32}, goes_on=(1, 5)),
    Step("still in use", "delete", {"environment": "stage", "what": "service"}, goes_on=(5,)),
    Step("no such day", "call_report", {"since": "someday"}, goes_on=(5,)),
)
MORE = (
    Step("rotate", "client_setup", {"environment": "prod", "client": "lobby", "action": "rotate", **CONSENT}),
    Step("monitor", "monitor", {"environment": "prod"}),
    Step("archive", "call_report", {"source": "twilio", "archive": "kept"}),
)


@dataclass(frozen=True)
class Left:
    """A project after all runbooks ran in it: what was run, what is known to be secret, and the rehearsal's state."""

    project: Path
    done: list[Done]
    secrets: list[Secret]
    passwords: list[Secret]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """The main job, with canaries for secrets, and with runs in between that fail."""
    project = tmp_path_factory.mktemp("canaries") / "project"
    for name in ("parameters", "notebooks"):
        shutil.copytree(ROOT / name, project / name)
    reports = project / "reports" / "rehearsal"
    with pytest.MonkeyPatch.context() as patch, fresh_account(project / ".rehearsal"):
        patch.chdir(project)
        for name, value in CANARIES.items():
            patch.setenv(name, value)
        told: list[str] = []
        done = run_steps(project, (*STEPS[:-2], *MORE), reports, tell=told.append)
        for number, step in enumerate(FAILING):
            done += run_steps(project, (step,), reports / f"failing-{number}", tell=told.append)
        passwords = known_secrets(project, {})
        done += run_steps(project, STEPS[-2:], reports / "last", tell=told.append)
        (reports / "terminal.txt").write_text("\n".join(told))
        token = Secret("the rehearsal's auth token", open_account("rehearsal", project).credentials.auth_token)
        known = [*known_secrets(project, CANARIES), *passwords, token]
        yield Left(project, done, known, passwords)


def test_all_of_it_ran_as_it_was_meant_to(left: Left) -> None:
    """Each step ended with one of its exit codes, so the canaries were there to sing."""
    wrong = [f"{one.step.title}: {one.outcome}" for one in left.done if one.outcome.exit_code not in one.step.goes_on]
    assert wrong == []
    assert {one.outcome.exit_code for one in left.done} >= {0, 3, 5}
    assert len(left.passwords) == 2
    assert {secret.name for secret in left.secrets} > set(CANARIES)


def test_no_page_notebook_record_or_archive_holds_a_secret(left: Left) -> None:
    """Executed notebooks (sources, outputs, metadata, plotly's JSON), HTML, plans, records, Parquet, what was told."""
    files = [file for file in files_in(left.project) if ".rehearsal" not in file.relative_to(left.project).parts]
    kinds = {file.suffix for file in files}
    assert kinds >= {".ipynb", ".html", ".jsonl", ".parquet", ".txt", ".yaml"}
    assert [str(one) for one in find_secrets(files, left.secrets)] == []


def test_errors_and_tracebacks_hold_none(left: Left) -> None:
    """What stopped the failing runs is told in lines that are fit to be shown."""
    told = json.dumps([[*one.outcome.error, one.outcome.summary] for one in left.done])
    assert all(secret.value not in told for secret in left.secrets)


def test_the_rehearsal_keeps_sip_passwords_only_as_hashes(left: Left) -> None:
    """Its state file, with everything that SQLite has not tidied up, has none of the phones' passwords."""
    state = [file for file in files_in(left.project / ".rehearsal") if file.name.startswith("state.db")]
    assert state
    assert [str(one) for one in find_secrets(state, left.passwords)] == []
