"""An operator's own network works on the rehearsal whatever it declares, and no test or kept notebook uses it.

tests/runbooks/test_every_runbook.py runs every runbook on one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dialtone_nb.__main__ import main
from dialtone_nb.account.account import open_account
from dialtone_nb.cli.fresh_account import fresh_account
from dialtone_nb.cli.keep_notebooks import keep_notebook
from dialtone_nb.cli.rehearse import CONSENT, JobStep, main_job, rehearse_main_job, run_steps
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.display.plans import plan_text
from dialtone_nb.errors import ParametersError
from dialtone_nb.infrastructure.apply_phases import apply_proposal
from dialtone_nb.infrastructure.site import Proposal, Site, make_bundle
from dialtone_nb.parameters import FILES, load_parameters
from dialtone_nb.runbooks.client_setup import propose_client
from dialtone_nb.runbooks.delete import propose_delete
from dialtone_nb.runbooks.deploy import propose_deploy
from dialtone_nb.runbooks.steps.opening import check_run, open_runbook, parameters_folder
from dialtone_nb.runbooks.steps.parameters_cell import Given, read_source
from dialtone_nb.runbooks.test_calls import place_calls
from dialtone_nb.runbooks.verify import verify_site
from tests.cli.test_keep_notebooks import nbval
from tests.runbooks.conftest import ROOT, Write
from tests.runbooks.own_network import NETWORK, OWN, SAMPLE, project_with

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


def test_phones_that_ring_on_and_share_a_number_go_through_the_runbooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each number is bought once; calls ring in sequence; then verify, report and delete.

    Where a runbook's page is of no interest, its function is called, for the sake of time.
    """
    project = project_with(tmp_path, OWN | {"network.yaml": ONE_ENVIRONMENT, "clients.yaml": RINGING})
    monkeypatch.delenv("DIALTONE_PARAMETERS")
    monkeypatch.chdir(project)
    parameters = load_parameters(parameters_folder(project))
    numbers = {"hall": "121", "office": "122", "yard": "123", "gate": ""}
    bought = {name: f"+442079460{end}" if end else "" for name, end in numbers.items()}
    looks = (
        JobStep("monitor", "monitor", {"environment": "live"}),
        JobStep("report", "call_report", {"source": "twilio"}),
    )

    def apply(proposal: Proposal) -> str:
        return apply_proposal(proposal, "rehearsal", runbook="test", reports=project / "reports").summary

    with fresh_account(project / ".rehearsal"):
        account = open_account("rehearsal", project)
        site = Site(account, parameters, "live", make_bundle(parameters, compile_table(parameters)), project)
        assert apply(propose_deploy(site)).endswith("changes done, the check found nothing left to do")
        hall = propose_client(site, "hall", buy=bought["hall"])
        assert "goes on to +44207946••••, which costs a second leg" in plan_text(hall.plan)
        set_up = [apply(hall)] + [apply(propose_client(site, name, buy=bought[name])) for name in list(bought)[1:]]
        assert all("changes done, the check" in one for one in set_up[:-1])
        # The second of two that share a number has only its credential to be made.
        assert set_up[-1].startswith("Set up gate: the one change done")
        for client, unregistered in (("office", "hall"), ("hall", "office")):
            calls = place_calls(account, parameters, "live", client=client, unregistered=unregistered)
            assert calls.summary == "Test calls in live: all 5 went as the dial plan says"
        verified = verify_site(site).summary
        assert "2 of 59 checks wrong: countries" in verified, "nothing but the account's dialling permissions"
        monitor, report = run_steps(project, looks, project / "out", tell=lambda _: None)
        deleted = apply(propose_delete(site, "service", release=[number for number in bought.values() if number]))
    assert (monitor.outcome.exit_code, monitor.outcome.error) == (0, ())
    assert report.outcome.summary.startswith("10 attempts of 2 phones")
    page = report.files.executed.read_text()
    assert "of which 1 rang-on (nobody answered at first: it rang on)" in page
    assert "nobody answered, and the caller heard what the phone's entry says then" in page
    assert deleted.startswith("Delete service ferngate: all 17 changes done")


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
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
