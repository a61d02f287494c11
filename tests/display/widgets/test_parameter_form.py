"""The form under a runbook's banner, without a browser: its fields, its errors, and the effect of Use."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from dialtone_nb.display.parameters import Origin, Setting, settings_html
from dialtone_nb.display.widgets.parameter_form import ParameterForm, make_form
from dialtone_nb.errors import InputError
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.parameters import load_parameters
from dialtone_nb.runbooks.steps.apply import apply_plan
from dialtone_nb.runbooks.steps.opening import Runbook, open_runbook
from dialtone_nb.runbooks.steps.parameters_cell import RunbookSource

ROOT = Path(__file__).parents[3]
PHONES = tuple(load_parameters(ROOT / "parameters" / "sample").clients)


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A separate session, in the project."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(Runbook, "_held", {})
    yield


def opened(name: str = "client_setup") -> tuple[Runbook, ParameterForm]:
    """A runbook and its form on the screen."""
    runbook = open_runbook(name)
    form = make_form(runbook)
    form.widget()
    return runbook, form


def enter(form: ParameterForm, **values: object) -> None:
    """Fill in fields and submit them."""
    for name, value in values.items():
        form._fields[name].value = value
    form._button.click()


def test_every_parameter_but_consent_has_a_field_with_its_help() -> None:
    """Consent is asked for under its plan."""
    runbook, form = opened()
    assert list(form._fields) == [name for name in runbook.source.names if name != "consent"]
    assert "the phone, by its name in clients.yaml" in form._form.children[2].children[1].value


def test_a_list_has_an_entry_a_line() -> None:
    """Entries may contain spaces; empty lines are ignored."""
    runbook, form = opened("explore")
    assert form._fields["dialled"].value.splitlines() == runbook.parameters.dialled
    enter(form, dialled="503 555 0190\n\n 911 \n")
    assert runbook.parameters.dialled == ["503 555 0190", "911"]
    form._fields["dialled"].value = "503 555 0190\n911"
    assert form._button.disabled


def test_the_form_offers_what_is_declared() -> None:
    """Environments of network.yaml, phones of clients.yaml, both kinds of account, and the words in a line's help."""
    choices = open_runbook("client_setup").choices
    assert choices["environment"].values == ("stage", "prod")
    assert choices["environment"].is_closed
    assert "workbench" in choices["client"].values
    assert choices["account"].values == ("rehearsal", "twilio")
    assert choices["action"].values == ("set up", "rotate", "suspend")


def test_what_is_taken_holds_for_the_cells_that_follow() -> None:
    """The runbook and its banner have the values, and the account is opened again."""
    runbook, form = opened()
    runbook.__dict__["account"] = "an account that was opened"
    assert form._button.disabled
    enter(form, environment="prod", client="lobby")
    assert (runbook.environment, runbook.parameters.client) == ("prod", "lobby")
    assert runbook.is_protected
    assert "account" not in runbook.__dict__
    assert "prod, protected" in form._page.value
    assert "2 set by the form" in form._page.value
    assert 'role="status"' in form._said.value
    assert form._button.disabled


def test_a_phone_that_was_left_empty_follows_the_environment() -> None:
    """The field shows its default, which depends on the environment."""
    runbook, form = opened("explore")
    assert (form._fields["environment"].value, form._fields["client"].value) == ("stage", "workbench")
    assert "as the notebook has them" in form._page.value
    enter(form, environment="prod")
    assert (runbook.environment, runbook.parameters.client) == ("prod", "lobby")
    assert "1 set by the form" in form._page.value
    again = open_runbook("explore")
    assert (again.environment, again.parameters.client) == ("prod", "lobby")


