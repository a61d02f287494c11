"""Fetching the account's calls, alerts and function log, by day in parallel, a thousand records a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import orjson
import polars as pl

from dialtone_nb.account.transport import ParsedResponse, bodies_read_by
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.twilio_source.call_records import RECORDS, CallPage, Record, read_list, read_page, records_of
from dialtone_nb.calls.twilio_source.server_log import LogSource, ServerLog
from dialtone_nb.errors import PermissionMissingError
from dialtone_nb.values.sids import is_probe

if TYPE_CHECKING:
    from twilio.rest import Client

API: Final = "https://api.twilio.com"
MONITOR: Final = "https://monitor.twilio.com"
SERVERLESS: Final = "https://serverless.twilio.com"
PAGE_SIZE: Final = 1000
# Requests in parallel. Twilio limits these, and not requests per minute (error 20429).
SIDE_BY_SIDE: Final = 16
# Twilio returns at most this many alerts for one query.
MOST_ALERTS: Final = 10_000
NO_LOG: Final = "no function log"


@dataclass(frozen=True, slots=True)
class Fetched:
    """Twilio's data about the calls of some days: call records, alerts, and our functions' own events.

    Each record is there once. `quality` counts those that a list gave twice, as happens if calls arrive while its pages
    are read, and those that were no call records.
    """

    calls: pl.DataFrame = field(default_factory=RECORDS.to_frame)
    alerts: list[Record] = field(default_factory=list)
    events: list[Record] = field(default_factory=list)
    quality: Quality = field(default_factory=Quality)


def fetch_calls(client: Client, first: date, last: date, *, service: LogSource = "", quality: Quality) -> Fetched:
    """Fetch everything about the calls that started on the UTC days from `first` to `last`, both included."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        spans = list(pool.map(lambda day: fetch_span(client, day, day), days))
        logs = pool.submit(lambda: list(list_events(client, service, first, last, quality)))
        for span in spans:
            quality.add(span.quality)
        return Fetched(
            # Calls at midnight may be in two windows.
            pl.concat([span.calls for span in spans]).unique("sid", keep="last", maintain_order=True),
            _once(alert for span in spans for alert in span.alerts),
            logs.result(),
            quality,
        )


def _once(alerts: Iterable[Any]) -> list[Any]:
    """The alerts, each SID once; records without a SID stay, to be counted later."""
    return list({_sid_of(alert): alert for alert in alerts}.values())


def _sid_of(record: Any) -> object:
    return record.get("sid") or id(record) if isinstance(record, dict) else id(record)


def fetch_span(client: Client, first: date, last: date) -> Fetched:
    """Fetch the calls and alerts of a few UTC days as one list each; alerts are fetched by day if they are too many."""
    quality = Quality()
    calls = list_calls(client, first, last, quality)
    alerts = list(list_alerts(client, first, last))
    if first < last and len(alerts) >= MOST_ALERTS:
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        alerts = [alert for day in days for alert in list_alerts(client, day, day)]
    once = calls.unique("sid", keep="last", maintain_order=True)
    quality.note("call records that a list gave twice", "counted once", len(calls) - len(once))
    return Fetched(once, _once(alerts), quality=quality)


def list_calls(client: Client, first: date, last: date, quality: Quality) -> pl.DataFrame:
    """The call records of these UTC days, both included, and maybe some of neighbouring days."""
    # The operator is part of the key; Twilio silently ignores names such as StartTimeAfter. It does not matter whether
    # "<" includes the bound, or whether the time of day is heeded: the next day's calls then come twice and count once.
    params = {"StartTime>": f"{first}T00:00:00Z", "StartTime<": f"{last + timedelta(days=1)}T00:00:00Z"}
    url = f"{API}/2010-04-01/Accounts/{client.account_sid}/Calls.json"
    return records_of(_pages(client, url, params, read_page), quality)


