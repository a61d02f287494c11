"""Findings of the rules on calls: each kind of trouble is found, and what is only unusual is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dialtone_nb.alarms.judge import CallLog, Finding, judge_calls, judge_emergencies, judge_ends
from dialtone_nb.alarms.rules import Rule
from dialtone_nb.calls.attempts.schema import make_frame
from dialtone_nb.calls.emergency_calls import EmergencyCall

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ENVIRONMENTS = {"lobby": "prod", "clinic": "prod", "van": "stage"}
Call = dict[str, Any]


def usual(days: int = 40, until: datetime = NOW) -> list[Call]:
    """Days on which the lobby calls eight times, the clinic six and the van four; one call in twenty is lost."""
    calls = []
    for day in range(days):
        for name, many in (("lobby", 8), ("clinic", 6), ("van", 4)):
            for number in range(many):
                at = until - timedelta(days=days - day) + timedelta(hours=2 + number, minutes=7 * number)
                lost = (day * many + number) % 20 == 3
                calls.append(call(at, name, number, lost=lost))
    return calls


def call(at: datetime, client: str = "lobby", number: int = 0, *, lost: bool = False, **more: Any) -> Call:
    """One outgoing call."""
    return {
        "started_at": at,
        "client": client,
        "environment": ENVIRONMENTS[client],
        "direction": "outgoing",
        "other_party": f"+1503555{number:04}",
        "outcome": "failed" if lost else "answered",
        "reason": "32016" if lost else "",
        "price": 0.02,
        "currency": "USD",
        **more,
    }


def found(calls: list[Call], kind: str, now: datetime = NOW, **options: Any) -> list[Finding]:
    """What one rule finds."""
    frame = make_frame({name: [one[name] for one in calls] for name in calls[0]})
    log = CallLog.of(frame, ENVIRONMENTS)
    rule = Rule(watches=kind, **options)  # type: ignore[arg-type]
    return judge_calls({"rule": rule}, log, now, timedelta(days=90), ZoneInfo("UTC"))["rule"]


@pytest.mark.parametrize("kind", ["silence", "loss", "reason", "burst", "country"])
def test_usual_days_raise_nothing(kind: str) -> None:
    """No rule finds anything in the usual days."""
    assert found(usual(), kind) == []


def test_a_phone_that_has_stopped_calling_is_silent() -> None:
    """The others go on calling; the finding names the phone, its environment and the time of its last call."""
    calls = [one for one in usual() if one["client"] != "clinic" or one["started_at"] < NOW - timedelta(days=3)]
    (one,) = found(calls, "silence")
    assert (one.subject, one.values) == ("clinic", {"phone": "clinic", "environment": "prod"})
    assert one.title == "clinic has been silent for 3.7 days"
    assert "no sign of life since 2026-05-28" in one.evidence


def test_a_holiday_of_everybody_is_no_silence() -> None:
    """If nobody calls, no phone's share of the calls has fallen."""
    assert found(usual(until=NOW - timedelta(days=4)), "silence") == []


def test_a_phone_that_seldom_calls_is_not_silent_after_as_many_days() -> None:
    """Three days without a call are usual for a phone that calls twice a week."""
    seldom = [call(NOW - timedelta(days=3 * week), "van", week) for week in range(1, 25)]
    calls = [one for one in usual() if one["client"] != "van"] + seldom
    assert found(calls, "silence") == []


def test_more_lost_calls_than_before_are_told_of_the_phone() -> None:
    """The finding has both rates and the period; the phone's environment is not reported for the same calls."""
    calls = usual()
    for number in range(12):
        calls.append(call(NOW - timedelta(hours=5, minutes=9 * number), "lobby", 100 + number, lost=number % 3 > 0))
    (one,) = found(calls, "loss", windows=["6h", "1d"])
    assert one.title == "lobby loses 8 of 20 calls"
    assert "in 24 h; before, 5.1% (16 of 312; " in one.evidence


def test_where_several_phones_lose_calls_their_environment_is_told_of_once() -> None:
    """An outage of an environment is one finding; phones of other environments are reported by themselves."""
    calls = usual()
    for client in ("lobby", "clinic"):
        calls += [call(NOW - timedelta(minutes=20 * n), client, 100 + n, lost=True) for n in range(1, 9)]
    (one,) = found(calls, "loss", windows=["6h"])
    assert (one.subject, one.values) == ("prod", {"environment": "prod"})


def test_one_person_who_dials_again_and_again_is_one_lost_call() -> None:
    """Twelve calls to the same number within an hour count as one."""
    again = [call(NOW - timedelta(minutes=4 * number), "lobby", 100, lost=True) for number in range(1, 13)]
    assert found(usual() + again, "loss", windows=["6h", "1d"]) == []


