"""Counts and rates: numerators, denominators, and sums over parts."""

import math
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.calls.attempts.outcomes import DELIVERED, JUDGED, LOST, OUTCOMES
from dialtone_nb.calls.attempts.schema import make_frame
from dialtone_nb.calls.measures.rates import (
    RATES,
    Rate,
    count_outcomes,
    days_of,
    in_periods,
    rate_of,
    rates_by,
    reasons_of_failure,
    wilson_interval,
)
from dialtone_nb.calls.measures.tally import KEYS, merge_hours, merge_tallies, tally_attempts, tally_hours
from tests.calls.strategies import counted, frame_of, frames, merged


def tally_of(*outcomes: str, **more: object) -> pd.DataFrame:
    """The tally of attempts with these outcomes."""
    known = {
        "started_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
        "environment": "prod",
        "client": "lobby",
        "direction": "outgoing",
        "reason": None,
        "duration_s": None,
        "price": None,
        "currency": None,
    }
    return counted(tally_attempts, frame_of([{**known, "outcome": outcome, **more} for outcome in outcomes]))


@given(frames, st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_tallies_of_parts_merge_into_the_tally_of_the_whole(frame: pd.DataFrame, cut: int) -> None:
    """However the attempts are split, and in whatever order the parts are merged, the counts are the same."""
    parts, zone = (frame.iloc[cut:], frame.iloc[:cut]), "America/Los_Angeles"
    for merge, tally in ((merge_tallies, tally_attempts), (merge_hours, tally_hours)):
        pd.testing.assert_frame_equal(merged(merge, tally, parts, zone), counted(tally, frame, zone))


@given(frames)
@settings(max_examples=30, deadline=None)
def test_no_attempt_is_lost_or_counted_twice(frame: pd.DataFrame) -> None:
    """Attempts, seconds and micro-units of the price in a tally equal those of the frame."""
    tally = counted(tally_attempts, frame)
    assert tally["attempts"].sum() == len(frame)
    assert tally["talk_s"].sum() == frame["duration_s"].sum()
    assert tally["priced"].sum() == frame["price"].notna().sum()
    assert tally["price_micros"].sum() == round(frame["price"].sum() * 1_000_000)
    assert not tally.duplicated(list(KEYS)).any()


@given(frames, st.sampled_from(["day", "client", "direction", "environment"]))
@settings(max_examples=30, deadline=None)
def test_rates_are_plain_shares_of_the_frame(frame: pd.DataFrame, key: str) -> None:
    """Every rate by any key equals its numerator over its denominator, counted row by row."""
    frame = frame.assign(day=frame["started_at"].dt.tz_localize(None).dt.normalize())
    for name, row in rates_by(counted(tally_attempts, frame), [key]).iterrows():
        rows = frame[frame[key].fillna("") == name] if key != "day" else frame[frame["day"] == name]
        judged = rows["outcome"].isin(JUDGED).sum()
        assert (row["attempts"], row["judged"]) == (len(rows), judged)
        for rate in RATES.values():
            numerator = rows["outcome"].isin(rate.numerator).sum()
            assert row[rate.name] == numerator
            if judged:
                assert row[f"{rate.name}_rate"] == numerator / judged
            else:
                assert math.isnan(row[f"{rate.name}_rate"])


def test_every_outcome_is_delivered_or_lost_or_stands_aside() -> None:
    """A judged attempt is either delivered or lost; refused, open and unknown attempts are in no rate."""
    assert sorted(DELIVERED + LOST) == sorted(JUDGED)
    assert set(OUTCOMES) - set(JUDGED) == {"refused", "in_progress", "unknown"}


def test_refused_and_unknown_attempts_change_no_rate() -> None:
    """A refused premium number is not a failure."""
    assert rate_of(tally_of("answered", "failed", "refused", "unknown", "in_progress"), "answered") == Rate(1, 2)


def test_without_a_denominator_there_is_no_rate() -> None:
    """The cell has words in place of 0 %."""
    rate = rate_of(tally_of("refused"), "answered")
    assert (rate.value, str(rate), rate.is_few) == (None, "no calls to judge", True)


@given(st.integers(0, 5000), st.integers(0, 5000))
@settings(max_examples=30, deadline=None)
def test_a_wilson_interval_holds_its_rate_and_stays_between_0_and_1(one: int, other: int) -> None:
    """The interval contains the rate, for any counts."""
    numerator, denominator = min(one, other), max(one, other)
    low, high = wilson_interval(numerator, denominator)
    assert 0 <= low <= (numerator / denominator if denominator else 0.5) <= high <= 1


@pytest.mark.parametrize(
    ("numerator", "denominator", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_the_literature(
    numerator: int, denominator: int, low: float, high: float
) -> None:
    """The bounds equal Newcombe's published ones to four places."""
    assert wilson_interval(numerator, denominator) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_wilson_intervals_cover_the_truth_about_95_times_in_100(share: float) -> None:
    """Over every possible count of 60 calls, weighted by its probability, the true share is inside 93 to 98 %."""
    calls = 60
    covered = sum(
        math.comb(calls, count) * share**count * (1 - share) ** (calls - count)
        for count in range(calls + 1)
        if wilson_interval(count, calls)[0] <= share <= wilson_interval(count, calls)[1]
    )
    assert 0.93 <= covered <= 0.98


@pytest.mark.parametrize(
    ("moment", "zone", "day", "hour"),
    [
        ("2025-11-02T08:30:00Z", "America/Los_Angeles", "2025-11-02", 1),
        ("2025-11-02T09:30:00Z", "America/Los_Angeles", "2025-11-02", 1),
        ("2026-03-08T10:30:00Z", "America/Los_Angeles", "2026-03-08", 3),
        ("2026-03-02T06:59:59Z", "America/Los_Angeles", "2026-03-01", 22),
        ("2026-03-02T23:59:59Z", "UTC", "2026-03-02", 23),
        ("2026-03-01T18:45:00Z", "Asia/Kathmandu", "2026-03-02", 0),
    ],
)
def test_days_and_hours_are_those_of_the_time_zone(moment: str, zone: str, day: str, hour: int) -> None:
    """Across daylight saving, midnight and zones with odd minutes, calls have local day and hour."""
    known: dict[str, list[Any]] = {"direction": ["outgoing"], "outcome": ["busy"], "started_at": [pd.Timestamp(moment)]}
    row = counted(tally_hours, make_frame(known), zone).iloc[0]
    assert (f"{row['day']:%Y-%m-%d}", row["hour"]) == (day, hour)
    assert f"{counted(tally_attempts, make_frame(known), zone).iloc[0]['day']:%Y-%m-%d}" == day


def test_an_empty_day_is_a_day() -> None:
    """The days of a tally have no gaps."""
    tally = pd.concat([tally_of("busy"), tally_of("busy", started_at=datetime(2026, 3, 5, tzinfo=UTC))])
    assert [f"{day:%d}" for day in days_of(tally)] == ["02", "03", "04", "05"]


@pytest.mark.parametrize(("period", "first"), [("day", "2026-03-04"), ("week", "2026-03-02"), ("month", "2026-03-01")])
def test_a_period_is_named_by_its_first_day(period: str, first: str) -> None:
    """A Wednesday's call belongs to the week of its Monday and to its month."""
    tally = in_periods(tally_of("busy", started_at=datetime(2026, 3, 4, tzinfo=UTC)), period)
    assert [f"{day:%Y-%m-%d}" for day in tally["day"]] == [first]


def test_reasons_of_failure_come_most_frequent_first_with_a_running_share() -> None:
    """Only lost attempts count, and the running share ends at 100 %."""
    tally = pd.concat(
        [tally_of("failed", "answered", reason="13224"), tally_of("unregistered", "unregistered", reason="32009")]
    )
    table = reasons_of_failure(tally)
    assert table["reason"].tolist() == ["32009", "13224"]
    assert table["share"].tolist() == [2 / 3, 1 / 3]
    assert table["running_share"].tolist() == [2 / 3, 1.0]


def test_nothing_at_all_is_counted_as_nothing() -> None:
    """Without attempts the tables are empty, without an error."""
    tally = counted(tally_attempts, frame_of([]))
    assert count_outcomes(tally).to_numpy().sum() == 0
    assert rates_by(tally, ["day"]).empty
    assert rate_of(tally, "delivered") == Rate(0, 0)
    assert reasons_of_failure(tally).empty
