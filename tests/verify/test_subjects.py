"""Checks of prepared data, without an account: permissions, alerts, and their display."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dialtone_nb.calls.attempts.outcomes import CODES
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.display.checks import verification_html, verification_text
from dialtone_nb.infrastructure.resources.fences import CountryPermission
from dialtone_nb.parameters import load_parameters
from dialtone_nb.verify.account.geographic_permissions import permission_checks
from dialtone_nb.verify.account.recent_alerts import EVERYDAY, RecentAlert, alert_checks
from dialtone_nb.verify.checks import CheckState, Verification, good, unknown, wrong
from dialtone_nb.verify.probes import NOBODYS_NUMBER, STATUS, make_probes
from tests.verify.conftest import ROOT

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def _states(countries: list[CountryPermission], allowed: list[str]) -> list[tuple[CheckState, str]]:
    return [(check.state, check.found) for check in permission_checks(countries, allowed)]


def test_canada_counts_with_the_united_states_where_twilio_has_no_entry_for_it() -> None:
    """Twilio's documentation shows both as one."""
    assert _states([CountryPermission("US", True, False)], ["US", "CA"])[0] == (CheckState.GOOD, "on: US")
    off = CountryPermission("CA", False, False)
    assert _states([CountryPermission("US", True, False), off], ["US", "CA"])[0] == (CheckState.WRONG, "off: CA")


def test_many_countries_are_counted() -> None:
    """A list of two hundred codes would be useless."""
    countries = [CountryPermission(f"X{letter}", True, True) for letter in "ABCDEFGHIJKLMNOP"]
    states = _states(countries, ["XA"])
    assert states[1] == (CheckState.WRONG, "on: XB, XC, XD, XE, XF, XG, XH, XI, XJ, XK, XL, XM and 3 more")
    assert states[2][1].endswith("and 4 more")


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("32009", CheckState.UNKNOWN),
        ("32202", CheckState.UNKNOWN),
        ("11200", CheckState.WRONG),
        ("13214", CheckState.WRONG),
        ("13227", CheckState.WRONG),
        ("82002", CheckState.WRONG),
        ("99999", CheckState.WRONG),
    ],
)
def test_an_alert_is_wrong_unless_it_can_happen_on_any_day(code: str, state: CheckState) -> None:
    """An unregistered phone is left to people's judgement; a failing function is always wrong."""
    (check,) = alert_checks([RecentAlert(code, NOW)])
    assert (check.state, check.name) == (state, f"alert {code}")
    assert check.meaning
    assert check.repair


def test_alerts_are_counted_by_code_with_the_last_time() -> None:
    """Sorted by code, whatever their order."""
    alerts = [RecentAlert("32009", NOW), RecentAlert("11200", NOW), RecentAlert("32009", NOW.replace(hour=11))]
    found = [(check.name, check.found) for check in alert_checks(alerts)]
    assert found == [
        ("alert 11200", "1 time, last 2026-03-02 09:30 UTC"),
        ("alert 32009", "2 times, last 2026-03-02 11:30 UTC"),
    ]


def test_everyday_codes_are_known_codes() -> None:
    """Each has an explanation and a repair."""
    assert set(CODES) >= EVERYDAY


VERIFICATION = Verification(
    "stage",
    "the rehearsal",
    (
        good("One", "first", "there <b>", "all is well"),
        wrong("One", "second", "gone & lost", "calls fail", "deploy stage"),
        unknown("Phone garden", "third of garden", "not told", "nobody knows"),
    ),
    ("accepted.yaml: 'x' mutes nothing here",),
)


def test_a_page_of_checks_escapes_and_groups() -> None:
    """Failures come first with their repair; each subject once, in order; values are escaped."""
    html = verification_html(VERIFICATION)
    assert html.index("to repair it: deploy stage") < html.index("<table")
    table = html[html.index("<table") :]
    assert table.index("One") < table.index("second") < table.index("Phone garden") < table.index("mutes nothing")
    assert html.count(">One<") == 1
    assert "there &lt;b&gt;" in html
    assert "gone &amp; lost" in html


def test_the_same_as_text() -> None:
    """Good checks are a line; others have explanation and repair."""
    assert verification_text(VERIFICATION).splitlines() == [
        "Verify stage: 1 of 3 checks wrong: second (1 good, 1 unknown)",
        "",
        "One",
        "  ✓ first: there <b>",
        "  ✗ second: gone & lost",
        "      calls fail; repair: deploy stage",
        "",
        "Phone garden",
        "  ? third: not told",
        "      nobody knows",
        "",
        "accepted.yaml: 'x' mutes nothing here",
    ]


def test_a_summary_names_five_of_many() -> None:
    """So that it stays a readable line."""
    many = tuple(wrong("One", f"c{n}", "", "", "") for n in range(8))
    assert Verification("stage", "", many).summary == (
        "Verify stage: 8 of 8 checks wrong: c0, c1, c2, c3, c4 and 3 more (0 good)"
    )


def test_an_environment_without_phones_is_probed_with_strangers_alone() -> None:
    """A phone of another environment and calls to any number are refused."""
    parameters = load_parameters(ROOT / "parameters" / "sample")
    clients = {name: client for name, client in parameters.clients.items() if client.environment == "stage"}
    table = compile_table(replace(parameters, clients=clients))
    probes = make_probes(table, "prod", "dialtone-1234-prod.twil.io", trunk_password="")
    assert [probe.what for probe in probes if probe.function != STATUS] == [
        "nobody dials 5035550199",
        "nobody dials 5035550199, without SipUsername",
        f"a call to {NOBODYS_NUMBER}",
    ]


def test_probes_dial_what_must_go_through_and_what_must_not() -> None:
    """By the sample's dial plan: emergency, trunk, local and distant numbers, and refused ones."""
    table = compile_table(load_parameters(ROOT / "parameters" / "sample"))
    probes = make_probes(table, "prod", "dialtone-1234-prod.twil.io", trunk_password="")
    dialled = {probe.what: "<Dial" in probe.expected for probe in probes if probe.what.startswith("lobby dials")}
    refused = [what.removeprefix("lobby dials ") for what, goes in dialled.items() if not goes]
    assert refused[::2] == [
        *("9911", "9005550199", "5039765555", "8765550199", "7005550199", "5005550199", "011442079460123", "12"),
    ]
    assert refused[1::2] == [f"{dialled}, without SipUsername" for dialled in refused[::2]]
    assert len(dialled) == 2 * 21


def test_a_phones_name_at_a_strangers_host_is_probed() -> None:
    """It must be refused: From identifies the caller, and its host is not ours."""
    table = compile_table(load_parameters(ROOT / "parameters" / "sample"))
    probes = make_probes(table, "prod", "dialtone-1234-prod.twil.io", trunk_password="")
    (stranger,) = [probe for probe in probes if probe.what == "a stranger calls itself lobby"]
    assert "SipUsername" not in stranger.parameters
    assert "<Dial" not in stranger.expected
