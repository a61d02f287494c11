"""The opening call: how it finds parameters, which it rejects, and its banner."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import SimpleNamespace

import pytest

import dialtone_nb
from dialtone_nb import runbooks
from dialtone_nb.display.banner import Banner
from dialtone_nb.errors import ParametersError
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook, find_project, open_runbook
from dialtone_nb.runbooks.steps.parameters_cell import read_source, runbook_names
from tests.runbooks.conftest import ROOT, Write

TAGGED = 'account: str = "rehearsal"\nenvironment: str = "stage"\nconsent: str = ""'
Session = Callable[..., SimpleNamespace]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """Stands in for IPython's shell: its history, and the namespace after its cells."""

    def start(*cells: str, history: bool = True, **variables: object) -> SimpleNamespace:
        namespace: dict[str, object] = {"In": ["", *cells] if history else [""]}
        for cell in cells:
            exec(cell, namespace)
        del namespace["__builtins__"]
        namespace |= variables
        formatter = SimpleNamespace(for_type_by_name=lambda *_: None, for_type=lambda *_: None)
        shell = SimpleNamespace(
            user_ns=namespace,
            user_ns_hidden={"In": None},
            display_formatter=SimpleNamespace(
                ipython_display_formatter=formatter, mimebundle_formatter=formatter, format=lambda *_: ({}, {})
            ),
            showtraceback=lambda *_: None,
            kernel=SimpleNamespace(_allow_stdin=False),
        )
        monkeypatch.setattr("dialtone_nb.runbooks.steps.opening._shell", lambda: shell)
        return shell

    return start


@pytest.fixture(autouse=True)
def small(write_runbook: Write) -> None:
    """A small runbook in the project."""
    write_runbook("small")


def refusals(name: str = "small") -> list[str]:
    """The errors of the opening call."""
    with pytest.raises(ParametersError) as caught:
        open_runbook(name)
    return caught.value.lines()


def test_the_injected_cell_is_what_papermill_gives(session: Session) -> None:
    """Values that papermill injects after the parameters cell are used."""
    session(TAGGED, '# Parameters\nenvironment = "prod"\ndays = 3\n')
    runbook = open_runbook("small")
    assert (runbook.parameters.environment, runbook.parameters.days, runbook.environment) == ("prod", 3, "prod")
    assert runbook.is_protected


def test_a_stranger_that_papermill_injects_is_refused(session: Session) -> None:
    """papermill only warns; the runbook's error suggests the parameter that was meant."""
    session(TAGGED, '# Parameters\nenviroment = "prod"\n')
    assert refusals() == [
        "parameter enviroment of small: small has no parameter 'enviroment'; did you mean 'environment'?"
    ]


def test_a_corrected_cell_that_runs_again_is_taken(session: Session) -> None:
    """In JupyterLab a misspelt name stays defined after its cell is corrected, but is ignored."""
    session(TAGGED + '\nconsnet = "stage"', TAGGED.replace('""', '"stage"'), consnet="stage")
    assert open_runbook("small").parameters.consent == "stage"


def test_variables_after_the_opening_are_no_parameters(session: Session) -> None:
    """Later variables of the operator are ignored, and opening again uses changed parameters."""
    shell = session(TAGGED)
    opened = open_runbook("small")
    session(TAGGED, "answer = 42", 'environment = "prod"', runbook=opened, answer=42)
    assert open_runbook("small").environment == "prod"
    assert shell.user_ns["environment"] == "stage"


def test_where_no_history_is_kept_plain_literals_of_the_session_are_looked_at(session: Session) -> None:
    """As in nbval."""
    session(TAGGED, 'enviroment = "prod"', history=False)
    assert "did you mean 'environment'?" in refusals()[0]


