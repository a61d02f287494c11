"""The parameter files: valid ones become models, and all faults are reported together, each with its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dialtone_nb.errors import ParametersError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.parameters.yaml_files import YamlFile

SAMPLE = Path(__file__).resolve().parents[2] / "parameters" / "sample"
Change = Callable[..., list[str]]


@pytest.fixture
def faults(tmp_path: Path) -> Change:
    """A function that replaces text in copies of the sample's files, and returns the lines of the error."""
    folder = tmp_path / "parameters"
    shutil.copytree(SAMPLE, folder)

    def change(*replacements: tuple[str, str, str]) -> list[str]:
        for name, old, new in replacements:
            file = folder / name
            text = file.read_text(encoding="utf-8")
            assert old in text
            file.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ParametersError) as caught:
            load_parameters(folder)
        return caught.value.lines()

    return change


def test_the_sample_network_has_two_environments_and_eight_phones() -> None:
    """The files in git are valid, with a protected prod and only fictional numbers."""
    parameters = load_parameters(SAMPLE)
    assert {name: one.protected for name, one in parameters.network.environments.items()} == {
        "stage": False,
        "prod": True,
    }
    assert len(parameters.clients) == 8
    assert all(client.caller_id.startswith("+150355501") for client in parameters.clients.values())


def test_a_phone_registers_where_its_emergency_address_lets_it() -> None:
    """A phone with an address uses the domain with emergency calling, another the plain one."""
    parameters = load_parameters(SAMPLE)
    assert parameters.sip_domain_of("lobby") == "dialtone-example-prod.sip.twilio.com"
    assert parameters.sip_domain_of("ferry") == "dialtone-example-nonemergency-prod.sip.twilio.com"


