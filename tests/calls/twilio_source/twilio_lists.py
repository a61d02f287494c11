"""A server of Twilio's lists with prepared records, two a page."""

import json
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

REFUSAL = {"timestamp": "2026-03-02T09:00:00Z", "event": "outgoing-refused", "call_sid": "CA1", "reason": "premium"}


class Lists(BaseHTTPRequestHandler):
    """The four lists that a report reads, two records a page, with both kinds of paging and inclusive date filters."""

    # Headers and body in one segment, or each answer waits 40 ms for an acknowledgement.
    wbufsize = 65_536
    calls: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[str]] = []
    failing: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        """Answer one page."""
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self.asked.append(f"{self.headers['Host']}{self.path}")
        if path in self.failing:
            self._send(400, {})
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
