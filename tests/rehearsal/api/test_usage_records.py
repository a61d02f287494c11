"""Usage records: count, duration and price of calls by category and date."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from twilio.base.exceptions import TwilioException

from tests.rehearsal.network import FRIEND, NUMBER, Network

DIALS = f'<Dial callerId="{NUMBER}" answerOnBridge="true">+15035550199</Dial>'
ANNOUNCES = "<Say>Hello</Say>"
FIRST, NEXT = date(2026, 3, 2), date(2026, 3, 3)


@pytest.fixture
def used(network: Network) -> Network:
    """An account whose phone called a number for 61 seconds; a day later two calls, one answered, came in."""
    network.answers(DIALS)
    network.dial(talk=61)
    network.door.control("POST", "/clock", json={"advance_s": 86_400})
    network.answers(ANNOUNCES)
    network.door.call(from_=FRIEND, to=NUMBER)
    network.answers(DIALS)
    network.dial(busy=True)
    network.door.control("POST", "/clock", json={"advance_s": 3600})
    return network


def counted(records: list[Any]) -> dict[str, tuple[str | None, str, str]]:
    """Count, usage and price of each category."""
    return {one.category: (one.count, one.usage, f"{one.price:.5f}") for one in records}


def test_calls_are_counted_in_their_categories(used: Network) -> None:
    """Each in its own category and its parents; minutes are rounded up, and prices are those of the calls."""
    prices = [float(one.price) for one in used.client.calls.list() if one.price]
    found = counted(used.client.usage.records.list())
    assert {name: one[:2] for name, one in found.items()} == {
        "calls": ("3", "5"),
        "calls-inbound": ("1", "1"),
        "calls-inbound-local": ("1", "1"),
        "calls-inbound-tollfree": ("0", "0"),
        "calls-outbound": ("1", "2"),
        "calls-sip": ("1", "2"),
        "calls-sip-inbound": ("1", "2"),
        "calls-sip-outbound": ("0", "0"),
        "totalprice": (None, f"{-sum(prices):.5f}"),
    }
    assert found["calls"][2] == f"{-sum(prices):.5f}"


def test_days_are_told_apart(used: Network) -> None:
    """Newest first, including days without a call; today and yesterday are separate lists."""
    records = used.client.usage.records
    assert [(one.start_date, one.end_date, one.count) for one in records.daily.list(category="calls-outbound")] == [
        (NEXT, NEXT, "0"),
        (FIRST, FIRST, "1"),
    ]
    assert [one.count for one in records.today.list(category="calls-inbound")] == ["1"]
    assert [one.count for one in records.yesterday.list(category="calls-inbound")] == ["0"]
    for whole in (records.monthly, records.yearly, records.all_time, records.this_month):
        (one,) = whole.list(category="calls")
        assert (one.end_date, one.count) == (NEXT, "3")
    assert [one.count for one in records.last_month.list(category="calls")] == ["0"]


def test_a_span_may_be_asked_for(used: Network) -> None:
    """By dates, or by offsets from today; an empty range gives an empty list."""
    records = used.client.usage.records
    assert [one.count for one in records.list(category="calls", start_date=FIRST, end_date=FIRST)] == ["2"]
    uri = f"/2010-04-01/Accounts/{used.client.account_sid}/Usage/Records/Daily.json"
    asked = {"Category": "calls", "StartDate": "-1days", "EndDate": "-1days"}
    (one,) = used.door.ask("GET", "api.twilio.com", uri, params=asked).json()["usage_records"]
    assert (one["start_date"], one["count"]) == ("2026-03-02", "2")
    assert records.list(start_date=NEXT, end_date=FIRST) == []
    assert records.list(category="sms") == []


def test_what_is_no_day_is_refused(network: Network) -> None:
    """The error names the value."""
    with pytest.raises(TwilioException, match="Invalid StartDate: it must be a date"):
        network.client.usage.records.list(start_date="tomorrow")
