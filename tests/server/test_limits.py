"""A phone's limits: calls an hour and quiet hours, for neither emergency nor incoming calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone_nb.dialplan.compile import Table, compile_table
from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import Call, DialEmergency, DialPstn, DialTrunk, OutgoingCall, Refuse, RingClient
from dialtone_nb.dialplan.table import Limits, load_table, table_json
from dialtone_nb.parameters import ClientLimits, Parameters
from dialtone_nb.server.limits import CallCounter, is_quiet, limited
from tests.dialplan.strategies import calls
from tests.server.running_server import fill_folder, outgoing, server_in_thread, settings_for

NOON = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)  # in Portland


@pytest.fixture
def with_limits(parameters: Parameters) -> Callable[..., Table]:
    """The sample's table, with limits for the phone in the lobby."""

    def make(**limits: Any) -> Table:
        network = parameters.network.model_copy(update={"time_zone": "America/Los_Angeles"})
        lobby = parameters.clients["lobby"].model_copy(update={"limits": ClientLimits(**limits)})
        return compile_table(replace(parameters, network=network, clients={**parameters.clients, "lobby": lobby}))

    return make


def dials(dialled: str) -> OutgoingCall:
    """The decision when the lobby's phone dials."""
    return OutgoingCall("prod", "lobby", f"sip:{dialled}@dialtone-example-prod.sip.twilio.com")


def test_so_many_calls_an_hour_and_no_more(with_limits: Callable[..., Table], tmp_path: Path) -> None:
    """The third is refused with a message; after an hour there is room; other phones have their own count."""
    passed = [0.0]
    table, counter = with_limits(calls_an_hour=2), CallCounter(tmp_path / "prod.db", lambda: passed[0])

    def place(minute: int, call: OutgoingCall) -> object:
        passed[0] = 60.0 * minute
        return limited(table, "prod", decide(table, call), NOON + timedelta(minutes=minute), counter)

    assert isinstance(place(0, dials("5035550199")), DialPstn)
    assert isinstance(place(10, dials("#")), DialTrunk)
    third = place(20, dials("5035550199"))
    assert isinstance(third, Refuse)
    assert (third.reason, third.message) == ("too-many-calls", table.messages.too_many_calls)
    assert isinstance(place(20, replace(dials("5035550199"), sip_username="library")), DialPstn)
    assert isinstance(place(60, dials("5035550199")), DialPstn)
    assert isinstance(place(61, dials("5035550199")), Refuse)


def test_no_clock_that_is_set_moves_the_hour(with_limits: Callable[..., Table], tmp_path: Path) -> None:
    """Setting the clock a year ahead and back does not change the count."""
    table, counter = with_limits(calls_an_hour=2), CallCounter(tmp_path / "prod.db")
    placed = [
        limited(table, "prod", decide(table, dials("#")), NOON + timedelta(days=days), counter)
        for days in (365, 0, 365, 0)
    ]
    assert [isinstance(one, DialTrunk) for one in placed] == [True, True, False, False]


def test_a_count_of_before_the_machine_was_started_is_forgotten(
    with_limits: Callable[..., Table], tmp_path: Path
) -> None:
    """Its monotonic times are in the future of the new boot, and would count for too long."""
    table = with_limits(calls_an_hour=1)
    for uptime in (9e8, 100.0):
        counter = CallCounter(tmp_path / "prod.db", lambda uptime=uptime: uptime)  # type: ignore[misc]
        assert isinstance(limited(table, "prod", decide(table, dials("#")), NOON, counter), DialTrunk)
        assert isinstance(limited(table, "prod", decide(table, dials("#")), NOON, counter), Refuse)


def test_a_count_outlives_the_server_and_is_shared_by_its_workers(
    with_limits: Callable[..., Table], tmp_path: Path
) -> None:
    """It is in a file."""
    table = with_limits(calls_an_hour=1)
    one, other = CallCounter(tmp_path / "prod.db"), CallCounter(tmp_path / "prod.db")
    assert isinstance(limited(table, "prod", decide(table, dials("#")), NOON, one), DialTrunk)
    assert isinstance(limited(table, "prod", decide(table, dials("#")), NOON, other), Refuse)


