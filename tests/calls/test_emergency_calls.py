"""Emergency calls come first in every view of calls: the phone, its address, and the number to call back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialtone_nb.account.account import CONTROL, Account
from dialtone_nb.calls.call_story import fetch_story
from dialtone_nb.calls.load import CallData, load_calls
from dialtone_nb.calls.now import Snapshot, take_snapshot
from dialtone_nb.calls.twilio_source.frame import Phone
from dialtone_nb.display.telephony.call_story import Exploration, exploration_html, exploration_text
from dialtone_nb.display.telephony.snapshots import snapshot_html, snapshot_text
from dialtone_nb.display.widgets.call_explorer import CallExplorer
from dialtone_nb.parameters import Parameters
from dialtone_nb.report import call_report as report
from tests.calls.strategies import frame_of

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADDRESS = "Alder Street Community Hall, 240 Alder Street, Portland, OR 97205"
NUMBER = "+15035550103"


def attempt(minute: int, party: str | None, client: str = "lobby", **fields: Any) -> dict[str, Any]:
    """One attempt."""
    started = AT + timedelta(minutes=minute)
    known = {"environment": "prod", "direction": "outgoing", "outcome": "answered", "reason": None}
    return {"started_at": started, "client": client, "other_party": party, **known, **fields}


def data_of(*attempts: dict[str, Any]) -> CallData:
    """A source with these attempts."""
    return CallData.of(frame_of(list(attempts)), "a test")


def test_calls_to_an_emergency_number_are_told_put_through_or_not(parameters: Parameters) -> None:
    """Newest first, with the test number and other countries' numbers; incoming calls and services are none."""
    data = data_of(
        attempt(0, "911"),
        attempt(1, "933"),
        attempt(2, "999", "van", outcome="refused", reason="near-emergency"),
        attempt(3, None, "van", outcome="refused", reason="no-emergency-address"),
        attempt(4, "911", "booth"),
        attempt(5, "211"),
        attempt(6, "911", direction="incoming"),
        attempt(7, "+15035550199", outcome="refused", reason="premium-rate"),
    )
    told = report.look_for_emergencies(data, parameters.clients)
    assert [(call.phone, call.number, call.ended, call.address, call.call_back) for call in told] == [
        ("booth", "911", "answered", "not declared in clients.yaml", ""),
        ("van", "", "refused: no-emergency-address", "no emergency address", "+15035550102"),
        ("van", "999", "refused: near-emergency", "no emergency address", "+15035550102"),
        ("lobby", "933", "answered", ADDRESS, NUMBER),
        ("lobby", "911", "answered", ADDRESS, NUMBER),
    ]
    assert [call.is_test for call in told] == [False, False, False, True, False]


def test_a_number_that_rings_nobody_is_told(parameters: Parameters) -> None:
    """Phones that only call out share a number, on which a dispatcher who calls back reaches nobody."""
    alone = {"lobby": parameters.clients["lobby"].model_copy(update={"incoming": False})}
    (told,) = report.look_for_emergencies(data_of(attempt(0, "911")), alone)
    assert told.call_back == f"{NUMBER}, which rings nobody"


def test_the_report_begins_with_them(parameters: Parameters) -> None:
    """They come before the totals; a report without any does not mention them."""
    data = data_of(*(attempt(minute, "911") for minute in range(7)), attempt(9, "933"))

    def summary(of: CallData) -> report.Summary:
        return report.summarise_calls(of, (), report.look_for_life(of), clients=parameters.clients)

    lines = repr(summary(data)).splitlines()
    assert lines[:2] == [
        "Emergency calls:",
        f"lobby dialled 911 on 2026-03-02 09:06:00 UTC: answered. {ADDRESS}; call-back number {NUMBER}.",
    ]
    assert "So did phones 2 more times, the first on 2026-03-02." in lines
    there = repr(summary(replace(data, time_zone="America/Los_Angeles"))).splitlines()
    assert "dialled 911 on 2026-03-02 01:06:00 America/Los_Angeles: answered." in there[1]
    assert "The test line 933 was called 1 time." in lines
    assert "<strong>Emergency calls</strong>" in summary(data)._repr_html_()
    assert "mergency" not in repr(summary(data_of(attempt(0, "+15035550199"))))


@pytest.fixture(scope="module")
def called(account: Account) -> str:
    """A rehearsal with a call to 911 among others, and that call's SID."""
    account.transport.send("POST", f"{CONTROL}/clients/lobby", json={"registered": True}).raise_for_status()
    sids = [
        account.transport.send("POST", f"{CONTROL}/calls", json={"client": "lobby", "dial": dialled}).json()["call_sid"]
        for dialled in ("911", "5035550199")
    ]
    return str(sids[0])


def look(account: Account, parameters: Parameters) -> Snapshot:
    """The views of monitor and explore."""
    phones = {client.caller_id: Phone(name, client.environment) for name, client in parameters.clients.items()}
    return take_snapshot(
        account.client,
        now=account.now(),
        minutes=60,
        environment="prod",
        phones=phones,
        service="dialtone",
        clients=parameters.clients,
    )


def test_monitor_shows_them_first(account: Account, parameters: Parameters, called: str) -> None:
    """In the summary line, and in a table above all others; the function's own event has the number."""
    snapshot = look(account, parameters)
    assert called
    (call,) = snapshot.emergency_calls
    assert (call.phone, call.number, call.address, call.call_back) == ("lobby", "911", ADDRESS, NUMBER)
    assert snapshot.summary.startswith("prod, last 60 minutes: 1 emergency call, 2 calls")
    text, page = snapshot_text(snapshot), snapshot_html(snapshot)
    assert text.splitlines()[1] == "Emergency calls"
    assert ADDRESS in text
    assert page.index("<h3>Emergency calls</h3>") < page.index("<h3>Phones</h3>")
    assert [line.what for line in snapshot.log if "emergency" in line.what] == [
        "outgoing-emergency · an emergency call · dials 911 · rule emergency"
    ]


def test_explore_shows_them_first(account: Account, parameters: Parameters, called: str) -> None:
    """Above the list of all calls, in JupyterLab too; the view of one call says that it is one."""
    snapshot = look(account, parameters)
    story = fetch_story(account.client, called, service="dialtone", ours=())
    exploration = Exploration("prod", 60, snapshot.attempts, story, snapshot.emergency_calls)
    assert exploration_text(exploration).splitlines()[1] == "Emergency calls"
    assert "Emergency call: lobby calls 911" in exploration_text(exploration)
    assert exploration_html(exploration).index(ADDRESS) < exploration_html(exploration).index("<h3>All calls</h3>")
    assert ADDRESS in CallExplorer(exploration, lambda _: story).widget().children[0].value


def test_the_accounts_own_report_has_them(account: Account, parameters: Parameters, called: str) -> None:
    """From call records as from a log of events."""
    assert called
    data = load_calls("twilio", account, since="2026-03-01", service="dialtone")
    assert [call.number for call in report.look_for_emergencies(data, parameters.clients)] == ["911"]


def test_no_attempt_is_no_emergency(parameters: Parameters) -> None:
    """An empty source has none."""
    assert report.look_for_emergencies(data_of(), parameters.clients) == ()
