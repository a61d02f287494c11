"""new-network: its questions, its errors, and that the network it writes can be deployed."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialtone_nb.__main__ import main
from dialtone_nb.cli.network_texts import NewNetwork, network_texts
from dialtone_nb.cli.new_network import next_steps
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import DialEmergency, DialPstn, DialTrunk, OutgoingCall, Refuse
from dialtone_nb.parameters import FILES, OPTIONAL_FILES, EmergencyAddress, Parameters, load_parameters
from dialtone_nb.parameters.yaml_files import YamlFile
from dialtone_nb.phones.sheets import proofs_for
from dialtone_nb.phones.what_if import usual_strings

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "parameters" / "sample"
ADDRESS = "Fern Laundry; 12 Fern Street, rear; Portland; OR; 97211; US"
ANSWERS = {
    "--name": "Fernphones",
    "--domain-prefix": "fern-gate",
    "--environments": "lab live",
    "--phone": "kiosk",
    "--number": "+1 (503) 555-1234",
    "--address": ADDRESS,
}
Capture = pytest.CaptureFixture[str]


def command(**changes: str | None) -> list[str]:
    """The command line with these flags changed, or left out if None."""
    flags = ANSWERS | {f"--{name.replace('_', '-')}": text for name, text in changes.items()}
    return ["new-network", *(part for flag, text in flags.items() if text is not None for part in (flag, text))]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project without a network, as the working directory, without a terminal."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(ROOT / "parameters" / "sample", folder / "parameters" / "sample")
    for name in ("stage", "prod", "rehearsal"):
        shutil.copy(ROOT / "parameters" / f"{name}.yaml", folder / "parameters")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DIALTONE_PARAMETERS")
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "state.db"))
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        yield folder


def contents(project: Path) -> dict[str, str]:
    """Every file in parameters/, with its content."""
    return {path.name: path.read_text() for path in sorted((project / "parameters").glob("*.yaml"))}


def test_flags_alone_write_a_network_that_loads(project: Path) -> None:
    """Each answer is in its place, each environment has a file, and the comments are the sample's."""
    assert main(command()) == 0
    parameters = load_parameters(project / "parameters")
    assert parameters.network.service.name == "Fernphones"
    assert {name: one.protected for name, one in parameters.network.environments.items()} == {
        "lab": False,
        "live": True,
    }
    assert parameters.sip_domain_of("kiosk") == "fern-gate-lab.sip.twilio.com"
    assert parameters.clients["kiosk"].caller_id == "+15035551234"
    address = parameters.clients["kiosk"].emergency_address
    assert address is not None
    assert (address.customer_name, address.street, address.country) == ("Fern Laundry", "12 Fern Street, rear", "US")
    written = contents(project)
    assert written["lab.yaml"] == "account: twilio\nenvironment: lab\n"
    assert "# its own name is consent enough" in written["network.yaml"]
    assert "# Patterns are Asterisk's, always in quotes" in written["dialplan.yaml"]
    everything = "".join(written[name] for name in FILES)
    for name in ("dialtone-example", "workbench", "lobby", "clinic", "+15035550190", "America/New"):
        assert name not in re.sub(r"(?m)#.*", "", everything)


def test_what_it_says_to_do_next_works_as_it_stands(project: Path, capsys: Capture) -> None:
    """The printed commands deploy it and set the phone up on the rehearsal."""
    assert main(command(number="none", address="none")) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert all(" -m dialtone_nb " in line for line in lines)
    assert lines[0].endswith("run deploy --consent rehearsal")
    for line in lines[:2]:
        assert main(line.partition(" -m dialtone_nb ")[2].split()) == 0, capsys.readouterr()


def test_the_shipped_file_of_an_environment_is_kept(project: Path, capsys: Capture) -> None:
    """stage.yaml and prod.yaml already have the content that would be written."""
    assert main(command(environments="stage prod")) == 0
    written = capsys.readouterr().out.splitlines()[0]
    assert written == f"Written: {', '.join(f'parameters/{name}' for name in (*FILES, *OPTIONAL_FILES))}"


