"""Calls, alerts and function logs are fetched with twilio-python's client, page after page, over HTTP."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import ThreadingHTTPServer

import pytest
from twilio.rest import Client

from dialtone_nb.account.transport import Transport
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.twilio_source.fetch import fetch_calls
from dialtone_nb.errors import TwilioError
from tests.calls.twilio_source.twilio_lists import REFUSAL, Lists

ACCOUNT = "AC" + "0" * 32
FIRST = date(2026, 3, 2)


@pytest.fixture
def client() -> Iterator[tuple[Client, type[Lists]]]:
    """The official client, connected to a server with five calls an hour apart around two midnights."""
    start = datetime(2026, 3, 2, 22, tzinfo=UTC)
    moments = [start + timedelta(hours=hour) for hour in (0, 1, 2, 3, 26)]
    calls = [
        {"sid": f"CA{number}", "status": "completed", "start_time": format_datetime(at), "at": at}
        for number, at in enumerate(moments)
    ]
    lists = type("OwnLists", (Lists,), {"calls": calls, "asked": [], "failing": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), lists)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    transport = Transport(f"http://127.0.0.1:{server.server_port}")
    yield Client(ACCOUNT, "token", http_client=transport), lists
    transport.session.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_call_and_alert_comes_once_though_windows_share_their_edge(client: tuple[Client, type[Lists]]) -> None:
    """The call at midnight is in two windows, and lists have many pages; each SID is there once."""
    fetched = fetch_calls(client[0], FIRST, FIRST + timedelta(days=2), quality=Quality())
    assert sorted(fetched.calls["sid"]) == ["CA0", "CA1", "CA2", "CA3", "CA4"]
    assert sorted(alert["resource_sid"] for alert in fetched.alerts) == ["CA0", "CA1", "CA2", "CA3", "CA4"]


def test_pages_are_as_large_as_twilio_allows(client: tuple[Client, type[Lists]]) -> None:
    """PageSize is 1000 in the first request of every list."""
    fetch_calls(client[0], FIRST, FIRST, quality=Quality())
    firsts = [url for url in client[1].asked if "Page=" not in url]
    assert firsts
    assert all("PageSize=1000" in url for url in firsts)


def test_each_list_is_asked_at_its_own_host(client: tuple[Client, type[Lists]]) -> None:
    """Calls, alerts and logs are on three of Twilio's hosts."""
    fetch_calls(client[0], FIRST, FIRST, service="dialtone", quality=Quality())
    assert {url.partition("/")[0] for url in client[1].asked} == {
        "api.twilio.com",
        "monitor.twilio.com",
        "serverless.twilio.com",
    }


def test_the_functions_own_events_are_found_in_the_log(client: tuple[Client, type[Lists]]) -> None:
    """Log lines that are no events are skipped; an event has its environment."""
    fetched = fetch_calls(client[0], FIRST, FIRST, service="dialtone", quality=Quality())
    assert fetched.events == [{**REFUSAL, "environment": "prod"}]


def test_without_the_service_the_log_is_missed_and_that_is_said(client: tuple[Client, type[Lists]]) -> None:
    """A missing service, as before the first deploy, is a finding and no error."""
    quality = Quality()
    assert fetch_calls(client[0], FIRST, FIRST, service="gone", quality=quality).events == []
    assert [finding.what for finding in quality.findings()] == ["no function log"]


def test_a_list_that_fails_is_an_error_not_an_empty_report(client: tuple[Client, type[Lists]]) -> None:
    """A report of half of the calls would be wrong."""
    client[1].failing.add("/v1/Alerts")
    with pytest.raises(TwilioError, match="Alerts"):
        fetch_calls(client[0], FIRST, FIRST, quality=Quality())
