"""The same attempts in the formats of operators' files: BulkExport, REST, CLI, Console, Asterisk's CDR, events."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

DOMAIN = "dialtone-example-prod.sip.twilio.com"
ACCOUNT = "AC" + "0" * 32
PACIFIC = ZoneInfo("America/Los_Angeles")


@dataclass(frozen=True)
class Placed:
    """A call from the lobby's or the library's phone, and how its dialled leg ended."""

    number: int
    at: datetime
    phone: str
    dialled: str
    status: str

    @property
    def seconds(self) -> int:
        """The call's duration."""
        return 31 + self.number if self.status == "completed" else 0

    def sid(self, leg: int = 0) -> str:
        """The SID of the call, or of its leg."""
        return f"CA{2 * self.number + leg:032x}"


# Twenty attempts, an hour apart and two of them at once; the clocks of the west coast are put forward among them.
STATUSES = ("no-answer", "failed", "completed", "busy")
START = datetime(2026, 3, 8, 1, 10, tzinfo=UTC)
TWENTY = tuple(
    Placed(
        number,
        START + timedelta(hours=number - number % 10 // 9),
        ("lobby", "library")[number % 10 // 9],
        f"+1503555{177 + number % 3:04}",
        STATUSES[number % 4],
    )
    for number in range(20)
)


def records_of(attempts: Sequence[Placed], written: Callable[[datetime], str]) -> list[dict[str, Any]]:
    """Each call and its leg, as the API's fields."""
    found = []
    for one in attempts:
        shared = {"account_sid": ACCOUNT, "price_unit": "USD", "date_created": written(one.at), "answered_by": None}
        over = one.at + timedelta(seconds=60 + one.seconds)
        call: dict[str, Any] = {
            "sid": one.sid(),
            "parent_call_sid": None,
            "from": f"sip:{one.phone}@{DOMAIN}",
            "to": f"sip:{one.dialled[2:]}@{DOMAIN}",
            "direction": "inbound",
            "status": "completed",
            "start_time": written(one.at),
            "end_time": written(over),
            "duration": str(60 + one.seconds),
            "price": "-0.0040",
        }
        leg: dict[str, Any] = {
            "sid": one.sid(1),
            "parent_call_sid": one.sid(),
            "from": "+15035550103",
            "to": one.dialled,
            "direction": "outbound-dial",
            "status": one.status,
            "start_time": written(one.at + timedelta(seconds=1)),
            "end_time": written(over),
            "duration": str(one.seconds),
            "price": "-0.0130",
        }
        found += [call | shared, leg | shared]
    return found


def iso(at: datetime) -> str:
    """2026-03-02T10:10:00Z, as BulkExport and the CLI have it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def camel(name: str) -> str:
    """The CLI's name of a field."""
    first, *more = name.split("_")
    return first + "".join(part.title() for part in more)


def bulk_export(attempts: Sequence[Placed]) -> bytes:
    """A day file of BulkExport."""
    return gzip.compress("\n".join(map(json.dumps, records_of(attempts, iso))).encode())


def rest_page(attempts: Sequence[Placed], **more: Any) -> bytes:
    """A page of GET /Calls.json, as curl keeps it for people to read."""
    page = {"calls": records_of(attempts, format_datetime), "next_page_uri": None, "page": 0, "uri": "/x", **more}
    return json.dumps(page, indent=2).encode()


def cli_json(attempts: Sequence[Placed]) -> bytes:
    """`twilio api:core:calls:list -o json`."""
    rows = [{camel(name): value for name, value in one.items()} for one in records_of(attempts, iso)]
    return json.dumps(rows, indent=2).encode()


HEADINGS = {
    "Call Sid": "sid",
    "From": "from",
    "To": "to",
    "Direction": "direction",
    "Status": "status",
    "Start Time": "start_time",
    "End Time": "end_time",
    "Duration": "duration",
    "Price": "price",
    "Price Unit": "price_unit",
}


def console_time(at: datetime) -> str:
    """A time as the Console writes it in US Pacific time."""
    return f"{at.astimezone(PACIFIC):%H:%M:%S %Z %Y-%m-%d}"


def console_csv(attempts: Sequence[Placed], headings: Sequence[str] = tuple(HEADINGS), separator: str = ",") -> bytes:
    """The Console's call log with these columns, the newest call first."""
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL)
    table.writerow(headings)
    fields = {**HEADINGS, "Parent Call Sid": "parent_call_sid", "Type": "type", "Account Sid": "account_sid"}
    for record in reversed(records_of(attempts, console_time)):
        table.writerow([record.get(fields[heading]) or "" for heading in headings])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


DISPOSITIONS = {"no-answer": "NO ANSWER", "failed": "FAILED", "completed": "ANSWERED", "busy": "BUSY"}


def asterisk_csv(attempts: Sequence[Placed], zone: ZoneInfo = PACIFIC, *, with_ids: bool = True) -> bytes:
    """Master.csv of an Asterisk whose clock is in this time zone."""
    text = io.StringIO(newline="")
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    for one in attempts:
        extension = {"lobby": "405", "library": "406"}[one.phone]
        local = f"{one.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        row: list[Any] = [
            "",
            f"50355501{extension[1:]}",
            one.dialled[2:],
            "from-internal",
            f'"{one.phone.title()}" <1>',
        ]
        row += [f"PJSIP/{extension}-{one.number:08x}", f"PJSIP/trunk-{one.number:08x}"]
        row += ["Dial", f"PJSIP/{one.dialled[1:]}@trunk,30", local, local if one.seconds else "", local]
        row += [60 + one.seconds, one.seconds, DISPOSITIONS[one.status], "DOCUMENTATION"]
        table.writerow([*row, *([f"{one.at.timestamp():.0f}.{one.number}", ""] if with_ids else [])])
    return text.getvalue().encode()


def event_lines(attempts: Sequence[Placed]) -> list[dict[str, Any]]:
    """The events of our own service."""
    found: list[dict[str, Any]] = []
    for one in attempts:
        told = {"endpoint": one.phone, "environment": "prod", "call_sid": one.sid(), "other_party": one.dialled}
        end = {"timestamp": iso(one.at + timedelta(seconds=60)), "event": f"outgoing-dialstatus-{one.status}"}
        lasted = {"duration_s": one.seconds} if one.seconds else {}
        found += [{"timestamp": iso(one.at), "event": "outgoing-call", **told}, {**end, **lasted, **told}]
    return found


def events_json(attempts: Sequence[Placed]) -> bytes:
    """A day of these events as JSON lines."""
    return "\n".join(map(json.dumps, event_lines(attempts))).encode()


def zstd(content: bytes) -> bytes:
    """The content, compressed with zstd."""
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return packed.getvalue().to_pybytes()


def zipped(content: bytes) -> bytes:
    """A zip archive with this file in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.json", content)
    return packed.getvalue()