@pytest.mark.parametrize("there", ["network.yaml", "dialplan.yaml", "accepted.yaml", "live.yaml"])
def test_nothing_is_overwritten_and_nothing_else_written(project: Path, there: str, capsys: Capture) -> None:
    """One line names the existing file."""
    (project / "parameters" / there).write_text("# mine\n")
    before = contents(project)
    assert main(command()) == 5
    assert contents(project) == before
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"parameters/{there}: is there already, and nothing was written")


def test_all_that_is_there_is_named_in_one_line(project: Path, capsys: Capture) -> None:
    """A dangling symbolic link counts as existing."""
    (project / "parameters" / "network.yaml").write_text("")
    (project / "parameters" / "clients.yaml").symlink_to("nowhere.yaml")
    assert main(command()) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("parameters/network.yaml and parameters/clients.yaml: are there already")


def test_where_a_file_can_not_be_written_none_stays(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """If the disk fills up midway, the files from before are left."""
    before = contents(project)
    opened = Path.open

    def full(path: Path, mode: str = "r", **options: Any) -> Any:
        if path.name == "accepted.yaml" and mode == "x":
            raise OSError(28, "No space left on device")
        return opened(path, mode, **options)

    monkeypatch.setattr(Path, "open", full)
    assert main(command()) == 5
    assert contents(project) == before
    assert "No space left on device" in capsys.readouterr().err


def test_without_a_terminal_every_missing_answer_is_named_by_its_flag(project: Path, capsys: Capture) -> None:
    """All of them are named together, without waiting for input."""
    before = contents(project)
    assert main(["new-network", "--name", "Fernphones"]) == 5
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [flag for flag in ANSWERS if flag != "--name"]
    assert all("there is no terminal to ask at" in line for line in lines)
    assert contents(project) == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "a b"}, "--name: must be letters, digits and -, 50 at most, not 'a b'"),
        ({"name": ""}, "--name: must be letters, digits and -, 50 at most, not ''"),
        ({"domain_prefix": "Fern"}, "--domain-prefix: must be small letters, digits and -, 2 to 32, a letter first"),
        ({"environments": "lab lab"}, "--environments: names an environment twice; give each its own name"),
        ({"environments": "lab Live"}, "--environments: must be small letters and digits, a letter first, 16 at most"),
        ({"environments": ""}, "--environments: must be small letters and digits"),
        ({"environments": "rehearsal"}, "--environments: 'rehearsal' has a meaning of its own here"),
        ({"environments": "lab, network"}, "--environments: 'network' has a meaning of its own here"),
        ({"phone": "Front Desk"}, "--phone: must be small letters, digits, - and _, 32 at most"),
        ({"number": "5035551234"}, "--number: must be E.164, not '5035551234'; write a plus sign"),
        ({"number": "+99935551234"}, "--number: is a number of no country"),
        ({"address": "12 Fern Street"}, "--address: must be none, or customer_name; street; city; region"),
        ({"address": "A; B; C; OR; 97211; FR"}, "--address country: must be a known one, not 'FR'"),
        ({"address": "A; ; C; OR; 97211; US"}, "--address street: is empty"),
        ({"country": "UK"}, "--country: there is no country 'UK'"),
    ],
)
def test_a_wrong_answer_is_one_line_with_its_flag(
    project: Path, changes: dict[str, str], told: str, capsys: Capture
) -> None:
    """It is bad input, and no file is written."""
    before = contents(project)
    assert main(command(**changes)) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(told), line
    assert contents(project) == before