def test_faults_of_parameters_and_of_files_come_together(
    session: Session, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in a parameter file is reported with its place, together with a wrong parameter."""
    other = project / "elsewhere"
    (project / "parameters").rename(other)
    monkeypatch.setenv("DIALTONE_PARAMETERS", "elsewhere")
    network = other / "network.yaml"
    network.write_text(network.read_text().replace("ring_timeout_s: 30", "ring_timeout_s: soon"))
    (project / "parameters").mkdir()
    session(TAGGED, "# Parameters\ndays = '3'\n")
    places = [line.split(": ")[0] for line in refusals()]
    assert places[0] == "parameter days of small"
    assert places[1].startswith("elsewhere/network.yaml:")


def test_an_undeclared_environment_is_refused(session: Session) -> None:
    """The error says that environments are declared in network.yaml."""
    session(TAGGED, '# Parameters\nenvironment = "produ"\n')
    assert refusals() == [
        "parameter environment of small: the environment 'produ' is not declared in network.yaml; did you mean 'prod'?"
    ]


def test_a_rehearsal_can_never_be_mistaken_for_twilio(session: Session) -> None:
    """The banner says which account it is, in text and HTML, with all changed parameters."""
    session(TAGGED, "# Parameters\ndays = 3\n")
    shown = open_runbook("small")._repr_mimebundle_()
    for page in shown.values():
        assert "REHEARSAL — not Twilio" in page
        assert "days = 3" in page
        assert "not protected" in page
    session(TAGGED, '# Parameters\naccount = "twilio"\nenvironment = "prod"\n')
    shown = open_runbook("small")._repr_mimebundle_()
    for page in shown.values():
        assert "REHEARSAL" not in page
        assert "PROTECTED" in page


def test_the_banner_escapes_what_it_is_given(session: Session) -> None:
    """A parameter can't put markup into the page."""
    session(TAGGED, '# Parameters\nconsent = "<script>"\n')
    assert "<script>" not in open_runbook("small")._repr_mimebundle_()["text/html"]


def test_parameters_are_read_only_attributes_and_keys(session: Session) -> None:
    """A misspelt attribute is an error, and no cell can change checked values."""
    session(TAGGED)
    parameters = open_runbook("small").parameters
    assert parameters["environment"] == parameters.environment == "stage"
    assert list(parameters) == ["account", "environment", "consent", "days", "share", "loud"]
    with pytest.raises(AttributeError, match="declares no parameter 'enviroment'"):
        _ = parameters.enviroment
    with pytest.raises(AttributeError):
        parameters.environment = "prod"  # type: ignore[attr-defined]


@dataclass(frozen=True)
class CountParameters:
    """The parameters of a made-up step."""

    days: int = 1
    phones: list[str] = field(default_factory=list)


def test_a_step_has_its_parameters_typed_and_its_own_defaults() -> None:
    """A step gets the runbook's parameters that it declares, and its own defaults for others."""
    parameters = ParameterValues({"environment": "stage", "days": 7})
    assert parameters.read(CountParameters) == CountParameters(days=7)
    assert ParameterValues({"phones": ["van"]}).read(CountParameters) == CountParameters(1, ["van"])


@pytest.mark.parametrize(
    ("name", "value", "kind"), [("days", "7", "int"), ("phones", "van", "list"), ("days", True, "int")]
)
def test_a_runbook_that_declares_another_type_than_a_step_takes_is_told_so(name: str, value: str, kind: str) -> None:
    """The error has the parameter, its declared type, and the step's."""
    with pytest.raises(ParametersError) as caught:
        ParameterValues({name: value}).read(CountParameters)
    (line,) = caught.value.lines()
    assert line == f"parameter {name}: is declared as {type(value).__name__}; declare it as {kind}"


def test_our_runbooks_declare_the_types_that_their_steps_take() -> None:
    """Every notebook's parameters have the types of the steps that use them."""
    steps = [
        kind
        for one in walk_packages(runbooks.__path__, f"{runbooks.__name__}.")
        for name, kind in vars(import_module(one.name)).items()
        if name.endswith("Parameters") and getattr(kind, "__module__", "") == one.name
    ]
    assert len(steps) >= 7
    for name in runbook_names(ROOT):
        declared = {one.name: one.default for one in read_source(ROOT, name).declared}
        for step in steps:
            ParameterValues(declared).read(step)


def test_a_runbook_is_attended_where_a_front_end_may_be_asked(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterLab sets a session name or allows input requests; papermill and nbval do neither."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    shell = session(TAGGED)
    runbook = open_runbook("small")
    assert not runbook.attended
    shell.kernel._allow_stdin = True
    assert runbook.attended
    shell.kernel._allow_stdin = False
    monkeypatch.setenv("JPY_SESSION_NAME", "deploy.ipynb")
    assert runbook.attended


def test_the_project_is_found_from_its_root_from_notebooks_and_from_anywhere(project: Path, tmp_path: Path) -> None:
    """papermill starts in the caller's folder, JupyterLab and nbval in the notebook's."""
    assert find_project(project) == project
    assert find_project(project / "notebooks") == project
    assert find_project(tmp_path) == ROOT


def test_the_public_names_are_there_and_are_all_that_is_listed() -> None:
    """All names in `__all__` can be imported, and a misspelt one is an AttributeError."""
    assert dialtone_nb.__all__ == sorted(dialtone_nb.__all__)
    assert dir(dialtone_nb) == dialtone_nb.__all__
    assert all(getattr(dialtone_nb, name) is not None for name in dialtone_nb.__all__)
    assert dialtone_nb.Runbook is Runbook
    with pytest.raises(AttributeError, match="no attribute 'open_runbok'"):
        _ = dialtone_nb.open_runbok


def test_opening_a_runbook_imports_no_slow_library(project: Path) -> None:
    """Libraries that only some cells need are imported later."""
    slow = ("pandas", "plotly", "papermill", "twilio", "nbformat", "pyarrow", "requests", "starlette", "automata")
    program = (
        "import sys; from dialtone_nb import open_runbook; open_runbook('small');"
        f"print([name for name in {slow} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_read_from_files_is_called_neither_rehearsed_nor_twilios() -> None:
    """The banner of a report on files says that the calls were real, whatever the account parameter is."""
    banner = Banner("Call report", "files", "", False, {"source": "2025.tar.xz"})
    assert banner.warning == "From files"
    assert "REHEARSAL" not in banner.text() + banner.html()
