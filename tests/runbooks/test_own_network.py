"""An operator's own network works in every runbook on the rehearsal, and no test or kept notebook uses it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dialtone_nb.__main__ import main
from dialtone_nb.cli.fresh_account import fresh_account
from dialtone_nb.cli.keep_notebooks import keep_notebook
from dialtone_nb.cli.rehearse import CONSENT, Done, JobStep, main_job, rehearse_main_job, run_steps
from dialtone_nb.errors import ParametersError
from dialtone_nb.parameters import FILES, load_parameters
from dialtone_nb.runbooks.steps.opening import check_run, open_runbook, parameters_folder
from dialtone_nb.runbooks.steps.parameters_cell import Given, read_source
from tests.cli.test_keep_notebooks import nbval
from tests.runbooks.conftest import ROOT, Write

SAMPLE = ROOT / "parameters" / "sample"
NETWORK = """\
service: {name: ferngate}
environments: {lab: {protected: false}, live: {protected: true}}
sip_domain_prefix: ferngate
credential_list: ferngate
trunk: {uri: "sip:{context}@pbx.example.org", contexts: [desk]}
"""
CLIENTS = """\
0405: {environment: live, caller_id: "+442079460018", trunk_context: desk}
porch: {environment: live, caller_id: "+15035551234", trunk_context: desk}
"""
DIALPLAN = """\
rules:
- {name: desk, pattern: "*1", trunk: client}
- {name: abroad, pattern: "00.", pstn: "+{dialled:2}"}
- {name: home, pattern: "0.", pstn: "+44{dialled:1}"}
allowed_countries: [GB, GG, IM, JE]
refused_prefixes:
- {name: premium-rate, say: Not from here., prefixes: ["+449"]}
"""
OWN = dict(zip(FILES, (NETWORK, CLIENTS, DIALPLAN), strict=True))


def project_with(folder: Path, files: dict[str, str]) -> Path:
    """A project with our notebooks and the sample, and these files as its own network."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(SAMPLE, folder / "parameters" / "sample")
    for name, text in files.items():
        (folder / "parameters" / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> list[Done]:
    """The results of every runbook in a project with other environments, phones, numbers and rules than the sample's.

    Its first phone's name is an extension that YAML would read as 261; no phone has an emergency address.
    """
    project = project_with(tmp_path_factory.mktemp("own"), OWN)
    with pytest.MonkeyPatch.context() as patch, fresh_account(project / ".rehearsal"):
        patch.delenv("DIALTONE_PARAMETERS")
        patch.chdir(project)
        *steps, delete_lab, delete_live = main_job(load_parameters(parameters_folder(project)))
        looks = (
            JobStep("explore", "explore"),
            JobStep("monitor", "monitor", {"environment": "live"}),
            JobStep("phones", "phones", {"environment": "live"}, goes_on=(0, 2)),
            JobStep("troubleshoot", "troubleshoot", {"environment": "live"}, goes_on=(0, 2)),
            JobStep("watch", "watch", {"environment": "live"}, goes_on=(0, 2)),
            JobStep("probe", "probe", {"consent": "rehearsal"}),
            JobStep("protect", "protect", {"keys": "monitor", "consent": "rehearsal"}),
            JobStep("rotate", "rotate", {"environment": "live", "secret": "phone", "client": "porch", **CONSENT}),
        )
        return run_steps(project, (*steps, *looks, delete_lab, delete_live), project / "out", tell=lambda _: None)


def test_an_own_network_goes_through_every_runbook(done: list[Done]) -> None:
    """From deploy to delete, each succeeds, and no output names anything of the sample."""
    assert {one.step.runbook for one in done} == {path.stem for path in ROOT.glob("notebooks/*.ipynb")} - {
        "walkthrough"
    }
    assert [(one.step.title, one.outcome.error) for one in done if one.outcome.exit_code not in one.step.goes_on] == []
    assert done[-1].step.title == "delete live and the service"
    for one in done:
        outputs = [cell.get("outputs") for cell in json.loads(one.files.executed.read_text())["cells"]]
        shown = json.dumps(outputs)
        assert [name for name in ("workbench", "lobby", "dialtone-example", "+1503555010") if name in shown] == []


def test_its_calls_are_those_of_its_own_dial_plan(done: list[Done]) -> None:
    """What people of the phone's country dial; the call report names its phones."""
    (calls,) = (one for one in done if one.step.runbook == "test_calls")
    assert calls.outcome.summary == "Test calls in live: all 5 went as the dial plan says"
    text = calls.files.executed.read_text()
    assert "0405 dials *1" in text
    assert "0405 dials 0" in text
    (report,) = (one for one in done if one.step.runbook == "call_report")
    assert report.outcome.summary.startswith("5 attempts of 2 phones")


def test_what_is_left_empty_is_the_first_that_fits(done: list[Done]) -> None:
    """Explore without environment and phone uses the first environment with a phone, and its first phone."""
    (explore,) = (one for one in done if one.step.runbook == "explore")
    text = explore.files.executed.read_text()
    assert "live, protected" in text
    assert "the dial plan that is live in live" in text


ONE_ENVIRONMENT = NETWORK.replace("lab: {protected: false}, live: {protected: true}", "live: {protected: false}")
RINGING = """\
hall:
  environment: live
  caller_id: "+442079460121"
  trunk_context: desk
  rings: [hall, office]
  ring: in_turn
  then: {number: "+442079460129"}
office: {environment: live, caller_id: "+442079460122", trunk_context: desk, then: {say: Come by.}}
yard: {environment: live, caller_id: "+442079460123", trunk_context: desk, incoming: false, rings: [hall]}
gate: {environment: live, caller_id: "+442079460123", trunk_context: desk, incoming: false}
"""


def test_phones_that_ring_on_and_share_a_number_go_through_the_runbooks(tmp_path: Path) -> None:
    """Each number is bought once; calls ring in sequence; then verify, report and delete."""
    project = project_with(tmp_path, OWN | {"network.yaml": ONE_ENVIRONMENT, "clients.yaml": RINGING})
    in_live = {"environment": "live"}
    numbers = {"hall": "121", "office": "122", "yard": "123", "gate": ""}
    bought = {name: f"+442079460{end}" if end else "" for name, end in numbers.items()}
    steps = (
        JobStep("deploy", "deploy", {**in_live, **CONSENT}),
        *(
            JobStep(f"set up {name}", "client_setup", {**in_live, "client": name, "buy_number": number, **CONSENT})
            for name, number in bought.items()
        ),
        JobStep("rings in turn", "test_calls", {**in_live, "client": "office", "unregistered_client": "hall"}),
        JobStep("is told", "test_calls", {**in_live, "client": "hall", "unregistered_client": "office"}),
        JobStep("verify", "verify", in_live, goes_on=(0, 2)),
        JobStep("monitor", "monitor", in_live),
        JobStep("report", "call_report", {"source": "twilio"}),
        JobStep(
            "delete", "delete", {**in_live, "what": "service", "release_numbers": " ".join(bought.values()), **CONSENT}
        ),
    )
    with pytest.MonkeyPatch.context() as patch, fresh_account(project / ".rehearsal"):
        patch.delenv("DIALTONE_PARAMETERS")
        patch.chdir(project)
        done = run_steps(project, steps, project / "out", tell=lambda _: None)
    assert [(one.step.title, one.outcome.error) for one in done if one.outcome.exit_code not in one.step.goes_on] == []
    said = {one.step.title: one.outcome.summary for one in done}
    # The second of two that share a number has only its credential to be made.
    assert said["set up gate"].startswith("Set up gate: the one change done")
    assert said["rings in turn"] == said["is told"] == "Test calls in live: all 5 went as the dial plan says"
    assert "2 of 59 checks wrong: countries" in said["verify"], "nothing but the account's dialling permissions"
    assert said["report"].startswith("10 attempts of 2 phones")
    pages = {one.step.title: one.files.executed.read_text() for one in done}
    assert "goes on to +44207946••••, which costs a second leg" in pages["set up hall"]
    assert "of which 1 rang-on (nobody answered at first: it rang on)" in pages["report"]
    assert "nobody answered, and the caller heard what the phone's entry says then" in pages["report"]
    assert said["delete"].startswith("Delete service ferngate: all 17 changes done")


def test_the_main_job_starts_the_servers_of_a_network_that_answers_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server for each environment runs, as numbers and domains get its URL only once it answers."""
    own = f"{NETWORK}hosting: self_hosted\nserver: {{base_urls: {{lab: https://lab.example.org, live: https://live.example.org}}}}\n"
    project = project_with(tmp_path, OWN | {"network.yaml": own})
    monkeypatch.delenv("DIALTONE_PARAMETERS")
    monkeypatch.chdir(project)
    steps = (
        JobStep("deploy lab", "deploy", {"environment": "lab", **CONSENT}),
        JobStep("promote", "promote", {"environment": "live", "source": "lab", **CONSENT}),
    )
    assert rehearse_main_job(project, steps) == 0, capsys.readouterr().out
    for name in ("lab", "live"):
        log = (project / ".rehearsal" / "main-job" / f"server-{name}.log").read_text()
        assert f"{name} serves table" in log


@pytest.mark.parametrize(
    ("environments", "phones", "titles"),
    [
        ("lab", {"one": "lab"}, "deploy lab; verify lab; set up the phone one; place calls; report on the calls"),
        (
            "lab trial live",
            {"one": "lab", "two": "trial", "three": "trial", "four": "trial"},
            (
                "deploy lab; verify lab; promote lab to trial; promote trial to live; set up the phone two; "
                "set up the phone three; place calls; report on the calls; verify live; delete lab; delete trial"
            ),
        ),
        ("lab", {}, "deploy lab; verify lab; report on the calls"),
    ],
    ids=["one of each", "three environments", "no phone"],
)
def test_the_main_job_fits_any_network(tmp_path: Path, environments: str, phones: dict[str, str], titles: str) -> None:
    """It takes the environments in their order, and places test calls in the last with phones."""
    names = environments.split()
    declared = ", ".join(f"{name}: {{protected: false}}" for name in names)
    lines = [
        f'{name}: {{environment: {its}, caller_id: "+1503555012{at}", trunk_context: desk}}'
        for at, (name, its) in enumerate(phones.items())
    ]
    old = "lab: {protected: false}, live: {protected: true}"
    files = {**OWN, "network.yaml": NETWORK.replace(old, declared), "clients.yaml": "\n".join(lines) or "{}"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    steps = main_job(load_parameters(tmp_path))
    assert "; ".join(step.title for step in steps) == f"{titles}; delete {names[-1]} and the service"
    released = [step.parameters.get("release_numbers") for step in steps if step.runbook == "delete"]
    bought = [step.parameters["buy_number"] for step in steps if step.runbook == "client_setup"]
    assert " ".join(filter(None, map(str, released))) == " ".join(map(str, bought))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without an own network, as the working directory."""
    folder = project_with(tmp_path / "project", {})
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DIALTONE_PARAMETERS")
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "state.db"))
    return folder


