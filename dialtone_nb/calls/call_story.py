"""The story of one call: its legs, webhook requests and responses, events of our functions, and alerts, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import orjson

from dialtone_nb.calls.attempts.outcomes import code_of
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.measures.delays import STATUS_PATH, delay_of
from dialtone_nb.calls.twilio_source.call_records import Record
from dialtone_nb.calls.twilio_source.fetch import event_of, event_words, iso_time, list_log
from dialtone_nb.calls.twilio_source.server_log import LogSource
from dialtone_nb.values.phone_numbers import mask_number
from dialtone_nb.values.sip import without_separators

if TYPE_CHECKING:
    from twilio.rest import Client

# A number after + or a URI scheme, in any spelling: with separators (RFC 3966) and blanks, percent-encoded or not.
NUMBER: Final = re.compile(
    r"(?:\+|%2B|(?<=sip:)|(?<=sips:)|(?<=tel:))(?:(?:[-.() \t\u00a0]|%2[089DE]|%09|%C2%A0)*[0-9]){7,15}", re.I
)
# The trunk's password is in the TwiML of each call to it, and Twilio keeps webhook responses.
_PASSWORD: Final = re.compile(r'(password=)"[^"]*"')
# Log lines are searched from so long before to so long after the call, because the log has another clock.
AROUND: Final = timedelta(minutes=2)
_ENDED: Final = ("completed", "busy", "failed", "no-answer", "canceled")


@dataclass(frozen=True, slots=True)
class CallLeg:
    """One leg as Twilio has it. The first leg is the call that somebody placed; the others were dialled for it."""

    sid: str
    is_dialled: bool
    from_: str
    to: str
    status: str
    began: datetime
    ended: datetime | None
    duration_s: int | None
    price: str


@dataclass(frozen=True, slots=True)
class CallStep:
    """One step of a call: its time, where Twilio reports it, what happened, and a text such as TwiML."""

    at: datetime
    about: str  # where Twilio reports it: leg, service, log or alert
    what: str
    text: str = ""
    is_trouble: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """One call: its legs, and its steps in order."""

    call_sid: str
    legs: tuple[CallLeg, ...]
    steps: tuple[CallStep, ...]

    def by_clocks(self, zone: ZoneInfo) -> Story:
        """The story with its times in a time zone."""
        return replace(self, steps=tuple(replace(step, at=step.at.astimezone(zone)) for step in self.steps))


@dataclass(frozen=True, slots=True)
class CallResources:
    """Twilio's records of a call: Call resources, their Events and Notifications by leg, and our functions' events."""

    legs: Sequence[Record]
    webhooks: Mapping[str, Sequence[Record]]
    notifications: Mapping[str, Sequence[Record]]
    events: Sequence[Record]


def fetch_story(
    client: Client, call_sid: str, *, service: LogSource, ours: Collection[str], show_numbers: bool = False
) -> Story:
    """The story of a call, by its own SID or a leg's; the numbers in `ours` are never masked.

    Takes four requests, and two for each leg, in parallel. Raises TwilioError if there is no such call.
    """
    first = _call(client, call_sid)
    if first["parent_call_sid"]:
        first = _call(client, first["parent_call_sid"])
    began = _moment(first["start_time"] or first["date_created"])
    ended = _moment(first["end_time"]) if first["end_time"] else began + AROUND
    with ThreadPoolExecutor(4) as pool:
        log = pool.submit(
            lambda: list(list_log(client, service, iso_time(began - AROUND), iso_time(ended + AROUND), Quality()))
        )
        dialled = _list(client, "Calls.json", "calls", {"ParentCallSid": first["sid"]})
        legs = [
            first,
            *sorted(dialled, key=lambda leg: (_moment(leg["start_time"] or leg["date_created"]), leg["sid"])),
        ]
        sids = [leg["sid"] for leg in legs]
        webhooks = pool.map(lambda sid: _list(client, f"Calls/{sid}/Events.json", "events"), sids)
        notes = pool.map(lambda sid: _list(client, f"Calls/{sid}/Notifications.json", "notifications"), sids)
        lines = [(line, event_of(line.get("message") or "")) for line in log.result()]
    events = [{**event, "at": line["date_created"]} for line, event in lines if event and event.get("call_sid") in sids]
    found = CallResources(legs, dict(zip(sids, webhooks, strict=True)), dict(zip(sids, notes, strict=True)), events)
    return tell_story(found, ours=ours, show_numbers=show_numbers)


def tell_story(found: CallResources, *, ours: Collection[str], show_numbers: bool = False) -> Story:
    """The story from Twilio's records, with other people's numbers masked unless `show_numbers` is set."""

    def hidden(text: str) -> str:
        shown = _PASSWORD.sub(r'\1"…"', text)
        return shown if show_numbers else NUMBER.sub(lambda number: _masked(number[0], ours), shown)

    legs = tuple(_leg(record, hidden) for record in found.legs)
    ranked = [*_leg_steps(legs), *_webhook_steps(found, hidden), *_log_steps(found), *_alert_steps(found, hidden)]
    steps = (step for _, step in sorted(ranked, key=lambda one: (one[1].at, one[0])))
    return Story(legs[0].sid, legs, tuple(steps))


Hide = Callable[[str], str]
# A step with its rank among steps of the same second: Twilio's times have no finer resolution.
_Ranked = tuple[int, CallStep]


def _leg_steps(legs: Iterable[CallLeg]) -> Iterable[_Ranked]:
    for leg in legs:
        begins = f"dials {leg.to}" if leg.is_dialled else f"{leg.from_} calls {leg.to}"
        yield 3 if leg.is_dialled else 0, CallStep(leg.began, "leg", begins)
        if leg.ended and leg.status in _ENDED:
            which = f"the leg to {leg.to}" if leg.is_dialled else "the call"
            took = f" after {leg.duration_s} s" if leg.duration_s else ""
            trouble = leg.status in ("busy", "failed", "no-answer")
            yield (
                5 if leg.is_dialled else 8,
                CallStep(leg.ended, "leg", f"{which} ends: {leg.status}{took}", "", trouble),
            )


def _webhook_steps(found: CallResources, hidden: Hide) -> Iterable[_Ranked]:
    for sid, webhooks in found.webhooks.items():
        delay = delay_of(webhooks) if sid == found.legs[0]["sid"] else None
        for one in webhooks:
            asked, answer = one["request"], one["response"]
            path = urlsplit(asked["url"]).path
            code = int(answer.get("response_code") or 0)
            what = f"{path} is asked, and answers in {answer.get('request_duration', '?')} ms"
            if delay is not None and path != STATUS_PATH:
                what += ": the delay before ringing"
                delay = None
            if code != 200:
                what = f"{path} is asked, and fails with HTTP {code}"
            at = _moment(answer.get("date_created"))
            yield (
                6 if path == STATUS_PATH else 1,
                CallStep(at, "service", what, hidden(str(answer.get("response_body") or "")), code != 200),
            )


def _log_steps(found: CallResources) -> Iterable[_Ranked]:
    for event in found.events:
        name = str(event["event"])
        is_outcome = "dialstatus" in name or name.endswith(("-rang-on", "-told"))
        is_trouble = name.endswith(("-refused", "-fallback"))
        yield 7 if is_outcome else 2, CallStep(_moment(event["at"]), "log", event_words(event), "", is_trouble)


def _alert_steps(found: CallResources, hidden: Hide) -> Iterable[_Ranked]:
    for notifications in found.notifications.values():
        for one in notifications:
            code = code_of(str(one["error_code"]))
            repair = f"; {code.repair}" if code.repair else ""
            what = f"{one['error_code']}: {code.meaning}{repair}"
            yield 4, CallStep(_moment(one["message_date"]), "alert", hidden(what), "", True)


def _leg(record: Record, hidden: Hide) -> CallLeg:
    price = f"{-float(record['price']):.4f} {record['price_unit']}" if record.get("price") else ""
    return CallLeg(
        record["sid"],
        bool(record["parent_call_sid"]),
        hidden(record["from"]),
        hidden(record["to"]),
        record["status"],
        _moment(record["start_time"] or record["date_created"]),
        _moment(record["end_time"]) if record["end_time"] else None,
        int(record["duration"]) if record.get("duration") else None,
        price,
    )


def _masked(number: str, ours: Collection[str]) -> str:
    plain = without_separators(unquote(number))
    return number if plain in ours else mask_number(plain)


def _call(client: Client, sid: str) -> Record:
    return _get(client, f"Calls/{sid}.json")


def _list(client: Client, path: str, key: str, params: Mapping[str, str] | None = None) -> list[Record]:
    # A call has only a few legs and webhook events, so one page has them all.
    records: list[Record] = _get(client, path, {**(params or {}), "PageSize": "1000"})[key]
    return records


def _get(client: Client, path: str, params: Mapping[str, str] | None = None) -> Record:
    url = f"https://api.twilio.com/2010-04-01/Accounts/{client.account_sid}/{path}"
    record: Record = orjson.loads(client.request("GET", url, params=dict(params or {})).text)
    return record


def _moment(text: str | None) -> datetime:
    """A time as Twilio writes it: RFC 2822 in the 2010-04-01 API, ISO 8601 in the others."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return parsedate_to_datetime(text).astimezone(UTC)
