"""Signed requests as fast as a server answers them, or at a steady rate: `python -m tests.benchmarks.http_load PORT …`.

It is a separate process, so that its work does not count as the server's, and prints its results as one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from itertools import cycle
from urllib.parse import urlencode

import uvloop
from twilio.request_validator import RequestValidator

AUTH_TOKEN = "an auth token of thirty-two chars"
CONNECTIONS = 16
DIFFERENT = 4000
DOMAIN = "dialtone-example-prod.sip.twilio.com"


@dataclass(frozen=True, slots=True)
class Seen:
    """Good answers a second and in all, bad ones, and the milliseconds within which half of them and 99 % came."""

    per_second: float
    answers: int
    bad: int
    p50_ms: float
    p99_ms: float


def signed_requests(port: int, number: int) -> list[bytes]:
    """Requests for calls of one phone, each to another number, as the bytes to send."""
    host = f"127.0.0.1:{port}"
    validator = RequestValidator(AUTH_TOKEN)
    requests = []
    for i in range(number):
        to, phone = f"sip:503555{i:04d}@{DOMAIN}", f"sip:lobby@{DOMAIN}"
        parameters = {
            "AccountSid": "AC" + "0" * 32,
            "ApiVersion": "2010-04-01",
            "CallSid": f"CA{i:032x}",
            "CallStatus": "ringing",
            "Direction": "inbound",
            "From": phone,
            "To": to,
            "Caller": phone,
            "Called": to,
            "SipDomain": DOMAIN,
            "SipDomainSid": "SD" + "0" * 32,
            "SipUsername": "lobby",
            "SipCallId": f"{i:040x}@192.0.2.10",
            "SipSourceIp": "192.0.2.10",
        }
        body = urlencode(parameters)
        signature = validator.compute_signature(f"http://{host}/sip-outgoing", parameters)
        head = (
            f"POST /sip-outgoing HTTP/1.1\r\nHost: {host}\r\nUser-Agent: TwilioProxy/1.1\r\n"
            "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
            f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append((head + body).encode())
    return requests


class Connection(asyncio.Protocol):
    """One connection: a request at a time, and its answer."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._asked_at: float | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for work."""
        self.transport = transport
        self._load.give_work(self)

    def ask(self, request: bytes, due: float) -> None:
        """Send a request; its latency counts from when it was due."""
        self._asked_at = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer, then ask for the next request."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        fields = head.lower()
        if not separator or len(body) < int(fields.partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
            return
        is_good, self._received = head[9:12] == b"200", b""
        assert self._asked_at is not None
        self._load.note(time.perf_counter() - self._asked_at, is_good)
        self._asked_at = None
        if b"connection: close" in fields:
            self.transport.close()
        else:
            self._load.give_work(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Count a missing answer, and connect again."""
        if self._asked_at is not None:
            self._load.note(0, False)
        self._load.replace(self)


class Load:
    """All connections, and what was seen on them."""

    def __init__(self, port: int, rate: float, seconds: float) -> None:
        self._port = port
        self._rate = rate
        self._seconds = seconds
        self._requests = cycle(signed_requests(port, DIFFERENT))
        self._idle: deque[Connection] = deque()
        self._due: deque[float] = deque()
        self._took: list[float] = []
        self._bad = 0
        self._connecting: set[asyncio.Task[object]] = set()
        self._is_over = False

    async def run(self) -> Seen:
        """Send requests for the given time and return what was measured."""
        start = time.perf_counter()
        self._took.clear()
        for _ in range(CONNECTIONS):
            self._connect()
        if self._rate:
            await self._pace(start)
        else:
            await asyncio.sleep(self._seconds)
        self._is_over = True
        seconds, took = time.perf_counter() - start, sorted(self._took)
        middle, late = (took[int(len(took) * part)] * 1000 if took else 0.0 for part in (0.5, 0.99))
        return Seen(len(took) / seconds, len(took), self._bad, middle, late)

    def give_work(self, connection: Connection) -> None:
        """The next request at once, or when it is due."""
        if self._is_over:
            return
        if not self._rate:
            connection.ask(next(self._requests), time.perf_counter())
        elif self._due:
            connection.ask(next(self._requests), self._due.popleft())
        else:
            self._idle.append(connection)

    def note(self, seconds: float, is_good: bool) -> None:
        """Count an answer."""
        if self._is_over:
            return
        if is_good:
            self._took.append(seconds)
        else:
            self._bad += 1

    def replace(self, connection: Connection) -> None:
        """Connect again."""
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._is_over:
            self._connect()

    def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        task: asyncio.Task[object] = loop.create_task(
            loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
        )
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _pace(self, start: float) -> None:
        for number in range(int(self._rate * self._seconds)):
            due = start + number / self._rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            if self._idle:
                self._idle.popleft().ask(next(self._requests), due)
            else:
                self._due.append(due)


def main() -> None:
    """Run the load and print the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=0, help="requests a second (default: as many as are answered)")
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()

    async def run() -> Seen:
        return await Load(options.port, options.rate, options.seconds).run()

    sys.stdout.write(json.dumps(asdict(uvloop.run(run()))) + "\n")


if __name__ == "__main__":
    main()
