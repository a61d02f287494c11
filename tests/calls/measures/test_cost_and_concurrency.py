"""Costs and concurrent calls equal a plain count."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.account.account import open_account
from dialtone_nb.calls.attempts.schema import DIRECTIONS
from dialtone_nb.calls.load import CallData, CallRunbook
from dialtone_nb.calls.measures.concurrency import merge_overlaps, peak_of, peaks_by_day, tally_overlaps
from dialtone_nb.calls.measures.rates import cost_by
from dialtone_nb.calls.measures.tally import tally_attempts
from dialtone_nb.calls.twilio_source.call_limit import call_limit, load_call_limit
from dialtone_nb.report.call_report import tabulate_concurrency, tabulate_cost, tabulate_rates
from tests.calls.strategies import counted, frame_of, merged

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def answered(second: int, duration: int | None, price: float | None = None) -> dict[str, object]:
    """A call that was answered."""
    return {
        "started_at": START + timedelta(seconds=second),
        "client": "lobby",
        "direction": "outgoing",
        "outcome": "answered",
        "duration_s": duration,
        "price": price,
        "currency": "USD",
    }


# Many calls within three days, some of hours, so that they meet each other and midnight.
crowds = st.lists(
    st.builds(
        lambda second, duration, way, outcome: {**answered(second, duration), "direction": way, "outcome": outcome},
        st.integers(0, 3 * 24 * 60).map(lambda minute: 60 * minute),
        st.none() | st.integers(0, 20 * 60).map(lambda minute: 60 * minute),
        st.sampled_from(DIRECTIONS),
        st.sampled_from(["answered", "answered", "answered", "busy"]),
    ),
    max_size=40,
).map(frame_of)


def test_calls_at_once_are_counted_from_start_to_end() -> None:
    """A call that starts when another ends does not overlap it; one without a duration is not counted."""
    frame = frame_of([answered(0, 60), answered(30, 30), answered(60, 10), answered(40, None)])
    assert peak_of(counted(tally_overlaps, frame)) == (2, pd.Timestamp(START) + pd.Timedelta(seconds=30))


def test_without_a_call_none_went_on_at_once() -> None:
    """The peak is zero, without a time."""
    assert peak_of(counted(tally_overlaps, frame_of([]))) == (0, None)


def peak_counted_plainly(frame: pd.DataFrame) -> int:
    """The highest number of concurrent calls, which always begins with the start of one."""
    timed = frame[(frame["outcome"] == "answered") & (frame["duration_s"].fillna(0) > 0)]
    spans = [
        (at, at + pd.Timedelta(seconds=int(length)))
        for at, length in zip(timed["started_at"], timed["duration_s"], strict=True)
    ]
    return max((sum(begin <= at < end for begin, end in spans) for at, _ in spans), default=0)


@given(crowds)
@settings(max_examples=40, deadline=None)
def test_the_peak_is_what_a_look_at_every_start_finds(frame: pd.DataFrame) -> None:
    """Across midnight too, and for each direction."""
    overlaps = counted(tally_overlaps, frame)
    assert peak_of(overlaps)[0] == peak_counted_plainly(frame)
    for way in DIRECTIONS:
        assert peak_of(overlaps, way)[0] == peak_counted_plainly(frame[frame["direction"] == way])


@given(crowds)
@settings(max_examples=40, deadline=None)
def test_overlaps_of_days_merge_into_those_of_the_whole(frame: pd.DataFrame) -> None:
    """Days counted separately, in any order, give the same peaks at the same times."""
    days = [part for _, part in frame.groupby(frame["started_at"].dt.floor("D"), sort=False)]
    together = merged(merge_overlaps, tally_overlaps, [*reversed(days), frame.iloc[:0]])
    pd.testing.assert_frame_equal(together, counted(tally_overlaps, frame))
    pd.testing.assert_frame_equal(peaks_by_day(together), peaks_by_day(counted(tally_overlaps, frame)))


def test_cost_is_the_sum_of_settled_prices() -> None:
    """An attempt without a price yet is in no sum."""
    frame = frame_of([answered(0, 60, 0.013), answered(60, 60, 0.0085), answered(120, 60)])
    (row,) = cost_by(counted(tally_attempts, frame), "client").to_dict("records")
    assert (row["client"], row["currency"], row["priced"], row["price"]) == ("lobby", "USD", 2, 0.0215)


def test_the_report_says_what_has_no_price_yet_and_sums_weeks() -> None:
    """Cost by phone with its currency, and a count of attempts without a price; two days of one week are one row."""
    frame = frame_of([answered(0, 60, 0.013), answered(86_400, 60, 0.0085), answered(86_460, 60)])
    tally = counted(tally_attempts, frame)
    cost = tabulate_cost(tally)
    assert cost.rows == (("lobby", 2, "0.02 USD", "0.0107 USD"),)
    assert cost.note == "1 attempt without a settled price: not in this table."
    assert [row[:3] for row in tabulate_rates(tally, "week").rows] == [("2026-03-02 Mon", 3, 3)]
    concurrency = tabulate_concurrency(CallData.of(frame, "a test"))
    assert concurrency.rows == (
        ("all", 1, "2026-03-02 09:00:00"),
        ("outgoing", 1, "2026-03-02 09:00:00"),
        ("incoming", 0, None),
    )


@pytest.mark.parametrize(
    ("account_type", "profiles", "told"),
    [
        ("Trial", [], "5, as it is a trial account. Each has two legs, and Twilio may count both"),
        ("Full", ["draft"], "as no customer profile is approved. So many went on at once: more are refused with 10004"),
        ("Full", ["twilio-approved"], "So many went on at once"),
    ],
)
def test_calls_at_once_stand_beside_the_accounts_limit(account_type: str, profiles: list[str], told: str) -> None:
    """The limit follows account type and customer profiles: exceeded, exceeded if both legs count, or not."""
    crowd = CallData.of(frame_of([answered(0, 60), answered(10, 60), answered(20, 60)]), "a test")
    limit = call_limit(account_type, profiles)
    assert told in tabulate_concurrency(crowd, limit).note
    lone = tabulate_concurrency(CallData.of(frame_of([answered(0, 60)]), "a test"), call_limit("Trial", []))
    assert lone.note == "Twilio's limit for this account: 5, as it is a trial account."
    assert tabulate_concurrency(crowd).note == ""


def test_the_limit_is_read_of_the_account_that_the_calls_are_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rehearsed account is upgraded and has an approved profile; a log of events has no account."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "state.db"))
    account = open_account("rehearsal", tmp_path)
    of_account, of_log = (
        cast(CallRunbook, SimpleNamespace(account=account, parameters=SimpleNamespace(source=source)))
        for source in ("twilio", "calls.jsonl")
    )
    assert load_call_limit(of_account) == call_limit("Full", ["twilio-approved"])
    assert load_call_limit(of_log) is None
