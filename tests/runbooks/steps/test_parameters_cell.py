"""Declarations in a parameters cell, and the values that they accept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone_nb.cli.arguments import build_parser, read_given
from dialtone_nb.errors import ParametersError
from dialtone_nb.runbooks.steps.parameters_cell import (
    Given,
    RunbookSource,
    check_environments,
    check_given,
    fill_in,
    read_assignments,
    read_source,
)
from tests.runbooks.conftest import ROOT, Write


@pytest.fixture
def source(project: Path, write_runbook: Write) -> RunbookSource:
    """A small runbook with a parameter of each type."""
    write_runbook("small")
    return read_source(project, "small")


def faults_of(source: RunbookSource, **values: object) -> list[str]:
    """The error messages for these values."""
    given = {name: Given(value, f"parameter {name}") for name, value in values.items()}
    return [str(fault) for fault in check_given(source, given)[1]]


def test_a_tagged_cell_gives_name_type_default_and_help(source: RunbookSource) -> None:
    """Each line of the parameters cell is a parameter; its trailing comment is the help."""
    days = source.declared[3]
    assert (days.name, days.type, days.default, days.help) == ("days", int, 7, "how many days back")
    assert source.names == ["account", "environment", "consent", "days", "share", "loud"]
    assert source.title == "Small runbook"


def test_our_runbooks_declare_parameters_with_a_help_each() -> None:
    """Every runbook in notebooks/ has a title, and all its parameters have a help."""
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        source = read_source(ROOT, path.stem)
        assert source.title != source.name
        assert [one.name for one in source.declared if not one.help] == []


@pytest.mark.parametrize(
    "line",
    [
        "days = 7",
        "days: int = 3 + 4",
        "days: dict = {}",
        "days: list = [7]",
        'days: list = "7"',
        'days: int = "7"',
        "import os",
    ],
)
def test_a_tagged_cell_holds_typed_literals_alone(project: Path, write_runbook: Write, line: str) -> None:
    """A line that papermill can't read as name, type and default is rejected with its number."""
    write_runbook("odd", parameters=line)
    with pytest.raises(ParametersError, match=r"notebooks/odd\.ipynb parameters cell: declares no parameter"):
        read_source(project, "odd")


def test_an_unknown_runbook_is_refused_with_the_nearest_one(project: Path, write_runbook: Write) -> None:
    """The error for a misspelt runbook suggests a name."""
    write_runbook("promote")
    with pytest.raises(ParametersError, match=r"there is no notebooks/promot\.ipynb; did you mean 'promote'"):
        read_source(project, "promot")


def test_a_file_that_is_no_notebook_is_refused(project: Path) -> None:
    """The error is one line, without a traceback."""
    (project / "notebooks" / "broken.ipynb").write_text("{")
    with pytest.raises(ParametersError, match=r"notebooks/broken\.ipynb: is not a notebook"):
        read_source(project, "broken")


def test_values_of_the_declared_types_are_taken_and_the_rest_keeps_its_defaults(source: RunbookSource) -> None:
    """An int is accepted as a float; other parameters keep their defaults."""
    values, faults = check_given(source, {"share": Given(1, "here"), "account": Given("twilio", "here")})
    assert faults == []
    assert values == {
        "account": "twilio",
        "environment": "stage",
        "consent": "",
        "days": 7,
        "share": 1.0,
        "loud": False,
    }


def test_all_faults_are_told_at_once(source: RunbookSource) -> None:
    """An unknown name, two wrong types and an unknown account are four faults."""
    assert faults_of(source, enviroment="stage", consent=123456, days="7", account="twillio") == [
        "parameter enviroment: small has no parameter 'enviroment'; did you mean 'environment'?",
        "parameter account: there is no account 'twillio'; did you mean 'twilio'?",
        "parameter consent: 123456 is not text; put it in quotes, or pass it with -r consent VALUE",
        "parameter days: '7' is not a whole number; write it without quotes, like 7",
    ]


@pytest.mark.parametrize("value", [float("inf"), 15035550123, True, None])
def test_what_papermill_guessed_from_a_text_is_refused_with_the_hint_to_quote(
    source: RunbookSource, value: object
) -> None:
    """12e45678 arrives as infinity and +15035550123 as a number: the error says to quote them."""
    assert "put it in quotes, or pass it with -r consent VALUE" in faults_of(source, consent=value)[0]


@pytest.fixture
def listed(project: Path, write_runbook: Write) -> RunbookSource:
    """A runbook with a list."""
    write_runbook("listed", parameters='dialled: list = ["911", "#"]  # what it dials')
    return read_source(project, "listed")


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (["503 555 0190", "911"], ["503 555 0190", "911"]),
        ([], []),
        ("503 555 0190", ["503 555 0190"]),
        ('["503 555 0190", "911"]', ["503 555 0190", "911"]),
        ("['#']", ["#"]),
        ("[911", ["[911"]),
    ],
)
def test_a_list_is_given_whole_as_text_or_by_one_entry(listed: RunbookSource, given: object, held: list[str]) -> None:
    """papermill's -p and -r can pass only text."""
    assert check_given(listed, {"dialled": Given(given, "here")}) == ({"dialled": held}, [])


@pytest.mark.parametrize(
    ("given", "odd"),
    [(911, "911"), ([911, "0"], "911"), (["0", True], "True"), ("[911]", "911"), (None, "an empty line")],
)
def test_an_entry_of_a_list_that_lost_its_quotes_is_named(listed: RunbookSource, given: object, odd: str) -> None:
    """+15035550123 arrives as a number without its plus."""
    repair = "put each in quotes, like ['911', '#'], or pass one with -r dialled VALUE"
    assert faults_of(listed, dialled=given) == [f"parameter dialled: {odd} is not text in a list; {repair}"]


