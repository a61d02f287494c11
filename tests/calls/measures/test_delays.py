"""The delay before ringing: which calls are sampled, how delays are shown, and a check against a known past."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from twilio.rest import Client

from dialtone_nb.account.account import Account, AccountCredentials
from dialtone_nb.account.transport import Transport
from dialtone_nb.calls.attempts.call_data import CallData
from dialtone_nb.calls.load import load_calls
from dialtone_nb.calls.measures.before_after import Deployment
from dialtone_nb.calls.measures.delays import (
    FILE,
    Delay,
    delay_of,
    fetch_delays,
    group_delays,
    keep_delays,
    load_delays,
    sample_calls,
)
from dialtone_nb.errors import InputError
from dialtone_nb.rehearsal.server import start_rehearsal
from dialtone_nb.rehearsal.state.history import write_history
from tests.calls.strategies import frame_of

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def sampled(*minutes: float, environment: str = "prod", talk: int | None = None) -> list[tuple[float, bool]]:
    """The sample among calls at these minutes of a day: the minute of each, and whether it came after a pause."""
    rows = [
        {
            "started_at": MIDNIGHT + timedelta(minutes=minute),
            "environment": environment,
            "outcome": "answered",
            "duration_s": talk,
        }
        for minute in minutes
    ]
    sample = sample_calls(CallData.of(frame_of(rows), "a test"))
    return [
        ((row["started_at"] - MIDNIGHT) / timedelta(minutes=1), row["after_pause"])
        for row in sample.iter_rows(named=True)
    ]


@pytest.mark.parametrize(
    ("minutes", "sample"),
    [
        ([], []),
        ([300, 301, 302, 400], [(300, True), (301, False)]),
        # Neither soon after another nor after a pause: nothing can be told.
        ([300, 315], [(300, True)]),
        # What came before midnight is another day's.
        ([5, 6], [(6, False)]),
        ([5], []),
        # Two of the same second: nobody knows which came first.
        ([300, 300], []),
        ([300, 320, 320], [(300, True)]),
        ([300, 301, 1740, 1741], [(300, True), (301, False), (1740, True), (1741, False)]),
    ],
)
def test_a_day_gives_a_call_after_a_pause_and_one_soon_after_another(
    minutes: list[float], sample: list[tuple[float, bool]]
) -> None:
    """The first of each kind on every day."""
    assert sampled(*minutes) == sample


def test_the_service_is_asked_again_when_a_call_ends() -> None:
    """A pause counts from the end of a call, as its webhook also wakes the service."""
    assert sampled(300, 335, talk=30 * 60) == [(300, True), (335, False)]


def event(path: str, ms: object, at: str = "Mon, 02 Mar 2026 09:00:00 +0000") -> dict[str, Any]:
    """A webhook as one of a call's Events."""
    return {
        "request": {"url": f"https://x.twil.io{path}"},
        "response": {"request_duration": ms, "date_created": at},
    }


def test_the_first_webhook_of_a_call_is_its_delay() -> None:
    """Whatever the order of the list; a status callback does not count, and without a webhook there is no delay."""
    later = "Mon, 02 Mar 2026 09:00:09 +0000"
    assert delay_of([event("/call-status?x=1", 5), event("/fallback", 70, later), event("/sip-outgoing", 130)]) == 130
    assert delay_of([event("/call-status", 5)]) is None
    assert delay_of([event("/sip-outgoing", None)]) is None
    assert delay_of([]) is None


def delay(hours: float, ms: int, *, after_pause: bool = False) -> Delay:
    """A sampled call of prod, this many hours after midnight."""
    at = MIDNIGHT + timedelta(hours=hours)
    return Delay(at, "prod", f"CA{hours}", after_pause, ms)


def test_delays_are_told_before_and_after_a_deployment() -> None:
    """By environment, without cold starts, a week on each side up to the neighbouring deployment."""
    deployed = [Deployment(MIDNIGHT + timedelta(hours=hours), "prod", f"ZD{hours}") for hours in (24, 48)]
    delays = [delay(1, 100), delay(2, 900, after_pause=True), delay(25, 200), delay(26, 300), delay(49, 50)]
    told = [(one.when[:6], one.after_pause, one.delays) for one in group_delays(delays, deployed)]
    assert told == [
        ("all da", False, (100, 200, 300, 50)),
        ("all da", True, (900,)),
        ("before", False, (100,)),
        ("before", True, (900,)),
        ("after ", False, (200, 300)),
        ("before", False, (200, 300)),
        ("after ", False, (50,)),
    ]
    assert group_delays(delays)[0].median == 150


def test_kept_delays_are_read_again_and_damage_is_one_line(tmp_path: Path) -> None:
    """Delays found before stay; a damaged file's error says how to repair it."""
    found = keep_delays(str(tmp_path), (), [delay(2, 90), delay(1, 100)])
    assert load_delays(str(tmp_path)) == found == (delay(1, 100), delay(2, 90))
    assert keep_delays(str(tmp_path), found, [delay(1, 100)]) == found
    (tmp_path / FILE).write_text('[{"at": 5}]')
    with pytest.raises(InputError, match="holds no delays"):
        load_delays(str(tmp_path))


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Account, dict[str, Any]]]:
    """An account with a generated past of ten days, and the true values."""
    state = tmp_path_factory.mktemp("past") / "state.db"
    truth = json.loads(write_history(state, days=10, calls=900, seed=7).read_bytes())
    with start_rehearsal(state) as rehearsal:
        credentials = AccountCredentials(rehearsal.account_sid, rehearsal.account_sid, rehearsal.auth_token)
        transport = Transport(rehearsal.url)
        client = Client(rehearsal.account_sid, rehearsal.auth_token, http_client=transport)
        yield Account("rehearsal", credentials, transport, client), truth
        transport.session.close()


def test_the_delays_of_a_past_are_the_truth_about_it(past: tuple[Account, dict[str, Any]]) -> None:
    """Each sampled call's delay, and which of them were cold starts."""
    account, truth = past
    known = {one["call_sid"]: one for one in truth["attempts"]}
    data = load_calls("twilio", account, since=truth["since"][:10])
    delays = fetch_delays(account.client, sample_calls(data))
    assert len(delays) > 20
    assert {one.call_sid: (one.ms, one.after_pause) for one in delays} == {
        one.call_sid: (known[one.call_sid]["webhook_ms"], known[one.call_sid]["is_cold"]) for one in delays
    }
    prod = {one.after_pause: one for one in group_delays(delays) if one.environment == "prod"}
    assert prod[True].median > 5 * prod[False].median
    assert prod[False].median == round(
        median(one.ms for one in delays if one.environment == "prod" and not one.after_pause)
    )