def test_a_count_that_fails_lets_the_call_through(with_limits: Callable[..., Table], tmp_path: Path) -> None:
    """With a full or broken disk calls go through."""
    (tmp_path / "broken.db").write_text("this is no database, and long enough not to be taken for an empty one" * 20)
    table, counter = with_limits(calls_an_hour=1), CallCounter(tmp_path / "broken.db")
    for _ in range(3):
        assert isinstance(limited(table, "prod", decide(table, dials("#")), NOON, counter), DialTrunk)


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        ("22:00-06:00", "2026-03-02T21:59-08:00", False),
        ("22:00-06:00", "2026-03-02T22:00-08:00", True),
        ("22:00-06:00", "2026-03-03T05:59-08:00", True),
        ("22:00-06:00", "2026-03-03T06:00-08:00", False),
        ("12:00-13:30", "2026-03-02T13:29-08:00", True),
        ("12:00-13:30", "2026-03-02T11:59-08:00", False),
        # The day on which clocks go forward, and the one on which they go back.
        ("01:00-03:30", "2026-03-08T03:15-07:00", True),
        ("01:00-03:30", "2026-11-01T01:30-08:00", True),
        ("00:00-00:00", "2026-03-02T00:00-08:00", False),
    ],
)
def test_quiet_hours_are_those_where_the_phone_stands(
    with_limits: Callable[..., Table], hours: str, at: str, quiet: bool
) -> None:
    """In the network's time zone, across midnight and clock changes."""
    limits = with_limits(quiet_hours=hours).environments["prod"].clients["lobby"].limits
    assert limits
    assert is_quiet(limits, datetime.fromisoformat(at).astimezone(UTC)) is quiet


@pytest.mark.parametrize("spelled", ["988", "%2B1988", "9-8-8", "711", "911"])
def test_the_crisis_line_has_no_limits(with_limits: Callable[..., Table], tmp_path: Path, spelled: str) -> None:
    """At night and after any number of calls, as for 911; and it does not count itself."""
    table, counter = with_limits(calls_an_hour=1, quiet_hours="22:00-06:00"), CallCounter(tmp_path / "prod.db")
    night = NOON + timedelta(hours=12)
    decision = decide(table, dials(spelled))
    assert not isinstance(decision, Refuse)
    assert [limited(table, "prod", decision, at, counter) for at in (NOON, NOON, night)] == [decision] * 3
    assert isinstance(limited(table, "prod", decide(table, dials("5035550199")), NOON, counter), DialPstn)


@given(call=calls, minute=st.integers(0, 1439))
def test_emergency_exempt_and_incoming_calls_have_no_limits(
    table: Table, tmp_path_factory: pytest.TempPathFactory, call: Call, minute: int
) -> None:
    """At any hour and count; and a limit never replaces another refusal."""
    shut = Limits(calls_an_hour=1, quiet_from=0, quiet_until=1439, time_zone="UTC")
    environments = {
        name: one.model_copy(
            update={"clients": {key: entry.model_copy(update={"limits": shut}) for key, entry in one.clients.items()}}
        )
        for name, one in table.environments.items()
    }
    tight = table.model_copy(update={"environments": environments})
    decision = decide(tight, call)
    counter = CallCounter(tmp_path_factory.mktemp("counts") / "x.db")
    result = limited(tight, call.environment, decision, NOON.replace(hour=minute // 60, minute=minute % 60), counter)
    exempt = {rule.name for rule in tight.rules if rule.exempt}
    if isinstance(decision, DialEmergency | RingClient | Refuse) or decision.rule in exempt:
        assert result == decision
    else:
        assert isinstance(result, Refuse)


def test_the_server_keeps_them(with_limits: Callable[..., Table], tmp_path: Path) -> None:
    """Over HTTP: the second call gets the message, 911 is dialled, and the event has the reason."""
    table = with_limits(calls_an_hour=1)
    fill_folder(tmp_path, table, "prod")
    with server_in_thread(settings_for(tmp_path)) as twilio:
        assert "<Number>+15035550199</Number>" in twilio.ask("/sip-outgoing", outgoing("5035550199")).text
        assert table.messages.too_many_calls in twilio.ask("/sip-outgoing", outgoing("5035550199")).text
        assert "<Number>+1911</Number>" in twilio.ask("/sip-outgoing", outgoing("911")).text
    events = "".join(file.read_text() for file in (tmp_path / "events").rglob("*.jsonl"))
    assert '"reason":"too-many-calls"' in events.replace(": ", ":")


def test_a_table_without_limits_says_nothing_of_them(table: Table, with_limits: Callable[..., Table]) -> None:
    """It has no key for them; limits of another table are read back."""
    assert '"limits"' not in table_json(table)
    limited_table = with_limits(calls_an_hour=20, quiet_hours="22:00-06:00")
    assert load_table(table_json(limited_table)) == limited_table
