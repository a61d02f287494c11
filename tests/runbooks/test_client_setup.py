"""The search of client_setup for available numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from IPython.core.formatters import DisplayFormatter

from dialtone_nb.account.account import Account, open_account
from dialtone_nb.display.outputs import LINES
from dialtone_nb.errors import InputError
from dialtone_nb.infrastructure.resources.phone_numbers import find_numbers
from dialtone_nb.parameters import load_parameters
from dialtone_nb.report.report_table import ReportTable
from dialtone_nb.runbooks.client_setup import tabulate_numbers
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook

SAMPLE = Path(__file__).parents[2] / "parameters" / "sample"


def terminal_lines(table: ReportTable) -> list[str]:
    """The lines that IPython passes to the command that runs a runbook."""
    bundle, _ = DisplayFormatter().format(table)
    assert {"text/plain", "text/html"} <= set(bundle)
    return list(bundle.get(LINES, []))


@pytest.fixture
def looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runbook:
    """An opened client_setup for a phone in a country, on a new rehearsal, with what the search uses."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "state.db"))
    account = open_account("rehearsal", tmp_path)
    parameters = ParameterValues({"find_numbers": "503", "client": "workbench"})
    return cast(Runbook, SimpleNamespace(account=account, parameters=parameters, declared=load_parameters(SAMPLE)))


def test_an_area_code_finds_numbers_with_their_price(looking: Runbook) -> None:
    """Every number found has the area code, and the account's monthly price."""
    table = tabulate_numbers(looking)
    assert table.rows
    assert all(str(row[0]).startswith("+1503") and row[2] == "1.15 USD a month" for row in table.rows)


def test_numbers_that_were_found_are_printed_on_the_terminal(looking: Runbook) -> None:
    """All of them; nothing is printed without a search."""
    table = tabulate_numbers(looking)
    assert [row[0] for row in table.rows] == [line.split()[0] for line in terminal_lines(table)[1:-1]]
    looking.parameters = ParameterValues({**looking.parameters, "find_numbers": ""})
    assert terminal_lines(tabulate_numbers(looking)) == []


def test_a_pattern_finds_the_numbers_that_fit(looking: Runbook) -> None:
    """A pattern of digits and stars finds only matching numbers."""
    looking.parameters = ParameterValues({**looking.parameters, "find_numbers": "503555010*"})
    assert {str(row[0])[:-1] for row in tabulate_numbers(looking).rows} == {"+1503555010"}


def test_numbers_are_looked_for_in_the_phones_own_country(looking: Runbook) -> None:
    """A phone with a Canadian number is offered Canadian ones."""
    looking.declared.clients["workbench"] = looking.declared.clients["workbench"].model_copy(
        update={"caller_id": "+16045550101"}
    )
    looking.parameters = ParameterValues({**looking.parameters, "find_numbers": "604"})
    assert {str(row[0])[:5] for row in tabulate_numbers(looking).rows} == {"+1604"}


@pytest.mark.parametrize(
    ("country", "asked_by"), [("US", "area_code"), ("CA", "area_code"), ("JP", "contains"), ("GB", "contains")]
)
def test_area_codes_are_asked_for_where_twilio_knows_them(country: str, asked_by: str) -> None:
    """Elsewhere three digits are a part of the number."""
    asked: dict[str, object] = {}
    local = SimpleNamespace(list=lambda **given: asked.update(given) or [])
    client = SimpleNamespace(available_phone_numbers=lambda where: SimpleNamespace(local=local))
    assert find_numbers(cast(Account, SimpleNamespace(client=client)), "813", country) == []
    assert [name for name in ("area_code", "contains") if name in asked] == [asked_by]


@pytest.mark.parametrize("wanted", ["5", "503-555", "x", "5" * 17])
def test_what_is_no_pattern_is_refused_in_one_line(looking: Runbook, wanted: str) -> None:
    """An invalid pattern is rejected before any request, with an example."""
    looking.parameters = ParameterValues({**looking.parameters, "find_numbers": wanted})
    with pytest.raises(InputError, match="find_numbers") as caught:
        tabulate_numbers(looking)
    assert len(caught.value.lines()) == 1