def test_the_form_refuses_what_a_run_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error for an environment no longer declared is the same, and no value is used."""
    runbook, form = opened()
    for file in (ROOT / "parameters" / "sample").glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    network = tmp_path / "network.yaml"
    network.write_text(network.read_text().replace("  prod:", "  production:"))
    clients = tmp_path / "clients.yaml"
    clients.write_text(clients.read_text().replace("environment: prod", "environment: production"))
    monkeypatch.setenv("DIALTONE_PARAMETERS", str(tmp_path))
    enter(form, environment="prod")
    assert "&#39;prod&#39; is not declared in network.yaml" in form._said.value
    assert 'role="alert"' in form._said.value
    assert runbook.environment == "stage"


def test_what_is_wrong_is_said_when_the_values_are_taken() -> None:
    """Errors appear on submitting, not while typing, and disappear with the next key."""
    runbook, form = opened("test_calls")
    form._fields["environment"] = SimpleNamespace(value="prodd")
    form._on_changed(None)
    assert form._said.value == ""
    form._button.click()
    assert "did you mean &#39;prod&#39;?" in form._said.value
    assert runbook.environment == "stage"
    form._on_changed(None)
    assert form._said.value == ""


@pytest.mark.parametrize(
    ("name", "parameter", "offered"),
    [
        ("client_setup", "client", PHONES),
        ("client_setup", "action", ("set up", "rotate", "suspend")),
        ("delete", "client", ("", *PHONES)),
        ("delete", "what", ("environment", "service", "client", "other_hosting")),
        ("promote", "source", ("", "stage", "prod")),
        ("call_report", "direction", ("", "outgoing", "incoming")),
    ],
)
def test_what_can_be_listed_is_chosen_from_a_list(name: str, parameter: str, offered: tuple[str, ...]) -> None:
    """Other text can't be entered; the list includes phones from a file of calls."""
    _, form = opened(name)
    field = form._fields[parameter]
    assert type(field).__name__ == "Dropdown"
    assert set(field.options) == set(offered)
    assert type(opened("call_report")[1]._fields["client"]).__name__ == "Combobox"


def test_a_number_to_buy_is_suggested_and_explained() -> None:
    """It suggests the caller IDs of clients.yaml; the plan reports a wrong number."""
    _, form = opened()
    assert "+15035550101" in form._fields["buy_number"].options
    helps = {row.children[0].description: row.children[1].value for row in form._form.children[:-1]}
    assert all(len(helps[name]) > 20 for name in ("buy_number", "break_claim"))


def test_opened_again_the_form_still_holds() -> None:
    """Run All runs the parameters cell again, but the submitted values are kept."""
    _, form = opened()
    enter(form, environment="prod")
    again = open_runbook("client_setup")
    assert again.environment == "prod"
    assert {one.name for one in again.settings if one.origin is Origin.FORM} == {"environment"}


def test_a_cell_that_was_changed_since_wins_over_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The edited parameters cell is more recent than the form."""
    runbook, form = opened()
    enter(form, client="lobby", action="rotate")
    declared = [
        dataclasses.replace(one, default="van") if one.name == "client" else one for one in runbook.source.declared
    ]
    edited = RunbookSource("client_setup", runbook.source.title, tuple(declared), runbook.source.path)
    monkeypatch.setattr("dialtone_nb.runbooks.steps.opening.read_source", lambda *_: edited)
    again = open_runbook("client_setup")
    assert (again.parameters.client, again.parameters.action) == ("van", "rotate")


def test_a_plan_made_with_other_parameters_is_not_applied() -> None:
    """After a change of the environment in the form, the plan must be made again."""
    runbook, form = opened("deploy")
    made = SimpleNamespace(site=SimpleNamespace(given=dict(runbook.parameters)))
    enter(form, environment="prod")

    class Made(SimpleNamespace):
        __hash__ = object.__hash__  # type: ignore[assignment]

    with pytest.raises(InputError, match="made before environment changed, and nothing was done; make it anew"):
        apply_plan(runbook, cast(Proposal, Made(**vars(made))))


def test_numbers_and_truths_keep_their_types() -> None:
    """A whole number has a number field, and a boolean a check box."""
    runbook, form = opened("monitor")
    enter(form, minutes=15, show_numbers=True)
    assert (runbook.parameters.minutes, runbook.parameters.show_numbers) == (15, True)


def test_the_page_says_who_set_what() -> None:
    """Unattended it is a folded table of name, value, source and help; markup in a value is escaped."""
    page = settings_html(
        [Setting("client", "<b>van", Origin.RUN, "the phone"), Setting("days", 7, Origin.NOTEBOOK, "")]
    )
    assert "<summary>2 parameters, 1 set by this run</summary>" in page
    assert "&lt;b&gt;van" in page
    assert page.index("this run") < page.index("the phone")