CASES = {
    "an unknown setting": (
        "clients.yaml",
        'caller_id: "+15035550101"',
        'caler_id: "+15035550101"',
        ":9 workbench.caler_id: there is no setting 'caler_id' here; did you mean 'caller_id'?",
    ),
    "a number without quotes": ("clients.yaml", '"+15035550101"', "+15035550101", 'put it in quotes: "+15035550101"'),
    "a number that is not E.164": ("clients.yaml", '"+15035550101"', '"5035550101"', "must be E.164"),
    "a number of no country": ("clients.yaml", '"+15035550101"', '"+99935550101"', "is a number of no country"),
    "a pattern that is read as a number": (
        "dialplan.yaml",
        'pattern: "011."',
        "pattern: 011.",
        'must be text, not 011.; put it in quotes: "011."',
    ),
    "a pattern that is read as a comment": (
        "dialplan.yaml",
        'pattern: "#"',
        "pattern: #",
        "is empty; write it, in quotes where it begins with a #",
    ),
    "an edge that Twilio has not": ("network.yaml", "# edge: umatilla", "edge: umatila #", "did you mean 'umatilla'?"),
    "an address that is none": (
        "network.yaml",
        '"http://192.0.2.20:8023"',
        '"192.0.2.20"',
        "is not an address of a web",
    ),
    "a postal code without quotes": ("clients.yaml", '"97205"', "97205", "postal_code"),
    "an undeclared environment": (
        "clients.yaml",
        "environment: stage",
        "environment: stagee",
        "'stagee' is not declared in network.yaml; did you mean 'stage'?",
    ),
    "an unknown trunk context": ("clients.yaml", "trunk_context: menu", "trunk_context: menus", "did you mean 'menu'?"),
    "a number twice": ("clients.yaml", "+15035550102", "+15035550101", "is the caller ID of workbench already"),
    "an unknown device": ("clients.yaml", "device: linphone", "device: fax", "device"),
    "a limit that is too long": (
        "clients.yaml",
        "call_time_limit_s: 600",
        "call_time_limit_s: 99999",
        "call_time_limit_s",
    ),
    "a name that is too long": ("clients.yaml", "workbench:", "w" * 33 + ":", "w" * 33),
    "a name in capitals": ("clients.yaml", "workbench:", "Workbench:", "Workbench"),
    "a country without emergency addresses": ("clients.yaml", "country: US", "country: FR", "country"),
    "an old runtime": ("network.yaml", "runtime: node22", "runtime: node16", "node20"),
    "an environment with a taken name": (
        "network.yaml",
        "  stage:",
        "  rehearsal:",
        "'rehearsal' has a meaning of its own",
    ),
    "an environment's name that is no suffix": ("network.yaml", "  stage:", "  stage-one:", "stage-one"),
    "a prefix that makes names too long": ("network.yaml", "dialtone-example ", "d" * 60 + " ", "sip_domain_prefix"),
    "a trunk without a scheme": ("network.yaml", '"sip:{context}', '"{context}', "is not a SIP URI"),
    "an unknown placeholder": ("network.yaml", "sip:{context}", "sip:{contxt}", "did you mean 'context'?"),
    "a key twice": (
        "network.yaml",
        "call_time_limit_s: 3600",
        "call_time_limit_s: 3600\ncall_time_limit_s: 60",
        "is not YAML",
    ),
    "no YAML at all": ("network.yaml", "service:", "service: [", "is not YAML"),
    "a missing setting": ("network.yaml", "credential_list:", "# credential_list:", "credential_list: is missing"),
    "yes for true": ("network.yaml", "protected: true", "protected: yes", "protected"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_one_line_with_file_and_place(case: str, faults: Change) -> None:
    """Each fault is reported in one line with the file."""
    name, old, new, told = CASES[case]
    lines = faults((name, old, new))
    assert any(told in line for line in lines), lines
    assert all(line.startswith("parameters/") for line in lines)
    assert any(line.startswith(f"parameters/{name}") for line in lines)


def test_all_faults_of_all_files_come_at_once(faults: Change) -> None:
    """A faulty phone does not hide another's undeclared environment or another file's fault."""
    lines = faults(
        ("clients.yaml", '"+15035550101"', '"5035550101"'),
        ("clients.yaml", "environment: prod", "environment: prd"),
        ("network.yaml", "{context}", "{contxt}"),
        ("dialplan.yaml", "\nallowed_countries:", "\nalowed_countries:"),
    )
    for told in ("workbench.caller_id", "lobby.environment", "trunk", "alowed_countries"):
        assert sum(told in line for line in lines) >= 1, (told, lines)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error for a folder without the files names each of them."""
    with pytest.raises(ParametersError) as caught:
        load_parameters(tmp_path)
    assert [line.split(":")[0].rsplit("/", 1)[-1] for line in caught.value.lines()] == [
        "network.yaml",
        "dialplan.yaml",
        "clients.yaml",
    ]


PHONE = '{environment: stage, caller_id: "+15035550120", trunk_context: menu}'


@pytest.mark.parametrize(
    "name", ["0405", "2e1", "1e5", "null", "true", "yes", "2025-01-31", "2025-02-30", "0o17", "1_000", "100", '"0405"']
)
def test_a_phones_name_is_text_exactly_as_it_is_written(tmp_path: Path, name: str) -> None:
    """A name that YAML would read as a number, a date or null stays text, quoted or not."""
    shutil.copytree(SAMPLE, tmp_path / "parameters")
    (tmp_path / "parameters" / "clients.yaml").write_text(f"{name}: {PHONE}\n")
    assert list(load_parameters(tmp_path / "parameters").clients) == [name.strip('"')]


def test_a_name_that_is_an_anchor_leaves_the_value_it_names_as_it_was(tmp_path: Path) -> None:
    """An alias may be a value in one place and a name in another."""
    file = tmp_path / "file.yaml"
    file.write_text("limit: &limit 600\n*limit : {limit: *limit}\n")
    content = YamlFile(file).content
    assert content == {"limit": 600, "600": {"limit": 600}}


def test_settings_that_phones_share_stand_once_and_are_merged_in(tmp_path: Path) -> None:
    """`.shared` holds anchors and is no phone; a phone's own settings override them."""
    shutil.copytree(SAMPLE, tmp_path / "parameters")
    (tmp_path / "parameters" / "clients.yaml").write_text(
        """
.shared:
  hall: &hall {customer_name: Hall, street: 1 Alder Street, city: Salem, region: OR, postal_code: "97301", country: US}
  phone: &phone {environment: stage, trunk_context: menu, call_time_limit_s: 600}

porch:
  <<: *phone
  caller_id: "+15035550120"
  emergency_address: {<<: *hall, street: 242 Alder Street}
attic:
  <<: *phone
  caller_id: "+15035550121"
  emergency_address: *hall
"""
    )
    clients = load_parameters(tmp_path / "parameters").clients
    assert list(clients) == ["porch", "attic"]
    addresses = [client.emergency_address for client in clients.values()]
    assert [address.street for address in addresses if address] == ["242 Alder Street", "1 Alder Street"]
    assert [client.call_time_limit_s for client in clients.values()] == [600, 600]


@pytest.mark.parametrize(
    ("name", "line", "written"),
    [
        ("network.yaml", "environments:\n  ~: {protected: false}", "~"),
        ("accepted.yaml", "[alert, 11200]: {}", "[alert, 11200]"),
    ],
)
def test_what_is_no_name_is_none_in_any_file(tmp_path: Path, name: str, line: str, written: str) -> None:
    """The fault has file, line and the text in the file."""
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / name).write_text(f"# A file\n{line}\n")
    at = 1 + len(line.splitlines())
    with pytest.raises(ParametersError) as caught:
        YamlFile(tmp_path / "parameters" / name)
    (told,) = caught.value.lines()
    assert told.startswith(f"parameters/{name}:{at}: the key {written!r} is ")


def test_the_sample_is_named_with_its_folder(tmp_path: Path) -> None:
    """Its path distinguishes it from the operator's file of the same name."""
    (tmp_path / "parameters" / "sample").mkdir(parents=True)
    (tmp_path / "parameters" / "sample" / "network.yaml").write_text("a: b\na: c\n")
    with pytest.raises(ParametersError, match=r"^parameters/sample/network.yaml:2: "):
        YamlFile(tmp_path / "parameters" / "sample" / "network.yaml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hall: &hall\n  <<: *hall\n  city: Portland\n", 2),
        ("hall: &hall\n  city: Portland\n  kitchen:\n    <<: *hall\n", 4),
        ("other: &other {city: Portland}\nhall: &hall\n  <<: [*other, *hall]\n", 3),
        ("rules: &rules\n  - {<<: *rules}\n", 2),
    ],
)
def test_an_anchor_that_is_merged_into_itself_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    """As an entry that was copied is, and its anchor not renamed; the parser itself fails on it."""
    (tmp_path / "clients.yaml").write_text(text)
    with pytest.raises(ParametersError) as caught:
        YamlFile(tmp_path / "clients.yaml")
    (told,) = caught.value.lines()
    problem = "is not YAML: an anchor is merged into itself; merge another, or take the line with << out"
    assert told.endswith(f"/clients.yaml:{line}: {problem}")


def test_an_anchor_may_be_merged_twice_and_beside_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "clients.yaml"
    file.write_text(
        "hall: &hall {city: Portland}\na: &a {<<: *hall, b: {<<: *hall}}\nc: [{<<: *a}, {<<: [*hall, *a]}]\n"
    )
    content = YamlFile(file).content
    assert (content["a"]["b"]["city"], content["c"][1]["city"]) == ("Portland", "Portland")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("lobby: {}\n".encode("utf-16"), "is not UTF-8; save it as UTF-8"),
        ("lobbé: {}\n".encode("latin-1"), "is not UTF-8; save it as UTF-8"),
        (b"x: " + b"[" * 2000 + b"]" * 2000, "is nested too deeply; write it as the sample does"),
    ],
)
def test_a_file_that_no_reader_can_take_is_told_in_a_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "clients.yaml").write_bytes(content)
    with pytest.raises(ParametersError, match=told) as caught:
        YamlFile(tmp_path / "clients.yaml")
    assert len(caught.value.lines()) == 1
