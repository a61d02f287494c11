"""Receivers of events on local ports: a webhook, and AWS SNS as far as boto3 needs it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape


@dataclass
class Receiver:
    """The requests received, and the statuses for the next responses, once each; then 200."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    # SNS: the error code of each message of the next batches, "" for one that is taken
    failures: list[list[str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The names of the received events."""
        return [event["event"] for event in self.events]

    def take(self, body: bytes) -> tuple[int, bytes]:
        """A webhook's response."""
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.events += json.loads(body)
        return status, b""

    def publish(self, body: bytes) -> tuple[int, bytes]:
        """The response to PublishBatch, in AWS's query protocol."""
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        assert asked["Action"] == "PublishBatch"
        assert asked["TopicArn"] == "arn:aws:sns:us-west-2:123456789012:calls"
        member = "PublishBatchRequestEntries.member.{}.{}".format
        ids = range(1, sum(name.endswith(".Message") for name in asked) + 1)
        codes = self.failures.pop(0) if self.failures else []
        said = {"Successful": "", "Failed": ""}
        for number, code in zip(ids, codes or [""] * len(ids), strict=True):
            name = asked[member(number, "Id")]
            if code:
                fault = str(code == "InvalidParameter").lower()
                said["Failed"] += (
                    f"<member><Id>{name}</Id><Code>{escape(code)}</Code><SenderFault>{fault}</SenderFault></member>"
                )
            else:
                self.events.append(json.loads(asked[member(number, "Message")]))
                said["Successful"] += f"<member><Id>{name}</Id><MessageId>{name}</MessageId></member>"
        inside = "".join(f"<{name}>{members}</{name}>" for name, members in said.items())
        answer = f"<PublishBatchResponse><PublishBatchResult>{inside}</PublishBatchResult></PublishBatchResponse>"
        return 200, answer.encode()


@contextmanager
def receiver(*, sns: bool = False) -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append(body)
            status, answer = received.publish(body) if sns else received.take(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_address[1]}/hook?key=k3y"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
