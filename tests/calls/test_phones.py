"""The page of all phones: those with a problem first, with their repair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup

from dialtone_nb.account.account import CONTROL, Account
from dialtone_nb.display.rendering import PROJECT_LINK
from dialtone_nb.display.telephony.phones import NUMBERS_IN_CONSOLE, PhoneOverview, phones_html, phones_text
from dialtone_nb.files.reports_folder import REPORTS_VARIABLE
from dialtone_nb.parameters import Parameters
from dialtone_nb.runbooks.phones import overview_phones
from tests.calls.conftest import OUR_NUMBER


def overview(account: Account, declared: Parameters, project: Path, environment: str = "") -> PhoneOverview:
    """The result of the runbook, run unattended."""
    runbook: Any = SimpleNamespace(
        project=project, account=account, declared=declared, environment=environment, attended=False
    )
    return overview_phones(runbook)


def test_all_phones_are_there_without_any_call(account: Account, parameters: Parameters, tmp_path: Path) -> None:
    """Their state is unknown; the page has the local time of the network."""
    phones = overview(account, parameters, tmp_path)
    assert {row.name for row in phones.rows} == set(parameters.clients)
    assert {row.state for row in phones.rows} == {"not heard of"}
    assert phones.exit_code == 0
    assert phones.moment.endswith("America/Los_Angeles, the clock of the rehearsal")


def test_one_environment_has_its_own_phones(account: Account, parameters: Parameters, tmp_path: Path) -> None:
    """Phones of other environments are left out."""
    phones = overview(account, parameters, tmp_path, "stage")
    assert {row.name for row in phones.rows} == set(parameters.clients_in("stage"))


def test_a_phone_has_its_sheet_and_its_commands(
    account: Account, parameters: Parameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link appears once the phone is set up on this account; each command has the phone's name."""
    sheets = tmp_path / "reports" / "rehearsal" / "sheets"
    sheets.mkdir(parents=True)
    for name in ("lobby", "library"):
        (sheets / f"{name}.html").write_text("a sheet")
    listed = account.client.sip.credential_lists.create(parameters.network.credential_list)
    account.client.sip.credential_lists(listed.sid).credentials.create("lobby", "Example2026Lobby")
    page = BeautifulSoup(phones_html(overview(account, parameters, tmp_path)), "html.parser")
    assert [link["href"] for link in page.select("a")] == [f"{PROJECT_LINK}reports/rehearsal/sheets/lobby.html"]
    commands = [code.get_text() for code in page.select("tr:has(a) code")]
    assert "python -m dialtone_nb run client_setup -p environment prod -r client lobby -r action rotate" in commands
    assert all("lobby" in command for command in commands)

    # A run with --output has the sheets of that folder.
    monkeypatch.setenv(REPORTS_VARIABLE, "elsewhere")
    assert all(row.sheet == "" for row in overview(account, parameters, tmp_path).rows)
    (tmp_path / "reports").rename(tmp_path / "elsewhere")
    sheets_there = {row.sheet for row in overview(account, parameters, tmp_path).rows} - {""}
    assert sheets_there == {f"{PROJECT_LINK}elsewhere/rehearsal/sheets/lobby.html"}


def test_numbers_lead_to_the_console_where_they_are_real(
    account: Account, parameters: Parameters, tmp_path: Path
) -> None:
    """A rehearsal's numbers have no links."""
    phones = overview(account, parameters, tmp_path)
    assert NUMBERS_IN_CONSOLE not in phones_html(phones)
    assert phones_html(replace(phones, is_rehearsal=False)).count(NUMBERS_IN_CONSOLE) == len(phones.rows)


def test_a_phone_that_is_not_reached_comes_first_with_its_repair(
    account: Account, parameters: Parameters, tmp_path: Path
) -> None:
    """A call to a phone that is off shows it; the exit code is 2, as somebody has to act."""
    call = {"from": "+15035550199", "to": OUR_NUMBER}
    account.transport.send("POST", f"{CONTROL}/calls", json=call).raise_for_status()
    phones = overview(account, parameters, tmp_path)
    first = phones.ordered[0]
    assert (first.name, first.state) == ("lobby", "not reached")
    assert first.last_call.endswith("incoming: unregistered")
    assert first.seen.repair
    assert phones.exit_code == 2
    assert phones_text(phones).splitlines()[0].startswith(f"{len(phones.rows)} phones: look after lobby")


def test_an_emergency_drill_is_remembered(account: Account, parameters: Parameters, tmp_path: Path) -> None:
    """The time of the last call to the test number is shown; a phone without an address has none."""
    account.transport.send("POST", f"{CONTROL}/clients/lobby", json={"registered": True}).raise_for_status()
    call = {"client": "lobby", "dial": "933"}
    account.transport.send("POST", f"{CONTROL}/calls", json=call).raise_for_status()
    rows = {row.name: row for row in overview(account, parameters, tmp_path).rows}
    assert rows["lobby"].drill[:4].isdigit()
    assert rows["library"].drill == "none in 30 days: dial 933"
    assert rows["van"].drill == "makes no emergency calls"
