"""Twilio's lists of calls and alerts, a page at a time and none faster than MS: CALLS DAYS MS; prints its address."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, urlsplit

FIRST = date(2026, 3, 2)
ACCOUNT = "AC" + "0" * 32
PAGE = 1000
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
CALLER = "sip:lobby@example-prod.sip.twilio.com"
STATUSES = ("completed", "busy", "no-answer", "failed", "completed", "completed")


def pages_of(day: date, calls: int) -> list[bytes]:
    """A day's calls, newest first, each with the leg that it dialled, as Twilio writes them."""
    records = [record for n in range(calls // 2) for record in call_and_leg(day, n, calls // 2)][::-1]
    starts = range(0, len(records), PAGE)
    bodies = []
    for number, start in enumerate(starts):
        more = f"{PATH}?PageSize={PAGE}&StartTime%3E={quote(str(day))}&Page={number + 1}&PageToken=PA{number}"
        body = {"calls": records[start : start + PAGE], "page": number, "page_size": PAGE}
        bodies.append(json.dumps({**body, "next_page_uri": more if start + PAGE < len(records) else None}).encode())
    return bodies


def call_and_leg(day: date, n: int, calls: int) -> list[dict[str, object]]:
    """One call of a phone, and the leg that it dialled."""
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(seconds=n * 80_000 // calls)
    sid, leg = f"CA{day:%Y%m%d}{n:024x}", f"CA{day:%Y%m%d}{n + (1 << 60):024x}"
    common: dict[str, object] = {
        "account_sid": ACCOUNT,
        "annotation": None,
        "answered_by": None,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": format_datetime(at),
        "date_updated": format_datetime(at + timedelta(seconds=30)),
        "duration": "20",
        "end_time": format_datetime(at + timedelta(seconds=25)),
        "forwarded_from": None,
        "group_sid": None,
        "phone_number_sid": "",
        "price": "-0.01300",
        "price_unit": "USD",
        "queue_time": "0",
        "start_time": format_datetime(at),
        "trunk_sid": "",
    }
    to = f"+1503555{n % 10_000:04}"
    parent = {"sid": sid, "parent_call_sid": None, "from": CALLER, "to": f"sip:{to}@example.sip.twilio.com"}
    child = {"sid": leg, "parent_call_sid": sid, "from": "+15035550103", "to": to}
    return [
        {**common, **parent, "direction": "inbound", "status": "completed", **texts(sid)},
        {**common, **child, "direction": "outbound-dial", "status": STATUSES[n % len(STATUSES)], **texts(leg)},
    ]


def texts(sid: str) -> dict[str, object]:
    """Fields of every record that are never read, such as its URI and those of its subresources."""
    uri = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}"
    names = ("events", "notifications", "payments", "recordings", "siprec", "streams", "transcriptions")
    return {
        "from_formatted": "lobby@example-prod.sip.twilio.com",
        "to_formatted": "(503) 555-0100",
        "uri": f"{uri}.json",
        "subresource_uris": {name: f"{uri}/{name.title()}.json" for name in names},
    }


class Lists:
    """Answers every request after the same delay, whatever the load."""

    def __init__(self, calls: int, days: int, delay_s: float) -> None:
        each = calls // days
        self.days = {str(FIRST + timedelta(days=n)): pages_of(FIRST + timedelta(days=n), each) for n in range(days)}
        self.delay_s = delay_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        while head := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
            body = self.answer(head.split(b" ", 2)[1].decode())
            await asyncio.sleep(self.delay_s)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
            await writer.drain()

    def answer(self, target: str) -> bytes:
        """The requested page; a range of days is one list, as the official client requests it."""
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        if not parts.path.endswith("/Calls.json"):
            return json.dumps({"alerts": [], "meta": {"key": "alerts", "next_page_url": None}}).encode()
        day = query["StartTime>"][0][:10]
        page = int(query.get("Page", ["0"])[0])
        if day == "2000-01-01":
            pages = [body for bodies in self.days.values() for body in bodies]
            more = f"{PATH}?PageSize={PAGE}&StartTime%3E={day}&Page={page + 1}&PageToken=PA"
            _, _, rest = pages[page].rpartition(b'"next_page_uri": ')
            named = json.dumps(more if page + 1 < len(pages) else None).encode()
            return pages[page].removesuffix(rest) + named + b"}"
        return self.days[day][page] if day in self.days else b'{"calls": [], "next_page_uri": null}'


async def main(calls: int, days: int, delay_ms: int) -> None:
    """Serve until the program is ended."""
    lists = Lists(calls, days, delay_ms / 1000)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await lists.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
