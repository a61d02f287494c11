"""Registrations and calls combined: intervals as a frame, and their figure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from dialtone_nb.calls.attempts.call_data import CallData
from dialtone_nb.calls.figures.known_phones import draw_known_phones
from dialtone_nb.calls.known_phones import load_known_phones
from dialtone_nb.calls.measures.known_phones import frame_registrations, intervals_of, know_phones
from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.registrations.intervals import sum_up
from dialtone_nb.phones.registrations.lines import RegistrationState
from dialtone_nb.phones.registrations.store import Registration, keep_registrations
from tests.calls.strategies import frame_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def minute(number: float) -> datetime:
    """A moment."""
    return NOON + timedelta(minutes=number)


def told(at: float, state: RegistrationState = RegistrationState.REGISTERED, reason: str = "") -> Registration:
    """A registration event of the lobby."""
    return Registration(minute(at), "lobby", state, reason, 600)


def call(at: float, direction: str, outcome: str, **more: Any) -> dict[str, Any]:
    """An attempt of the lobby."""
    return {"started_at": minute(at), "client": "lobby", "direction": direction, "outcome": outcome, **more}


def known(registrations: list[Registration], attempts: list[dict[str, Any]], until: float = 60) -> pd.DataFrame:
    """The intervals of two phones."""
    frame = frame_registrations(registrations)
    return know_phones(frame, frame_of(attempts), ["lobby", "kitchen"], NOON, minute(until))


def of_lobby(intervals: pd.DataFrame) -> list[tuple[str, float, str]]:
    """The lobby's intervals, with their first minute and reason."""
    rows = intervals[intervals["client"] == "lobby"].to_dict("records")
    return [(str(row["known"]), (row["since"] - NOON) / timedelta(minutes=1), str(row["reason"])) for row in rows]


def test_calls_and_alerts_tell_where_a_phone_does_not() -> None:
    """Ringing shows that a phone is registered, 32009 and 32011 that it is not; a refused call shows neither."""
    attempts = [
        call(0, "incoming", "no_answer"),
        call(5, "incoming", "unregistered", reason="32009"),
        call(20, "incoming", "unreachable", reason="32011"),
        call(22, "outgoing", "refused"),
        call(40, "incoming", "refused"),
    ]
    assert of_lobby(known([], attempts)) == [
        ("known on", 0, ""),
        ("known off", 5, "32009 not registered"),
        ("not known", 15, ""),
        ("known off", 20, "32011 can't be reached"),
        ("known on", 22, ""),
        ("not known", 32, ""),
    ]


def test_a_long_call_is_a_long_sign() -> None:
    """A phone counts as registered during a call and for a while after it."""
    assert of_lobby(known([], [call(0, "incoming", "answered", duration_s=1200)])) == [
        ("known on", 0, ""),
        ("not known", 30, ""),
    ]


def test_both_together_and_each_of_the_phones() -> None:
    """A call corrects an earlier registration event; a phone without data has one interval."""
    intervals = known([told(0), told(5), told(30)], [call(8, "incoming", "unregistered")], until=35)
    assert of_lobby(intervals) == [
        ("known on", 0, ""),
        ("known off", 8, "32009 not registered"),
        ("not known", 18, ""),
        ("known on", 30, ""),
    ]
    phones = sum_up(intervals_of(intervals))
    assert phones["kitchen"].words == "not known since 2026-03-02 12:00 UTC"
    assert phones["lobby"].words == (
        "known on since 2026-03-02 12:30 UTC; last failure 2026-03-02 12:08 UTC: 32009 not registered"
    )


def test_the_figure_has_a_bar_for_each_phone_and_says_why() -> None:
    """A trace for each state, with the reason for being off."""
    intervals = known([told(0), told(5, RegistrationState.FAILED, "403 user name or password refused")], [])
    figure = json.loads(draw_known_phones(intervals).to_json())
    assert [trace["name"] for trace in figure["data"]] == ["known on", "known off", "not known"]
    off = figure["data"][1]
    assert (off["x"][:2], off["y"][0]) == (["2026-03-02 12:05:00", "2026-03-02 12:35:00"], "lobby")
    assert "403 user name or password refused" in off["text"][0]
    assert figure["layout"]["yaxis"]["categoryarray"] == ["lobby", "kitchen"]


def test_nothing_at_all_is_one_line() -> None:
    """For no phones and for no lines."""
    nothing = know_phones(frame_registrations([]), frame_of([]), [], NOON, minute(5))
    assert draw_known_phones(nothing).line == "No phone has told of its registration."
    assert draw_known_phones(known([], [])).to_json()


def test_a_report_has_the_phones_that_told_and_their_calls(tmp_path: Path, parameters: Parameters) -> None:
    """For the report's days on a real account; a rehearsal or a file has none."""
    now = datetime.now(UTC)
    with keep_registrations(tmp_path / "registrations") as keep:
        for client in ("lobby", "stranger"):
            keep(Registration(now, client, RegistrationState.REGISTERED, expires_s=600))
    ago = now - timedelta(hours=2)
    attempts = [
        {**call(0, "incoming", "unregistered"), "started_at": ago, "client": client} for client in ("lobby", "van")
    ]
    calls = CallData.of(frame_of(attempts), "a test", (), (now - timedelta(days=1)).date(), now.date())

    def intervals(account: str = "twilio", source: str = "twilio") -> pd.DataFrame:
        given = SimpleNamespace(account=account, source=source)
        runbook: Any = SimpleNamespace(parameters=given, declared=parameters, project=tmp_path)
        return load_known_phones(runbook, calls)

    found = intervals()
    assert set(found["client"]) == {"lobby"}
    assert list(found["known"]) == ["not known", "known off", "not known", "known on"]
    assert intervals(account="rehearsal").empty
    assert intervals(source="calls.json").empty
