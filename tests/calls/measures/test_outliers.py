"""Days and hours with more lost calls than chance explains are found, with their cause; chance alone is not."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from dialtone_nb.calls.attempts.schema import pandas_of
from dialtone_nb.calls.measures.outliers import BadDay, find_bad_days
from dialtone_nb.calls.measures.rates import Rate
from dialtone_nb.calls.measures.tally import tally_attempts, tally_hours
from tests.calls.strategies import with_sids

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def day_of(number: int, lost: int, judged: int, *, hour: int | None = None, **more: Any) -> list[dict[str, Any]]:
    """A number of judged attempts on a day, some of them lost, all in one hour or spread."""
    return [
        {
            "started_at": MONDAY + timedelta(days=number, hours=place % 24 if hour is None else hour, seconds=place),
            "client": f"phone-{place % 5}",
            "direction": "outgoing",
            "outcome": "failed" if place < lost else "answered",
            "reason": "13224" if place < lost else None,
            **(more if place < lost else {}),
        }
        for place in range(judged)
    ]


def bad_days(*days: list[dict[str, Any]]) -> tuple[BadDay, ...]:
    """The bad days among these."""
    attempts = with_sids([attempt for day in days for attempt in day])
    return find_bad_days(pandas_of(tally_attempts(attempts)), pandas_of(tally_hours(attempts)))


def test_a_day_that_lost_a_third_is_named_with_its_cause() -> None:
    """17 of 52 lost where 7 % is usual: the finding has the day, its phone, and the unusual reason."""
    usual = [day_of(number, 4, 52) for number in range(30) if number != 12]
    (bad,) = bad_days(*usual, day_of(12, 17, 52, reason="32011", outcome="unreachable", client="ferry"))
    assert (bad.day, bad.lost) == (pd.Timestamp("2026-03-14"), Rate(17, 52))
    assert bad.otherwise == Rate(29 * 4, 29 * 52)
    assert (bad.reason, bad.client) == ("32011", "ferry")


def test_an_hour_that_stands_out_is_named_on_a_day_that_does_not() -> None:
    """An outage of one hour on a busy day."""
    days = [day_of(number, 14, 240) for number in range(10)]
    (bad,) = bad_days(*days, day_of(3, 8, 8, hour=15, reason="32016"))
    assert (bad.day, bad.hours, bad.words_of_hours) == (pd.Timestamp("2026-03-05"), ((15, 16),), "from 15:00 to 16:00")
    assert bad.in_hours >= 8


def test_neighbouring_hours_are_one_span() -> None:
    """Three hours of an outage, and a later one."""
    days = [day_of(number, 6, 240) for number in range(10)]
    outage = [day_of(3, 9, 9, hour=hour) for hour in (9, 10, 11, 20)]
    (bad,) = bad_days(*days, *outage)
    assert bad.hours == ((9, 12), (20, 21))


@pytest.mark.parametrize("days", [[], [day_of(0, 0, 10)], [day_of(0, 10, 10)], [day_of(0, 3, 10), day_of(1, 3, 10)]])
def test_where_there_is_nothing_to_compare_nothing_stands_out(days: list[list[dict[str, Any]]]) -> None:
    """No calls, one day, or days alike."""
    assert bad_days(*days) == ()


def test_chance_alone_names_hardly_any() -> None:
    """Of a hundred months with a constant chance of loss, at most ten have a bad day or hour."""
    chance = random.Random(20)
    named = 0
    for _ in range(100):
        days = [day_of(number, sum(chance.random() < 0.07 for _ in range(40)), 40) for number in range(30)]
        for day in days:
            outcomes = [attempt["outcome"] for attempt in day]
            chance.shuffle(outcomes)
            for attempt, outcome in zip(day, outcomes, strict=True):
                attempt["outcome"] = outcome
        named += bool(bad_days(*days))
    assert named <= 10