def test_at_a_terminal_it_asks_and_asks_again(project: Path) -> None:
    """It does not ask for what flags give; it repeats a question after a wrong answer; Enter takes the default."""
    answers = ["", "Fernphones", "", "lab", "Front Desk", "kiosk", "", ""]
    ours, theirs = pty.openpty()
    os.write(ours, "".join(f"{answer}\n" for answer in answers[1:]).encode())
    done = subprocess.run(
        [sys.executable, "-m", "dialtone_nb", "new-network"],
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert "such as front-desk: --phone: must be small letters" in done.stdout
    parameters = load_parameters(project / "parameters")
    assert list(parameters.network.environments) == ["lab"]
    assert parameters.network.sip_domain_prefix == "fernphones"
    assert parameters.clients["kiosk"].emergency_address is None


def network_of(country: str, number: str = "", address: EmergencyAddress | None = None) -> NewNetwork:
    """A network whose first phone is in this country."""
    return NewNetwork("Fernphones", "fern-gate", ("lab",), "kiosk", number, address, country)


def loaded(folder: Path, network: NewNetwork) -> Parameters:
    """The network loaded from its files."""
    for name, text in network_texts(network).items():
        (folder / name).write_text(text)
    return load_parameters(folder)


@pytest.mark.parametrize(
    "country", ["US", "CA", "JM", "PR", "GB", "FR", "IT", "ES", "AU", "BR", "JP", "RU", "SG", "TA"]
)
def test_wherever_the_phone_is_its_network_compiles_and_it_can_call_home(tmp_path: Path, country: str) -> None:
    """A phone without a number gets a possible one, different from the number that it calls."""
    parameters = loaded(tmp_path, network_of(country))
    table = compile_table(parameters)
    strings = usual_strings(parameters, table, "kiosk")
    for kind in (DialPstn, DialTrunk, Refuse):
        domain = parameters.sip_domain_of("kiosk")
        decision = decide(table, OutgoingCall("lab", "kiosk", f"sip:{strings[kind].replace('#', '%23')}@{domain}"))
        assert isinstance(decision, kind), (country, strings[kind], decision)
        assert not isinstance(decision, DialPstn) or decision.number != parameters.clients["kiosk"].caller_id


def test_a_phone_in_britain_dials_112_for_help(tmp_path: Path) -> None:
    """Not 911, which does not exist there."""
    address = EmergencyAddress(
        customer_name="Fern", street="1 Fern Row", city="London", region="LND", postal_code="N1 1AA", country="GB"
    )
    parameters = loaded(tmp_path, network_of("GB", "+442079460018", address))
    domain = parameters.sip_domain_of("kiosk")
    table = compile_table(parameters)
    assert isinstance(decide(table, OutgoingCall("lab", "kiosk", f"sip:112@{domain}")), DialEmergency)
    assert not isinstance(decide(table, OutgoingCall("lab", "kiosk", f"sip:911@{domain}")), DialEmergency)
    assert parameters.network.time_zone == "Europe/London"
    # Twilio documents its test line in North America alone.
    for is_rehearsed in (False, True):
        proofs = proofs_for(parameters, "kiosk", see_registered="…", is_rehearsed=is_rehearsed)
        assert "reads its address back" not in [proof.name for proof in proofs]


@pytest.mark.parametrize(
    ("country", "dialled", "then"),
    [
        ("GB", "+44 (0)20 7946 0143", "+442079460143"),
        ("GB", "0044 20 7946 0143", "+442079460143"),
        ("GB", "+44 118 118", "not-a-number"),  # a directory at nine pounds, behind the country that a softphone adds
        ("GB", "+44 (0)909 879 0000", "special-rate"),
        ("FR", "+33 (0)1 40 00 00 01", "+33140000001"),
        ("FR", "+33 118 218", "not-a-number"),
        ("FR", "15", "near-emergency"),
        ("FR", "18", "near-emergency"),
        ("HU", "+36 (06) 1 234 5679", "+3612345679"),
        ("IT", "+39 06 1234 5679", "+390612345679"),  # the 0 is the number's own
        ("IT", "118", "near-emergency"),
        ("MX", "066", "near-emergency"),
    ],
)
def test_what_people_dial_at_home_is_understood(tmp_path: Path, country: str, dialled: str, then: str) -> None:
    """The 0 in brackets is left out, a number has its country's length, and each emergency number gets its message."""
    parameters = loaded(tmp_path, network_of(country))
    call = OutgoingCall("lab", "kiosk", f"sip:{dialled}@{parameters.sip_domain_of('kiosk')}")
    decision = decide(compile_table(parameters), call)
    assert (decision.number if isinstance(decision, DialPstn) else getattr(decision, "reason", "")) == then


@pytest.mark.parametrize(("country", "says_so"), [("US", True), ("GB", True), ("DE", False), ("AU", False)])
def test_a_phone_that_can_call_for_help_without_an_address_is_not_told_otherwise(country: str, says_so: bool) -> None:
    """Twilio registers addresses in some countries, and connects emergency calls without one in others."""
    assert ("can't call for help" in network_texts(network_of(country))["clients.yaml"]) == says_so


def test_the_sample_dial_plan_is_kept_but_for_what_is_the_samples_own(tmp_path: Path) -> None:
    """Rules with fictional numbers are removed; all other rules and lines stay in their order."""
    mine = network_texts(network_of("US"))["dialplan.yaml"]
    (tmp_path / "parameters").mkdir()
    rules = loaded(tmp_path / "parameters", network_of("US")).dialplan.rules
    theirs = load_parameters(SAMPLE).dialplan.rules
    assert rules == tuple(rule for rule in theirs if not re.search("55501..$", rule.number or ""))
    assert len(rules) < len(theirs)
    sample = (SAMPLE / "dialplan.yaml").read_text()
    assert mine.partition("rules:\n")[0] == sample.partition("rules:\n")[0]
    assert mine.partition("\n\n#")[2] == sample.partition("\n\n#")[2]


def comments(text: str) -> list[str]:
    """Every comment of a file, in order."""
    return re.findall(r"(?m)(?:^|  )#.*", text)


@pytest.mark.parametrize("name", [*FILES, *OPTIONAL_FILES])
def test_the_templates_say_what_the_sample_says(name: str, tmp_path: Path) -> None:
    """With the sample's answers they equal its files; phones are compared by values and comments."""
    sample = load_parameters(SAMPLE)
    answers = NewNetwork("dialtone", "dialtone-example", ("stage", "prod"), "garden", "+15035550101", None, "US")
    texts, kept = network_texts(answers, sample.clients), (SAMPLE / name).read_text()
    if name != "clients.yaml":
        assert texts[name] == kept
        return
    assert comments(texts[name]) == comments(kept)
    for file in FILES:
        (tmp_path / file).write_text(texts[file])
    assert load_parameters(tmp_path).clients == sample.clients


def test_names_that_yaml_takes_for_something_else_stay_names(tmp_path: Path) -> None:
    """2600, null and true are read as text."""
    network = NewNetwork("2600", "true", ("null", "true"), "1e5", "", None, "US")
    parameters = loaded(tmp_path, network)
    assert (parameters.network.service.name, parameters.network.sip_domain_prefix) == ("2600", "true")
    assert parameters.clients["1e5"].environment == "null"
    assert YamlFile(tmp_path / "null.yaml").content["environment"] == "null"


@pytest.mark.parametrize("name", ["on", "off", "yes", "no", "null", "stage"])
def test_papermill_reads_an_environments_name_as_text_too(name: str) -> None:
    """Its -f takes YAML 1.1, in which on is true."""
    file = network_texts(NewNetwork("fern", "fern", (name,), "kiosk", "", None, "US"))[f"{name}.yaml"]
    assert yaml.safe_load(file) == {"account": "twilio", "environment": name}


@pytest.mark.parametrize(("country", "digits"), [("US", "503"), ("CA", "604"), ("JP", "813"), ("DE", "493")])
def test_a_number_is_looked_for_where_the_network_is(country: str, digits: str) -> None:
    """By the area code of its country, or by how numbers there begin."""
    steps = list(next_steps(NewNetwork("fern", "fern", ("stage", "prod"), "kiosk", "", None, country)))
    assert steps[-1].endswith(f" -r find_numbers {digits}")
