"""Pages and filters of lists in both of Twilio's styles, in particular of calls and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.http.operations import ApiRequest
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.state import store as store_module
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.call_records import CallRecord, change_call, start_call
from dialtone_nb.rehearsal.state.store import Store, Thing
from tests.rehearsal.doors import Door

HOUR = 3600.0
FIRST_NUMBER, SECOND_NUMBER = "+15035550101", "+15035550102"


@pytest.fixture
def calls(rehearsal: Rehearsal, state: Path) -> list[CallRecord]:
    """Twelve calls, one an hour from 2026-03-02 09:00 on, every other one from the second number."""
    made = []
    store = Store(state, rehearsal.identity.seed)
    for hour in range(12):
        with store.transaction() as tables:
            from_ = (FIRST_NUMBER, SECOND_NUMBER)[hour % 2]
            call = start_call(tables, from_, "+15035550199", "inbound", "ringing")
            now = tables.advance(60)
            status = "busy" if hour % 3 == 0 else "completed"
            made.append(change_call(tables, call, status=status, answered=call.started, ended=now))
            tables.advance(HOUR - 60)
    store.close()
    return made


def test_classic_pages_are_relative(door: Door, calls: list[CallRecord]) -> None:
    """The 2010-04-01 API has relative page URIs, or null."""
    assert calls
    first = door.classic("GET", "/Calls.json?PageSize=5&Status=completed").json()
    assert (first["page"], first["page_size"], first["start"], first["end"]) == (0, 5, 0, 4)
    assert first["previous_page_uri"] is None
    assert first["next_page_uri"].startswith("/2010-04-01/Accounts/")
    assert "Status=completed" in first["next_page_uri"]
    second = door.ask("GET", "api.twilio.com", first["next_page_uri"]).json()
    assert (second["page"], second["next_page_uri"], len(second["calls"])) == (1, None, 3)
    back = door.ask("GET", "api.twilio.com", second["previous_page_uri"]).json()
    assert back["calls"] == first["calls"]


def test_v1_pages_are_absolute(client: Client, door: Door) -> None:
    """The v1 APIs have absolute page URLs and the list's key in `meta`."""
    for number in range(5):
        client.serverless.v1.services.create(f"service-{number}", "x")
    meta = door.serverless("GET", "/Services?PageSize=2").json()["meta"]
    assert (meta["key"], meta["page"], meta["page_size"], meta["previous_page_url"]) == ("services", 0, 2, None)
    assert meta["next_page_url"].startswith("https://serverless.twilio.com/v1/Services?")
    assert len({service.sid for service in client.serverless.v1.services.list(page_size=2)}) == 5


@pytest.mark.parametrize("query", ["Page=1", "Page=1&PageToken=PACA0", "PageToken=nonsense"])
@pytest.mark.parametrize("path", ["/Calls.json", "/Addresses.json"])
def test_stale_page_token_is_refused(door: Door, path: str, query: str) -> None:
    """A page beyond the first without a valid token gives 400 with 21481."""
    response = door.classic("GET", f"{path}?{query}")
    assert (response.status_code, response.json()["code"]) == (400, 21481)


def test_calls_are_newest_first_in_pages_of_any_size(client: Client, calls: list[CallRecord]) -> None:
    """Calls come newest first, each once, for any page size."""
    newest_first = [call.sid for call in reversed(calls)]
    for size in (1, 5, 12, 50):
        assert [call.sid for call in client.calls.list(page_size=size)] == newest_first