def test_true_is_no_number(source: RunbookSource) -> None:
    """A bool is accepted neither as int nor as float."""
    assert len(faults_of(source, days=True, share=False)) == 2


def test_an_environment_must_be_declared_and_may_be_empty_only_where_the_default_is(
    project: Path, write_runbook: Write, source: RunbookSource
) -> None:
    """`environment` and every `…_environment` must be declared in network.yaml."""
    write_runbook("wide", parameters='environment: str = ""  # all\nfrom_environment: str = "stage"  # source')
    wide = read_source(project, "wide")
    known = ["stage", "prod"]
    assert check_environments(wide, {"environment": "", "from_environment": "prod"}, {}, known) == []
    (fault,) = check_environments(wide, {"environment": "", "from_environment": "prd"}, {}, known)
    assert str(fault).endswith("the environment 'prd' is not declared in network.yaml; did you mean 'prod'?")
    assert len(check_environments(source, {"environment": ""}, {}, known)) == 1


@pytest.mark.parametrize(
    ("cell", "assigned"),
    [
        ("# Parameters\na = 'x'\nb: int = -3\n", {"a": "x", "b": -3}),
        ('# Parameters\nconsent = float("inf")\n', {"consent": float("inf")}),
        ("a = 1\nprint(a)", None),
        ("a = open", None),
        ("%matplotlib inline", None),
        ("", {}),
    ],
)
def test_a_cell_of_parameters_assigns_literals_and_does_nothing_else(
    cell: str, assigned: dict[str, object] | None
) -> None:
    """Only a cell of literal assignments is read as parameters."""
    assert read_assignments(cell) == assigned


@given(st.text())
def test_reading_assignments_never_fails(cell: str) -> None:
    """Any text of a cell is read as assignments or not at all."""
    assert read_assignments(cell) is None or isinstance(read_assignments(cell), dict)


LEFT_EMPTY = """\
first: str = ""  # not an environment: empty for the whole
environment: str = ""  # which one; empty for {environment}
client: str = ""  # the phone; empty for the first of the environment
"""


@pytest.mark.parametrize(
    ("meaning", "given", "filled"),
    [
        ("the first of network.yaml", {}, ("lab", "desk")),
        ("the first of network.yaml", {"environment": "live"}, ("live", "porch")),
        ("the second of network.yaml", {}, ("live", "porch")),
        ("the phone's own, or the first that has a phone", {}, ("lab", "desk")),
        ("the phone's own, or the first that has a phone", {"client": "attic"}, ("live", "attic")),
        ("the phone's own, or the first that has a phone", {"client": "nobody"}, ("lab", "nobody")),
        ("all", {}, ("", "desk")),
    ],
)
def test_what_is_left_empty_is_what_its_help_says(
    project: Path, write_runbook: Write, meaning: str, given: dict[str, str], filled: tuple[str, str]
) -> None:
    """Runbooks name nothing of any network, and an empty default means the first that fits."""
    write_runbook("left", parameters=LEFT_EMPTY.format(environment=meaning))
    source = read_source(project, "left")
    phones = {"desk": "lab", "porch": "live", "attic": "live"}
    values = {"first": "", "environment": "", "client": "", **given}
    found, faults = fill_in(source, values, {}, ["lab", "live"], phones)
    assert (found["environment"], found["client"]) == filled
    assert found["first"] == ""
    assert faults == []


@pytest.mark.parametrize(
    ("meaning", "environments", "told"),
    [
        (
            "the second of network.yaml",
            ["lab"],
            "parameter environment of left: is empty, and network.yaml declares no second environment beside lab",
        ),
        (
            "the first of network.yaml",
            ["trial", "lab"],
            "parameter client of left: is empty, and trial has no phone in clients.yaml",
        ),
    ],
)
def test_where_nothing_fits_the_parameter_is_named(
    project: Path, write_runbook: Write, meaning: str, environments: list[str], told: str
) -> None:
    """One line, before any other cell."""
    write_runbook("left", parameters=LEFT_EMPTY.format(environment=meaning))
    values = {"first": "", "environment": "", "client": ""}
    _, faults = fill_in(read_source(project, "left"), values, {}, environments, {"desk": "lab"})
    assert [f"{fault.place}: {fault.problem}" for fault in faults] == [told]


def test_no_runbook_but_the_walkthrough_names_anything_of_the_sample() -> None:
    """Other runbooks' defaults work in any network."""
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        source = read_source(ROOT, path.stem)
        named = [one.name for one in source.declared if str(one.default) in ("stage", "prod", "workbench", "van")]
        assert bool(named) == source.on_sample == (path.stem == "walkthrough"), named


@pytest.mark.parametrize(
    ("arguments", "held"),
    [
        (["-r", "dialled", "503 555 0190", "-r", "dialled", "911"], ["503 555 0190", "911"]),
        (["-p", "dialled", "911"], ["911"]),
        (["-p", "dialled", '["911", "#"]', "-r", "dialled", "0"], ["911", "#", "0"]),
        (["--with", "given.yaml", "-r", "dialled", "0"], ["0"]),
        (["--with", "given.yaml"], ["503 555 0190", "+1911"]),
    ],
)
def test_a_list_on_the_command_line(
    listed: RunbookSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], held: list[str]
) -> None:
    """An option for each entry; together they replace a file's value."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given.yaml").write_text('dialled: [503 555 0190, "+1911"]\n')
    given = read_given(listed, build_parser().parse_args(["run", "listed", *arguments]))
    assert check_given(listed, given) == ({"dialled": held}, [])