def test_without_an_own_network_a_rehearsal_takes_the_sample_and_says_so(project: Path) -> None:
    """In text and on the page; with an own network there is no such message."""
    assert parameters_folder(project) == project / "parameters" / "sample"
    for page in open_runbook("deploy")._repr_mimebundle_().values():
        assert "the sample in parameters/sample" in page
    for name, text in OWN.items():
        (project / "parameters" / name).write_text(text)
    opened = open_runbook("deploy")
    assert opened.environment == "lab"
    for page in opened._repr_mimebundle_().values():
        assert "sample" not in page


def test_a_real_account_refuses_the_sample_before_anything_is_asked(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the repair, with or without credentials; also if the sample is named explicitly."""
    told = (
        "parameters/stage.yaml:1 account: is 'twilio', and the sample network in parameters/sample/ is for rehearsals"
    )
    (project / "parameters" / "stage.yaml").write_text("account: twilio\nenvironment: stage\n")
    for named in ("", "parameters/sample"):
        monkeypatch.setenv("DIALTONE_PARAMETERS", named)
        assert main(["run", "deploy", "--with", "parameters/stage.yaml"]) == 5
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(told)
        assert "new-network" in line
    assert not (project / "reports").exists()


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (
            ("network.yaml",),
            "parameters/clients.yaml and dialplan.yaml: are missing, and network.yaml is there; ",
        ),
        (
            ("network.yaml", "clients.yaml"),
            "parameters/dialplan.yaml: is missing, and network.yaml and clients.yaml are there; ",
        ),
        (
            ("accepted.yaml",),
            "parameters/network.yaml and clients.yaml and dialplan.yaml: are missing, and accepted.yaml is there; ",
        ),
    ],
)
def test_half_a_network_is_one_clear_line(
    project: Path, there: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands and notebooks report an incomplete network, and do not fall back to the sample."""
    for name in there:
        shutil.copy(SAMPLE / name, project / "parameters")
    for command in (["run", "deploy"], ["rehearse"], ["hand-over", "workbench", "--rehearsal"]):
        assert main(command) == 5
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(told), line
    with pytest.raises(ParametersError):
        open_runbook("deploy")


def test_the_walkthrough_is_about_the_sample_whatever_network_there_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its prose and parameters name the sample's phones, so that it ignores other folders."""
    for name, text in OWN.items():
        (project / "parameters" / name).write_text(text)
    monkeypatch.setenv("DIALTONE_PARAMETERS", "parameters")
    opened = open_runbook("walkthrough")
    assert opened.declared.is_sample
    assert (opened.environment, opened.parameters.client) == ("stage", "workbench")
    source = read_source(project, "walkthrough")
    with pytest.raises(ParametersError, match="for your own network use the other runbooks"):
        check_run(source, {"account": Given("twilio", "-p account")}, parameters_folder(project, source))


RULE = '  - name: laundry\n    pattern: "*77"\n    refuse: The laundry has no telephone.\n'


def test_a_rule_in_an_own_dial_plan_changes_no_test_and_no_kept_notebook(
    project: Path, write_runbook: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a copy of the checkout: runs use the rule; nbval and tests still use the sample."""
    for old in (project / "notebooks").glob("*.ipynb"):
        old.unlink()
    path = write_runbook("rules", "len(runbook.declared.dialplan.rules), runbook.declared.is_sample")
    keep_notebook(project, "rules")
    kept = path.read_bytes()
    for name in FILES:
        shutil.copy(SAMPLE / name, project / "parameters")
    dialplan = project / "parameters" / "dialplan.yaml"
    dialplan.write_text(dialplan.read_text().replace("rules:\n", f"rules:\n{RULE}"))
    monkeypatch.setenv("DIALTONE_PARAMETERS", "parameters")

    assert main(["run", "rules", "--output", "out"]) == 0, capsys.readouterr()
    count = len(load_parameters(SAMPLE).dialplan.rules)
    assert f"({count + 1}, False)" in (project / "out" / "rules.ipynb").read_text()

    validated = nbval(project)
    assert "3 passed" in validated.stdout, validated.stdout
    keep_notebook(project, "rules")
    assert path.read_bytes() == kept

    for name in ("dialplan", "parameters"):
        shutil.copytree(ROOT / "tests" / name, project / "tests" / name)
    for name in ("__init__.py", "conftest.py"):
        shutil.copy(ROOT / "tests" / name, project / "tests")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/parameters/test_parameters.py"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    tested = subprocess.run(
        [*command, "tests/dialplan/test_compile.py"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