def test_a_reason_that_nobody_has_seen_is_new() -> None:
    """The finding explains the new reason."""
    new = [
        call(NOW - timedelta(hours=number), "van", 100 + number, lost=True, reason="32017") for number in range(1, 9)
    ]
    (one,) = found(usual() + new, "reason")
    assert one.title == "the reason 32017 is new: carrier refused the caller ID"


@pytest.mark.parametrize("number", [None, 900])
def test_calls_on_end_are_a_burst_to_whatever_number(number: int | None) -> None:
    """Calls to many numbers, as with a stolen password, or to one number over and over, whose owner earns by it."""
    burst = [call(NOW - timedelta(minutes=2 * nth), "lobby", number or 100 + nth) for nth in range(1, 26)]
    (one,) = found(usual() + burst, "burst", windows=["1h", "1d"])
    assert one.title == "lobby has placed 25 calls in 1 h"


def test_a_phone_that_calls_in_bursts_each_week_has_none() -> None:
    """Ten calls in an hour are reported for one phone, and are usual for another."""
    habit = [
        call(NOW - timedelta(days=7 * week, minutes=5 * number), "van", 50 + number)
        for week in range(10)
        for number in range(10)
    ]
    assert found(usual() + habit, "burst", windows=["1h"]) == []
    assert [one.subject for one in found(usual() + habit[:10], "burst", windows=["1h"])] == ["van"]


def test_a_new_phone_is_held_against_all_of_them() -> None:
    """It has no history, so that all phones' calls are its measure; fraud often uses new phones."""
    calls = [one for one in usual() if one["client"] != "van"]
    burst = [call(NOW - timedelta(minutes=2 * number), "van", 100 + number) for number in range(1, 26)]
    assert [one.subject for one in found(calls + burst, "burst", windows=["1h"])] == ["van"]


@pytest.mark.parametrize("dialled", ["+5355{:05}", "0115355{:05}"])
def test_a_country_that_was_never_called_is_told_however_it_is_dialled(dialled: str) -> None:
    """If it is called more than once, in whatever spelling."""
    abroad = [
        call(NOW - timedelta(hours=1), "lobby", other_party=dialled.format(54320 + n), outcome="refused")
        for n in range(5)
    ]
    (one,) = found(usual() + abroad, "country", windows=["1d"])
    assert (one.subject, one.values["phone"]) == ("CU", "lobby")
    assert one.title == "CU is called for the first time: 5 calls in 24 h"
    assert "5355" not in one.evidence


def test_a_budget_is_overrun_or_will_be() -> None:
    """An exceeded budget is certain; a forecast uses the lower bound of the mean."""
    calls = usual(until=NOW - timedelta(hours=13))  # 18 calls a day, 0.36 dollars
    middle = datetime(2026, 5, 20, 12, tzinfo=UTC)
    calls = [one for one in calls if one["started_at"] < middle]
    assert found(calls, "spend", middle, budget=20.0) == []
    (pace,) = found(calls, "spend", middle, budget=10.0)
    assert pace.title == "calls of 2026-05 will cost more than 10.00 USD"
    (over,) = found(calls, "spend", middle, budget=5)
    assert over.title.startswith("calls of 2026-05 cost ")
    assert found(calls, "spend", middle, budget=5, currency="EUR") == []


def test_an_emergency_call_is_told_once_and_a_drill_never() -> None:
    """The finding has the phone's location; calls to the test number are not reported."""
    calls = [
        EmergencyCall(NOW, "lobby", number, "answered", "", "240 Alder Street", "+15035550103")
        for number in ("911", "933")
    ]
    (one,) = judge_emergencies("rule", Rule(watches="emergency"), calls, ENVIRONMENTS)
    assert one.title == "lobby called 911: answered"
    assert (one.event_at, "240 Alder Street" in one.evidence) == (NOW, True)
    assert judge_emergencies("rule", Rule(watches="emergency", phones=("van",)), calls, ENVIRONMENTS) == []


def test_what_ends_is_told_before_it_does() -> None:
    """The network's own dates, and the runtime's end of life."""
    rule = Rule(watches="end", before="30d", dates={"API key": date(2027, 4, 20)})
    told: Callable[[date], list[str]] = lambda day: [one.title for one in judge_ends("rule", rule, "node22", day)]  # noqa: E731
    assert told(date(2027, 3, 1)) == []
    assert told(date(2027, 3, 25)) == ["API key ends on 2027-04-20"]
    assert told(date(2027, 5, 1)) == ["API key ended on 2027-04-20", "runtime node22 ended on 2027-04-30"]
