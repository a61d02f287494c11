"""Intervals of a phone's registration state, with their reasons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.phones.registrations.intervals import (
    Evidence,
    Interval,
    Known,
    evidence_of,
    find_intervals,
    sum_up,
)
from dialtone_nb.phones.registrations.lines import RegistrationState
from dialtone_nb.phones.registrations.store import Registration

START = datetime(2026, 3, 2, tzinfo=UTC)
STATES = {state.value: state for state in RegistrationState}


def minute(number: float) -> datetime:
    """A moment."""
    return START + timedelta(minutes=number)


def told(at: float, state: str = "registered", reason: str = "", expires_s: int = 600) -> Evidence:
    """A registration event of the lobby at this minute."""
    return evidence_of(Registration(minute(at), "lobby", STATES[state], reason, expires_s))


def called(at: float, *, is_on: bool) -> Evidence:
    """The outcome of a call to it."""
    return Evidence(minute(at), "lobby", is_on, minute(at + 10), "a call", "" if is_on else "32009")


def course(*evidence: Evidence, until: float = 120) -> list[tuple[str, float, float]]:
    """The known states with their first and last minutes."""
    intervals = find_intervals(evidence, ["lobby"], START, minute(until))
    return [
        (one.known.value, (one.since - START) / minute_long(), (one.until - START) / minute_long()) for one in intervals
    ]


def minute_long() -> timedelta:
    """A state that lasts a minute."""
    return timedelta(minutes=1)


def test_a_phone_that_renews_in_time_is_on_without_a_gap() -> None:
    """Until its last registration expires."""
    assert course(told(5), told(10), told(15)) == [("not known", 0, 5), ("known on", 5, 25.5), ("not known", 25.5, 120)]


def test_a_phone_that_falls_silent_is_not_known() -> None:
    """Either the phone or only its log may be off."""
    assert course(told(0), told(60), until=65) == [("known on", 0, 10.5), ("not known", 10.5, 60), ("known on", 60, 65)]


def test_a_refusal_is_known_at_once_with_its_reason() -> None:
    """Until it registers again."""
    evidence = [told(0), told(5, "failed", "403 user name or password refused"), told(30)]
    assert course(*evidence, until=35) == [("known on", 0, 5), ("known off", 5, 30), ("known on", 30, 35)]
    phone = sum_up(find_intervals(evidence, ["lobby"], START, minute(35)))["lobby"]
    assert phone.words == (
        "known on since 2026-03-02 00:30 UTC; last failure 2026-03-02 00:05 UTC: 403 user name or password refused"
    )


def test_a_phone_that_unregistered_is_off_for_a_day_and_then_not_known() -> None:
    """It would have logged its return."""
    assert course(told(0, "unregistered", expires_s=0), until=3000) == [
        ("known off", 0, 1440),
        ("not known", 1440, 3000),
    ]


def test_calls_put_right_what_was_told() -> None:
    """A call that found it unregistered ends a logged registration; one that rang ends a failure."""
    assert course(told(0), called(3, is_on=False), until=20) == [
        ("known on", 0, 3),
        ("known off", 3, 13),
        ("not known", 13, 20),
    ]
    assert course(told(0, "failed", "x"), called(3, is_on=True), until=10) == [("known off", 0, 3), ("known on", 3, 10)]


def test_a_call_does_not_shorten_a_long_registration() -> None:
    """An hour's registration lasts an hour, despite later evidence with a shorter duration."""
    assert course(told(0, expires_s=3600), called(5, is_on=True), until=60) == [("known on", 0, 60)]


def test_a_phone_that_comes_and_goes_is_flapping() -> None:
    """From the fourth change within a day."""
    for count, is_flapping in ((2, False), (5, True)):
        evidence = [told(n, "failed" if n % 2 else "registered", "x") for n in range(count)]
        phone = sum_up(find_intervals(evidence, ["lobby"], START, minute(9)))["lobby"]
        assert phone.is_flapping is is_flapping, phone
    later = sum_up(find_intervals(evidence, ["lobby"], START, minute(2000)))["lobby"]
    assert later.changes == 0
    assert not later.is_flapping


def test_a_phone_without_a_word_is_not_known() -> None:
    """From the first to the last moment, in one interval."""
    assert find_intervals([], ["lobby"], START, minute(5)) == [Interval("lobby", Known.NOT, START, minute(5))]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-30, 150), st.sampled_from(sorted(STATES)), st.sampled_from([0, 600, 3600]))
        | st.tuples(st.integers(-30, 150), st.booleans(), st.just(0))
    )
)
def test_intervals_follow_one_another(drawn: list[tuple[int, str | bool, int]]) -> None:
    """For any events they cover the time once, without gaps, and neighbours differ."""
    evidence = [
        called(at, is_on=said) if isinstance(said, bool) else told(at, said, expires_s=expires)
        for at, said, expires in drawn
    ]
    intervals = find_intervals(evidence, ["lobby"], START, minute(120))
    assert (intervals[0].since, intervals[-1].until) == (START, minute(120))
    for before, after in pairwise(intervals):
        assert before.until == after.since
        assert before.known is not after.known
    assert all(one.since < one.until for one in intervals)


@pytest.mark.parametrize("state", list(RegistrationState))
def test_every_state_is_evidence(state: RegistrationState) -> None:
    """For being on or off, for some time."""
    found = evidence_of(Registration(START, "lobby", state, expires_s=600))
    assert found.holds_until > found.at
    assert found.is_on is (state is RegistrationState.REGISTERED)
