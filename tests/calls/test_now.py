"""The view of an environment shows its phones, and the events of the last minutes."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup

from dialtone_nb.account.account import CONTROL, Account
from dialtone_nb.account.rehearsal_control import fetch_registrations
from dialtone_nb.calls.now import PhoneState, Snapshot, see_phones, take_snapshot
from dialtone_nb.calls.twilio_source.frame import Phone
from dialtone_nb.display.rendering import PROJECT_LINK
from dialtone_nb.display.telephony.snapshots import snapshot_html, snapshot_text
from dialtone_nb.display.widgets.box import page_of
from dialtone_nb.display.widgets.live import LiveView
from dialtone_nb.errors import TwilioError
from dialtone_nb.parameters import Parameters
from tests.calls.strategies import frame_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OUR_NUMBER = "+15035550103"
STRANGER = "+15035550177"


def attempt(client: str, minutes_ago: int, direction: str, outcome: str, reason: str = "") -> dict[str, object]:
    """One attempt."""
    return {
        "started_at": NOW - timedelta(minutes=minutes_ago),
        "client": client,
        "direction": direction,
        "outcome": outcome,
        "reason": reason or None,
    }


def test_the_latest_call_that_tells_anything_gives_a_phones_state() -> None:
    """A phone that placed a call is registered, however it ended; an unknown outcome shows neither."""
    frame = frame_of(
        [
            attempt("lobby", 50, "incoming", "unregistered", "32009"),
            attempt("lobby", 40, "outgoing", "failed"),
            attempt("van", 30, "incoming", "answered"),
            attempt("van", 20, "incoming", "unreachable", "32011"),
            attempt("attic", 20, "outgoing", "in_progress"),
            attempt("booth", 20, "incoming", "answered"),
            attempt("booth", 10, "incoming", "unknown"),
        ]
    )
    seen = see_phones(["attic", "booth", "cellar", "lobby", "van"], frame)
    assert [(phone.name, phone.state) for phone in seen] == [
        ("van", PhoneState.MISSING),
        ("attic", PhoneState.TALKING),
        ("booth", PhoneState.THERE),
        ("lobby", PhoneState.THERE),
        ("cellar", PhoneState.UNKNOWN),
    ]
    assert seen[0].repair
    assert seen[2].at == NOW - timedelta(minutes=20)


def test_a_call_that_went_on_tells_what_its_phone_did() -> None:
    """Another phone may have answered in the end; the reason for the message says what this one did."""
    frame = frame_of(
        [
            attempt("booth", 50, "incoming", "busy"),
            attempt("booth", 40, "incoming", "answered", "rang-on"),
            attempt("lobby", 30, "incoming", "told", "32009"),
            attempt("van", 20, "incoming", "told"),
        ]
    )
    seen = {phone.name: (phone.state, phone.told_by) for phone in see_phones(["booth", "lobby", "van"], frame)}
    assert seen == {
        "booth": (PhoneState.THERE, "was called: busy"),
        "lobby": (PhoneState.MISSING, "was called: unregistered"),
        "van": (PhoneState.UNKNOWN, "no call in a day"),
    }


@pytest.fixture(scope="module")
def snapshot(account: Account, parameters: Parameters) -> Snapshot:
    """A call of two hours ago, then one to a phone that was switched off."""

    def tell(path: str, **order: object) -> None:
        assert account.transport.send("POST", f"{CONTROL}{path}", json=order).ok

    tell("/clients/lobby", registered=True)
    tell("/calls", client="lobby", dial="5035550199")
    tell("/clock", advance_s=7200)
    tell("/clients/lobby", registered=False)
    tell("/calls", **{"from": STRANGER, "to": OUR_NUMBER})
    phones = {client.caller_id: Phone(name, client.environment) for name, client in parameters.clients.items()}
    return take_snapshot(
        account.client,
        now=account.now(),
        minutes=60,
        environment="prod",
        phones=phones,
        service="dialtone",
        registrations=fetch_registrations(account, "prod"),
    )


def test_calls_alerts_and_log_are_those_of_the_last_minutes(snapshot: Snapshot) -> None:
    """Older ones are hidden, but still count for the phones' state; every phone of the environment is listed."""
    assert snapshot.attempts[["client", "outcome", "reason"]].values.tolist() == [["lobby", "unregistered", "32009"]]
    assert [alert.code for alert in snapshot.alerts] == ["32009"]
    assert [line.what.partition(" ")[0] for line in snapshot.log] == ["incoming-dialstatus-no-answer", "incoming-call"]
    assert snapshot.phones[0].name == "lobby"
    assert snapshot.phones[0].state is PhoneState.MISSING
    assert {phone.state for phone in snapshot.phones[1:]} == {PhoneState.UNKNOWN}