@pytest.mark.parametrize(
    ("filters", "hours"),
    [
        ({"start_time_after": datetime(2026, 3, 2, 18, tzinfo=UTC)}, [9, 10, 11]),
        ({"start_time_before": datetime(2026, 3, 2, 10, tzinfo=UTC)}, [0, 1]),
        ({"start_time": date(2026, 3, 2)}, list(range(12))),
        ({"start_time": date(2026, 3, 3)}, []),
        ({"start_time_before": date(2026, 3, 2)}, []),
        ({"start_time_after": date(2026, 3, 2)}, list(range(12))),
        ({"end_time_after": datetime(2026, 3, 2, 19, 1, tzinfo=UTC)}, [10, 11]),
        ({"from_": SECOND_NUMBER}, [1, 3, 5, 7, 9, 11]),
        ({"from_": SECOND_NUMBER, "status": "busy"}, [3, 9]),
        ({"to": "+15035550100"}, []),
        ({"parent_call_sid": "CA" + "0" * 32}, []),
    ],
)
def test_calls_are_filtered(client: Client, calls: list[CallRecord], filters: dict[str, Any], hours: list[int]) -> None:
    """By times with comparisons, ends, status and parent, alone and together."""
    found = [call.sid for call in client.calls.list(**filters)]
    assert sorted(found) == sorted(calls[hour].sid for hour in hours)


def test_comparison_is_part_of_the_name(door: Door, calls: list[CallRecord]) -> None:
    """An encoded StartTime> filters; StartTimeAfter is unknown and ignored."""
    assert len(door.classic("GET", "/Calls.json?StartTime%3E=2026-03-02T20:00:00Z").json()["calls"]) == 1
    assert len(door.classic("GET", "/Calls.json?StartTimeAfter=2026-03-02T20:00:00Z").json()["calls"]) == len(calls)


@pytest.mark.parametrize("query", ["Status=lost", "StartTime=yesterday", "ParentCallSid=CA1"])
def test_wrong_filter_is_refused(door: Door, query: str) -> None:
    """An invalid status, time or SID gives 400."""
    assert door.classic("GET", f"/Calls.json?{query}").status_code == 400


def test_call_has_every_field_of_twilios(client: Client, calls: list[CallRecord]) -> None:
    """Types are as at Twilio, dates are RFC 2822, and subresources are listed."""
    call = client.calls(calls[1].sid).fetch()
    assert (call.duration, call.queue_time, call.price_unit, call.api_version) == ("60", "0", "USD", "2010-04-01")
    assert call.start_time == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert call.subresource_uris["events"].endswith(f"{call.sid}/Events.json")
    assert (call.forwarded_from, call.answered_by, call.trunk_sid, call.parent_call_sid) == (None, None, None, None)


def test_alerts_are_filtered(client: Client, rehearsal: Rehearsal, state: Path, door: Door) -> None:
    """By level and by date; alerts are kept for thirty days."""
    store = Store(state, rehearsal.identity.seed)
    for code in (32009, 11200, 32009):
        with store.transaction() as tables:
            raise_alert(tables, code, "CA" + "0" * 32, "it went wrong")
            tables.advance(86400)
    store.close()
    alerts = client.monitor.v1.alerts
    assert [alert.error_code for alert in alerts.list()] == ["32009", "11200", "32009"]
    assert [alert.error_code for alert in alerts.list(log_level="error")] == ["11200"]
    assert len(alerts.list(start_date=datetime(2026, 3, 3, tzinfo=UTC))) == 2
    assert len(alerts.list(end_date=datetime(2026, 3, 3, tzinfo=UTC))) == 1
    assert "Msg=it+went+wrong" in alerts.list()[0].alert_text
    with pytest.raises(TwilioException):
        alerts.list(log_level="loud")
    door.control("POST", "/clock", json={"advance_s": 30 * 86400})
    assert alerts.list() == []


def test_permissions_and_prices(client: Client) -> None:
    """By default North America may be called, without high-risk numbers; a number has its price."""
    countries = client.voice.v1.dialing_permissions.countries
    on = {country.iso_code for country in countries.list(low_risk_numbers_enabled=True)}
    assert on == {"US", "CA", "MX", "PR", "VI", "GU", "AS", "MP"}
    assert countries.list(high_risk_special_numbers_enabled=True) == []
    assert (countries("JM").fetch().name, countries("JM").fetch().country_codes) == ("Jamaica", ["+1"])
    (local,) = [
        price
        for price in client.pricing.v1.phone_numbers.countries("US").fetch().phone_number_prices
        if price["number_type"] == "local"
    ]
    assert float(local["current_price"]) > 0
    assert {"US", "CA", "GB"} <= {country.iso_country for country in client.pricing.v1.phone_numbers.countries.list()}
    elsewhere = client.pricing.v1.phone_numbers.countries("GB").fetch().phone_number_prices
    assert "mobile" in {price["number_type"] for price in elsewhere}