def list_alerts(client: Client, first: date, last: date) -> Iterator[Record]:
    """The alerts of these UTC days, both included, of all levels: 32009 (phone not registered) is only a warning."""
    params = {"StartDate": f"{first}T00:00:00Z", "EndDate": f"{last + timedelta(days=1)}T00:00:00Z"}
    return _records(client, f"{MONITOR}/v1/Alerts", params, "alerts")


def list_events(client: Client, service: LogSource, first: date, last: date, quality: Quality) -> Iterator[Record]:
    """The events in the function log of these UTC days, by environment; none without a service."""
    for line in list_log(client, service, f"{first}T00:00:00Z", f"{last + timedelta(days=1)}T00:00:00Z", quality):
        event = event_of(line.get("message") or "")
        if event and not is_probe(event):
            yield {**event, "environment": line["environment"]}


def list_log(client: Client, service: LogSource, start: str, end: str, quality: Quality) -> Iterator[Record]:
    """The lines of the function log between two ISO 8601 times, each with its environment's name.

    If our own server has a log, its lines come first, then those of the functions, if there are any.
    """
    is_alone = not isinstance(service, ServerLog)
    if isinstance(service, ServerLog):
        yield from service.lines(start, end)
        service = service.service
    if not service:
        return
    services = _records(client, f"{SERVERLESS}/v1/Services", {}, "services")
    try:
        found = next((one for one in services if one["unique_name"] == service), None)
    except PermissionMissingError:
        quality.note(NO_LOG, "a restricted API key can't read it; refused calls show as unknown")
        return
    if not found:
        if is_alone:
            quality.note(NO_LOG, f"there is no service {service!r}; refused calls show as unknown")
        return
    base = f"{SERVERLESS}/v1/Services/{found['sid']}/Environments"
    for environment in list(_records(client, base, {}, "environments")):
        for line in _records(client, f"{base}/{environment['sid']}/Logs", {"StartDate": start, "EndDate": end}, "logs"):
            yield {**line, "environment": environment["unique_name"]}


def event_of(message: str) -> Record | None:
    """The event in a line of the log; None if the line is something else."""
    if not message.lstrip().startswith("{"):
        return None
    try:
        event = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def event_words(event: Record) -> str:
    """An event of our functions in one line: its name and meaning, with its rule, reason and error code."""
    name = str(event["event"])
    meaning = _MEANINGS.get(name.partition("-")[2])
    told = [f"{key} {event[key]}" for key in ("rule", "reason", "error_code") if event.get(key)]
    number = [f"dials {event['other_party']}"] if name == EMERGENCY and event.get("other_party") else []
    return " · ".join([name, *([meaning] if meaning else []), *number, *told])


EMERGENCY: Final = "outgoing-emergency"
# Meanings of the events whose names, after the direction, are not Twilio's words.
_MEANINGS: Final = {
    "emergency": "an emergency call",
    "fallback": "our service could not be asked, its fallback was",
    "rang-on": "nobody answered, it rings on",
    "told": "nobody answered, the caller hears the words of the phone's entry",
}


def iso_time(at: datetime) -> str:
    """A time as Twilio's filters take it: ISO 8601 in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _records(client: Client, url: str, params: dict[str, str], key: str) -> Iterator[Record]:
    """All records of a list."""
    for page in _pages(client, url, params, lambda content: CallPage(*read_list(content, key))):
        records: Any = page.records
        yield from records


def _pages(client: Client, url: str, params: dict[str, str], read: Callable[[bytes], CallPage]) -> Iterator[CallPage]:
    """The pages of a list, parsed by `read`."""
    following: str | None = url
    options: dict[str, Any] = {"params": {**params, "PageSize": str(PAGE_SIZE)}}
    request: Callable[..., ParsedResponse] = client.request
    while following:
        with bodies_read_by(read):
            page: CallPage = request("GET", following, **options).parsed
        yield page
        following = urljoin(url, page.following) if page.following else None
        options = {}
