"""Calls, alerts and function logs are fetched with twilio-python's client, page after page, over HTTP."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from twilio.rest import Client

from dialtone_nb.calls.fetch import fetch_calls
from dialtone_nb.calls.quality import Quality
from dialtone_nb.errors import TwilioError
from dialtone_nb.transport import Transport

ACCOUNT = "AC" + "0" * 32
FIRST = date(2026, 3, 2)
REFUSAL = {"timestamp": "2026-03-02T09:00:00Z", "event": "outgoing-refused", "call_sid": "CA1", "reason": "premium"}


class Lists(BaseHTTPRequestHandler):
    """Twilio's four lists that a report needs, two records a page, both kinds of paging, dates heeded inclusively."""

    calls: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[str]] = []
    failing: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        """Answer one page."""
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self.asked.append(f"{self.headers['Host']}{self.path}")
        if path in self.failing:
            self._send(503, {})
        elif path.endswith("/Calls.json"):
            begin, end = (_moment(query[f"StartTime{operator}"][0]) for operator in "><")
            self._page("calls", [one for one in self.calls if begin <= one["at"] <= end], query, classic=True)
        elif path == "/v1/Alerts":
            begin, end = (_moment(query[name][0]) for name in ("StartDate", "EndDate"))
            alerts = [{"sid": f"NO{one['sid']}", "resource_sid": one["sid"], "at": one["at"]} for one in self.calls]
            self._page("alerts", [one for one in alerts if begin <= one["at"] <= end], query)
        elif path == "/v1/Services":
            services = [{"sid": "ZS1", "unique_name": "other"}, {"sid": "ZS2", "unique_name": "dialtone"}]
            self._page("services", services, query)
        elif path == "/v1/Services/ZS2/Environments":
            self._page("environments", [{"sid": "ZE1", "unique_name": "prod"}], query)
        else:
            lines = [{"message": text} for text in (json.dumps(REFUSAL), "loading", "{broken", '{"a": 1}', "")]
            self._page("logs", lines, query)

    def _page(
        self, key: str, records: list[dict[str, Any]], query: dict[str, list[str]], classic: bool = False
    ) -> None:
        number = int(query.get("Page", ["0"])[0])
        shown = [{k: v for k, v in one.items() if k != "at"} for one in records[2 * number : 2 * number + 2]]
        again = urlencode({**{k: v[0] for k, v in query.items()}, "Page": number + 1})
        path = urlsplit(self.path).path
        following = f"{path}?{again}" if len(records) > 2 * number + 2 else None
        if classic:
            self._send(200, {key: shown, "next_page_uri": following})
        else:
            url = following and f"https://{self.headers['Host']}{following}"
            self._send(200, {key: shown, "meta": {"key": key, "next_page_url": url}})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def client() -> Iterator[tuple[Client, type[Lists]]]:
    """The official client, led to five calls an hour apart around two midnights."""
    start = datetime(2026, 3, 2, 22, tzinfo=UTC)
    moments = [start + timedelta(hours=hour) for hour in (0, 1, 2, 3, 26)]
    calls = [{"sid": f"CA{number}", "start_time": format_datetime(at), "at": at} for number, at in enumerate(moments)]
    lists = type("OwnLists", (Lists,), {"calls": calls, "asked": [], "failing": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), lists)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    transport = Transport(f"http://127.0.0.1:{server.server_port}")
    yield Client(ACCOUNT, "token", http_client=transport), lists
    transport.session.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_call_and_alert_comes_once_though_windows_share_their_edge(client: tuple[Client, type[Lists]]) -> None:
    """The call at midnight is in two windows and pages are many; each SID is there once."""
    fetched = fetch_calls(client[0], FIRST, FIRST + timedelta(days=2), quality=Quality())
    assert sorted(call["sid"] for call in fetched.calls) == ["CA0", "CA1", "CA2", "CA3", "CA4"]
    assert sorted(alert["resource_sid"] for alert in fetched.alerts) == ["CA0", "CA1", "CA2", "CA3", "CA4"]


def test_pages_are_as_large_as_twilio_allows(client: tuple[Client, type[Lists]]) -> None:
    """A thousand a page, asked for on the first page of every list."""
    fetch_calls(client[0], FIRST, FIRST, quality=Quality())
    firsts = [url for url in client[1].asked if "Page=" not in url]
    assert firsts
    assert all("PageSize=1000" in url for url in firsts)


def test_each_list_is_asked_at_its_own_host(client: tuple[Client, type[Lists]]) -> None:
    """Calls, alerts and logs live on three of Twilio's hosts."""
    fetch_calls(client[0], FIRST, FIRST, service="dialtone", quality=Quality())
    assert {url.partition("/")[0] for url in client[1].asked} == {
        "api.twilio.com",
        "monitor.twilio.com",
        "serverless.twilio.com",
    }


def test_the_functions_own_events_are_found_in_the_log(client: tuple[Client, type[Lists]]) -> None:
    """Lines that are no events are passed over; an event knows its environment."""
    fetched = fetch_calls(client[0], FIRST, FIRST, service="dialtone", quality=Quality())
    assert fetched.events == [{**REFUSAL, "environment": "prod"}]


def test_without_the_service_the_log_is_missed_and_that_is_said(client: tuple[Client, type[Lists]]) -> None:
    """A service that is not there, before the first deploy, is a finding and no error."""
    quality = Quality()
    assert fetch_calls(client[0], FIRST, FIRST, service="gone", quality=quality).events == []
    assert [finding.what for finding in quality.findings()] == ["no function log"]


def test_a_list_that_fails_is_an_error_not_an_empty_report(client: tuple[Client, type[Lists]]) -> None:
    """Half of the calls would be a wrong report."""
    client[1].failing.add("/v1/Alerts")
    with pytest.raises(TwilioError, match="Alerts"):
        fetch_calls(client[0], FIRST, FIRST, quality=Quality())