def test_high_risk_prefixes_are_those_of_numbers_that_need_the_permission(client: Client) -> None:
    """Each country has its own; inheritance is a setting."""
    countries = client.voice.v1.dialing_permissions.countries
    assert [one.prefix for one in countries("US").highrisk_special_prefixes.list()] == ["+1900"]
    assert "+4490" in {one.prefix[:5] for one in countries("GB").highrisk_special_prefixes.list()}
    with pytest.raises(TwilioException):
        countries("XX").highrisk_special_prefixes.list()
    switch = client.voice.v1.dialing_permissions.settings()
    assert switch.fetch().dialing_permissions_inheritance is True
    switch.update(dialing_permissions_inheritance=False)
    assert switch.fetch().dialing_permissions_inheritance is False


@settings(max_examples=60)
@given(st.lists(st.integers(0, 10**6), unique=True, max_size=40), st.integers(1, 12))
def test_pages_hold_each_item_once_forwards_and_backwards(items: list[int], size: int) -> None:
    """Following next pages gives every item once and in order; previous pages give the same."""

    def page(query: str) -> Any:
        pairs = tuple(tuple(pair.split("=")) for pair in query.split("&"))
        request = ApiRequest("GET", "x.twilio.com", "/v1/Items", query=pairs)  # type: ignore[arg-type]
        return list_response(request, "items", items, lambda item: item, str).body

    seen, before, body = [], None, page(f"PageSize={size}")
    while True:
        seen += body["items"]
        if before is not None:
            assert page(body["meta"]["previous_page_url"].partition("?")[2])["items"] == before
        if body["meta"]["next_page_url"] is None:
            break
        before, body = body["items"], page(body["meta"]["next_page_url"].partition("?")[2])
    assert seen == items


THINGS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), max_size=30)


@settings(max_examples=40, deadline=None)
@given(THINGS, st.integers(0, 3), st.integers(0, 3))
def test_walking_goes_the_way_of_the_list_from_anywhere(made: list[tuple[int, str]], since: int, until: int) -> None:
    """Records with equal times have the list's order from any starting point, forwards and backwards."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder) / "state.db", 7)
        with store.transaction() as tables:
            for at, name in made:
                tables.add("NO", "log", "here", name, {}, at=at)
            tables.add("NO", "log", "elsewhere", "a", {}, at=since)
            listed = [one for one in tables.list("log", "here") if since <= one.created <= until]
            assert list(tables.walk("log", "here", since=since, until=until)) == listed
            for place, one in enumerate(listed):
                after = tables.walk("log", "here", since=since, until=until, after=one.sid)
                assert list(after) == listed[place + 1 :]
                before = tables.walk("log", "here", since=since, until=until, before=one.sid)
                assert list(before) == listed[:place][::-1]
        store.close()


def test_a_page_of_what_grows_with_every_call_reads_that_page_alone(
    client: Client, rehearsal: Rehearsal, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of hundreds of alerts a page reads only its own, and a call's notifications are read by themselves."""
    store = Store(state, rehearsal.identity.seed)
    with store.transaction() as tables:
        call = start_call(tables, FIRST_NUMBER, "+15035550199", "inbound", "completed")
        for number in range(300):
            raise_alert(tables, 32009, f"CA{number:032}", "it went wrong")
            tables.advance(1)
        raise_alert(tables, 32011, call.sid, "this, too")
    store.close()
    read: list[str] = []

    def counting(row: Sequence[Any]) -> Thing:
        read.append(row[1])
        return thing_of(row)

    thing_of = store_module._thing
    monkeypatch.setattr(store_module, "_thing", counting)
    (first, second) = islice(client.monitor.v1.alerts.stream(page_size=20), 2)
    assert (first.error_code, second.error_code) == ("32011", "32009")
    assert 0 < read.count("alert") <= 21
    read.clear()
    assert [one.error_code for one in client.calls(call.sid).notifications.list()] == ["32011"]
    assert read.count("alert") == 1
