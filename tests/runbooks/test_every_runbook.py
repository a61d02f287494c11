"""Every runbook in an operator's own network: each works, shows nothing of the sample, and no secret leaves.

Known secrets, which every runbook works with, are in none of its outputs, whether it succeeds or fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from dialtone_nb.account.account import CONTROL, open_account
from dialtone_nb.cli.find_secrets import Secret, files_in, find_secrets, known_secrets
from dialtone_nb.cli.fresh_account import fresh_account
from dialtone_nb.cli.rehearse import CONSENT, Done, JobStep, main_job, run_steps
from dialtone_nb.cli.running.kernels import private_sockets
from dialtone_nb.parameters import load_parameters
from dialtone_nb.runbooks.steps.opening import parameters_folder
from tests.runbooks.conftest import ROOT
from tests.runbooks.own_network import CLIENTS, NETWORK, OWN, project_with

CANARIES = {
    "TRUNK_PASSWORD": "canary-of-the-trunk/5f2c",
    "TWILIO_AUTH_TOKEN": "canary0of0the0token0c0ffee00000000",
    "TWILIO_API_SECRET": "canary0of0the0key0c0ffee0000000000",
    "SPEND_ALARM_URL": "https://hooks.example.org/spend?key=canary-of-the-alarm",
}
# With these the canaries are used: requests to Twilio end at a proxy that is not there.
AROUND = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_API_KEY": "SK" + "0" * 32,
    "HTTPS_PROXY": "http://127.0.0.1:9",
}
# The own network with what makes use of the canaries, and two phones more, which the main job leaves alone.
FILES = OWN | {
    "network.yaml": NETWORK.replace("trunk: {", "trunk: {username: ferngate, ")
    + "spend_alarms: {daily: 20, monthly: 200}\n",
    "clients.yaml": CLIENTS
    + 'shed: {environment: live, caller_id: "+442079460131", trunk_context: desk}\n'
    + 'mill: {environment: live, caller_id: "+442079460132", trunk_context: desk}\n',
}
IN_LIVE = {"environment": "live"}
# Calls are told with the TwiML that the service answered, which holds the trunk's password where the trunk was dialled.
TRUNK_CALL = {"client": "0405", "dial": "*1"}
# What the main job does not do: the other runbooks, new passwords, an archive.
MORE = (
    JobStep("explore", "explore", {"dialled": ["*1", "0", "911"]}),
    JobStep("monitor", "monitor", IN_LIVE),
    JobStep("phones", "phones", IN_LIVE, goes_on=(0, 2)),
    JobStep("troubleshoot", "troubleshoot", IN_LIVE, goes_on=(0, 2)),
    JobStep("watch", "watch", IN_LIVE, goes_on=(0, 2)),
    JobStep("probe", "probe", CONSENT),
    JobStep("rotate", "client_setup", {**IN_LIVE, "client": "0405", "action": "rotate", **CONSENT}),
    JobStep("a key", "protect", {"keys": "monitor", **CONSENT}),
    JobStep("next phone", "rotate", {**IN_LIVE, "secret": "phone", "client": "porch", **CONSENT}),
    *(
        JobStep(f"next {secret}", "rotate", {**IN_LIVE, "secret": secret, **CONSENT})
        for secret in ("auth token", "trunk")
    ),
    JobStep("archive", "call_report", {"source": "twilio", "archive": "kept"}),
)
# Refused consents, wrong values, a plan that can't be made, nobody to ask.
FAILING = (
    JobStep("wrong consent", "deploy", {"environment": "lab", "consent": "plan-00000000"}, goes_on=(0, 3)),
    JobStep("not owned", "client_setup", {**IN_LIVE, "client": "mill"}, goes_on=(5,)),
    JobStep("unknown build", "promote", {**IN_LIVE, "build": "ZB" + "0" * 32}, goes_on=(1, 5)),
    JobStep("still in use", "delete", {"environment": "lab", "what": "service"}, goes_on=(5,)),
    JobStep("nobody there", "deploy", {"account": "twilio", "environment": "lab"}, goes_on=(1,)),
    JobStep("no such day", "call_report", {"since": "someday"}, goes_on=(5,)),
)


# What somebody in JupyterLab runs and agrees to, who then saves the notebook with its widgets.
ATTENDED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("deploy", {}),
    ("client_setup", {"client": "shed", "buy_number": "+442079460131"}),
    ("explore", {"environment": "live", "client": "0405"}),
)
AGREED = """
box = _
box._answer.value = "rehearsal"
box._button.click()
box.wait()
assert box.outcome.exit_code == 0, box.outcome.summary
"""


@dataclass(frozen=True)
class Left:
    """A project after all runbooks ran: the runs, the known secrets, and the rehearsal's state."""

    project: Path
    done: list[Done]
    secrets: list[Secret]
    passwords: list[Secret]

    def step(self, title: str) -> Done:
        """The run of the step with this title."""
        (found,) = (one for one in self.done if one.step.title == title)
        return found


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """The main job with known secrets, all other runbooks, and some failing runs."""
    project = project_with(tmp_path_factory.mktemp("canaries") / "project", FILES)
    reports = project / "reports" / "rehearsal"
    with pytest.MonkeyPatch.context() as patch, fresh_account(project / ".rehearsal"):
        patch.chdir(project)
        patch.delenv("DIALTONE_PARAMETERS")
        for name, value in (CANARIES | AROUND).items():
            patch.setenv(name, value)
        steps = main_job(load_parameters(parameters_folder(project)))
        told: list[str] = []
        done = run_steps(project, steps[:-2], reports, tell=told.append)
        account = open_account("rehearsal", project)
        answer = account.transport.send("POST", f"{CONTROL}/calls", json=TRUNK_CALL).json()
        assert CANARIES["TRUNK_PASSWORD"] in json.dumps(answer)
        done += run_steps(project, MORE, reports / "more", tell=told.append)
        with (project / "parameters" / "dialplan.yaml").open("a") as dialplan:
            dialplan.write('- {name: mobile, say: Not from here., prefixes: ["+447"]}\n')
        for number, (runbook, given) in enumerate(ATTENDED):
            attend(project, runbook, given, reports / "attended" / f"{number}-{runbook}.ipynb")
        done += run_steps(project, FAILING, reports / "failing", tell=told.append)
        passwords = known_secrets(project, {})
        done += run_steps(project, steps[-2:], reports / "last", tell=told.append)
        (reports / "terminal.txt").write_text("\n".join(told))
        token = Secret("the rehearsal's auth token", account.credentials.auth_token)
        known = [*known_secrets(project, CANARIES), *passwords, token]
        yield Left(project, done, known, passwords)