def test_a_look_is_shown_as_text_and_as_tables_without_numbers(snapshot: Snapshot) -> None:
    """Both say who was not reached, and neither shows an outside caller's number."""
    for shown in (snapshot_text(snapshot), snapshot_html(snapshot)):
        assert "not reached: lobby" in shown
        assert "+1503555••••" in shown
        assert STRANGER not in shown


def test_calls_in_progress_come_before_phones_and_every_call_leads_to_explore(snapshot: Snapshot) -> None:
    """Each call is in one table only, and the end of its SID can be given to explore."""
    (call,) = snapshot.attempts["call_sid"]
    assert page_titles(snapshot) == ["Phones", "Calls", "Alerts", "Function log"]
    going_on = replace(snapshot, attempts=snapshot.attempts.assign(outcome="in_progress"))
    assert page_titles(going_on) == ["In progress", "Phones", "Calls", "Alerts", "Function log"]
    assert "1 in progress, 1 call," in going_on.summary
    for one in (snapshot, going_on):
        (link,) = BeautifulSoup(snapshot_html(one), "html.parser").select("td a")
        assert link["href"] == f"{PROJECT_LINK}notebooks/explore.ipynb"
        assert link.get_text() == call[-6:]
        assert f"…{call[-6:]}" in snapshot_text(one)


def page_titles(snapshot: Snapshot) -> list[str]:
    """The headings of a view, in their order."""
    return [title.get_text() for title in BeautifulSoup(snapshot_html(snapshot), "html.parser").select("h3")]


def test_a_lost_phone_is_marked_and_no_name_or_number_is_broken(snapshot: Snapshot) -> None:
    """Its row has a class, a symbol and a text; short cells do not wrap."""
    (row,) = BeautifulSoup(snapshot_html(snapshot), "html.parser").select("tr.failed")
    assert row.get_text(" ", strip=True).startswith("✗ lobby")
    broken = [
        cell.get_text()
        for cell in BeautifulSoup(snapshot_html(snapshot), "html.parser").select("td:not(.whole)")
        if " " not in cell.get_text()
    ]
    assert broken == []


def test_registrations_are_shown_where_they_are_told(account: Account, snapshot: Snapshot) -> None:
    """The rehearsal reports registrations; for Twilio, which does not, the column is left out."""
    assert snapshot.phones[0].registration == "not registered"
    assert ">registration</th>" in snapshot_html(snapshot)
    assert account.transport.send("POST", f"{CONTROL}/clients/lobby", json={"registered": True}).ok
    assert fetch_registrations(account, "prod") == {"lobby": "registered"}
    assert fetch_registrations(account, "stage") == {}
    at_twilio = replace(account, kind="twilio")
    assert fetch_registrations(at_twilio, "prod") == {}
    untold = replace(snapshot, phones=tuple(replace(phone, registration="") for phone in snapshot.phones))
    assert ">registration</th>" not in snapshot_html(untold)


def test_a_live_view_looks_until_it_is_stopped() -> None:
    """An error of Twilio's is shown above the last view until the next success; stopping ends all changes."""
    ready, done = threading.Event(), threading.Event()
    pages: list[str] = []

    def look() -> str:
        assert ready.wait(20)
        pages.append(page_of(page))
        if len(pages) == 2:
            raise TwilioError("away", status=503, code=None, method="GET", path="/v1/Alerts")
        if len(pages) == 4:
            view.stop()
            done.set()
        return f"look {len(pages)}"

    view = LiveView(look, 0.001)
    button, page = view.widget().children
    (thread,) = [one for one in threading.enumerate() if one.name == "monitor"]
    assert view.is_running
    ready.set()
    assert done.wait(20)
    thread.join(20)
    assert not thread.is_alive()
    assert not view.is_running
    assert button.description == "Go on"
    assert pages[1].endswith("look 1")
    assert "away" in pages[2]
    assert pages[2].endswith("look 1")
    assert pages[3].endswith("look 3")
    assert page_of(page) == pages[3]