def attend(project: Path, runbook: str, given: dict[str, Any], saved: Path) -> None:
    """Save the notebook as a user who consented to its plan in JupyterLab, with its widgets."""
    notebook = nbformat.read(project / "notebooks" / f"{runbook}.ipynb", as_version=4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    for name, value in given.items():
        parameters.source = re.sub(rf'^({name}: str = )"[^"]*"', rf'\1"{value}"', parameters.source, flags=re.M)
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and cell.source.startswith("apply_plan("):
            notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(AGREED))
            break
    with pytest.MonkeyPatch.context() as patch, private_sockets() as sockets:
        patch.setenv("JPY_SESSION_NAME", f"{runbook}.ipynb")
        kernel = AsyncKernelManager(kernel_name="python3", **sockets)
        folder = {"metadata": {"path": str(project / "notebooks")}}
        NotebookClient(notebook, km=kernel, timeout=120, resources=folder).execute(cleanup_kc=True)
    saved.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, saved)


def test_an_own_network_goes_through_every_runbook(left: Left) -> None:
    """From deploy to delete, each ends with one of its exit codes, and no output names anything of the sample."""
    runbooks = {path.stem for path in ROOT.glob("notebooks/*.ipynb")} - {"walkthrough"}
    assert {one.step.runbook for one in left.done} == runbooks
    wrong = [f"{one.step.title}: {one.outcome}" for one in left.done if one.outcome.exit_code not in one.step.goes_on]
    assert wrong == []
    assert len(left.done) == len([*main_job(load_parameters(left.project / "parameters")), *MORE, *FAILING])
    for one in left.done:
        outputs = [cell.get("outputs") for cell in json.loads(one.files.executed.read_text())["cells"]]
        shown = json.dumps(outputs)
        assert [name for name in ("workbench", "lobby", "dialtone-example", "+1503555010") if name in shown] == []


def test_its_calls_are_those_of_its_own_dial_plan(left: Left) -> None:
    """What people of the phone's country dial; the call report names its phones."""
    calls = left.step("place calls")
    assert calls.outcome.summary == "Test calls in live: all 5 went as the dial plan says"
    text = calls.files.executed.read_text()
    assert "0405 dials *1" in text
    assert "0405 dials 0" in text
    assert left.step("report on the calls").outcome.summary.startswith("5 attempts of 2 phones")


def test_what_is_left_empty_is_the_first_that_fits(left: Left) -> None:
    """Explore without environment and phone uses the first environment with a phone, and its first phone."""
    text = left.step("explore").files.executed.read_text()
    assert "live, protected" in text
    assert "the dial plan that is live in live" in text


def test_the_secrets_were_used(left: Left) -> None:
    """By runs that succeeded, and by runs that failed in every way."""
    assert {one.outcome.exit_code for one in left.done} >= {0, 1, 3, 5}
    assert len([one for one in left.passwords if one.name.startswith("the password of")]) == 3
    assert {secret.name for secret in left.secrets} > set(CANARIES)


def test_no_page_notebook_record_or_archive_holds_a_secret(left: Left) -> None:
    """Executed notebooks (sources, outputs, metadata, plotly's JSON), HTML, plans, records, Parquet, messages."""
    files = [file for file in files_in(left.project) if ".rehearsal" not in file.relative_to(left.project).parts]
    kinds = {file.suffix for file in files}
    assert kinds >= {".ipynb", ".html", ".jsonl", ".parquet", ".txt", ".yaml"}
    assert [str(one) for one in find_secrets(files, left.secrets)] == []


def test_saved_widgets_hold_none(left: Left) -> None:
    """The notebooks' metadata has forms and consent boxes, without a secret."""
    saved = list((left.project / "reports" / "rehearsal" / "attended").glob("*.ipynb"))
    assert len(saved) == len(ATTENDED)
    for file in saved:
        notebook = nbformat.read(file, as_version=4)
        widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
        assert len(widgets) > 5
    assert [str(one) for one in find_secrets(saved, left.secrets)] == []


def test_errors_and_tracebacks_hold_none(left: Left) -> None:
    """The errors of failing runs can be shown to anybody."""
    told = json.dumps([[*one.outcome.error, one.outcome.summary] for one in left.done])
    assert all(secret.value not in told for secret in left.secrets)


def test_the_rehearsal_keeps_sip_passwords_only_as_hashes(left: Left) -> None:
    """Its state file, with SQLite's free pages, has no phone's password in clear."""
    state = [file for file in files_in(left.project / ".rehearsal") if file.name.startswith("state.db")]
    assert state
    assert [str(one) for one in find_secrets(state, left.passwords)] == []
