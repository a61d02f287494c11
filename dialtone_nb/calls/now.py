"""A snapshot of an environment: its phones, and the calls, alerts and function log of the last minutes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl

from dialtone_nb.calls.attempts.outcomes import OUTCOME_OF_CODE, RANG_ON, code_of
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import mask_parties, pandas_of
from dialtone_nb.calls.emergency_calls import EmergencyCall, tell_emergency_calls
from dialtone_nb.calls.twilio_source.call_records import Record
from dialtone_nb.calls.twilio_source.fetch import (
    NO_LOG,
    event_of,
    event_words,
    iso_time,
    list_alerts,
    list_calls,
    list_log,
)
from dialtone_nb.calls.twilio_source.frame import Phone, frame_calls
from dialtone_nb.calls.twilio_source.server_log import LogSource
from dialtone_nb.values.phone_numbers import mask_number
from dialtone_nb.values.sids import is_probe

if TYPE_CHECKING:
    from twilio.rest import Client

    from dialtone_nb.parameters.clients import Client as Phones


# A phone's state is derived from the last day's calls, because Twilio has no list of registrations.
REMEMBERED: Final = timedelta(days=1)
NUMBER: Final = re.compile(r"\+\d{7,15}")


class PhoneState(StrEnum):
    """The state of a phone, derived from its latest call."""

    TALKING = "in a call"
    THERE = "there"
    MISSING = "not reached"
    UNKNOWN = "not heard of"


# A phone that rang was there, whether or not somebody answered.
_STATES: Final = {
    "in_progress": PhoneState.TALKING,
    "unregistered": PhoneState.MISSING,
    "unreachable": PhoneState.MISSING,
    "answered": PhoneState.THERE,
    "busy": PhoneState.THERE,
    "no_answer": PhoneState.THERE,
    "canceled": PhoneState.THERE,
}


@dataclass(frozen=True, slots=True)
class PhoneSeen:
    """One phone: its state, the time of the call that shows it (None without one in a day), and the repair."""

    name: str
    state: PhoneState
    at: datetime | None
    told_by: str
    repair: str = ""
    registration: str = ""  # whether and how it is registered, in words; "" if that is unknown


@dataclass(frozen=True, slots=True)
class RecentAlert:
    """One of Twilio's alerts, with its meaning."""

    at: datetime
    code: str
    about: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the function log: an event in words, or the line as it is."""

    at: datetime
    phone: str
    what: str


@dataclass(frozen=True)
class Snapshot:
    """An environment at one moment; attempts, alerts and log lines newest first."""

    environment: str
    at: datetime
    minutes: int
    phones: tuple[PhoneSeen, ...]
    attempts: pd.DataFrame
    alerts: tuple[RecentAlert, ...]
    log: tuple[LogLine, ...]
    emergency_calls: tuple[EmergencyCall, ...] = ()

    def by_clocks(self, zone: ZoneInfo) -> Snapshot:
        """The snapshot with its times in a time zone."""
        return replace(
            self,
            at=self.at.astimezone(zone),
            phones=tuple(replace(one, at=one.at and one.at.astimezone(zone)) for one in self.phones),
            attempts=self.attempts.assign(started_at=self.attempts["started_at"].dt.tz_convert(str(zone))),
            alerts=tuple(replace(one, at=one.at.astimezone(zone)) for one in self.alerts),
            log=tuple(replace(one, at=one.at.astimezone(zone)) for one in self.log),
            emergency_calls=tuple(replace(one, at=one.at.astimezone(zone)) for one in self.emergency_calls),
        )

    @property
    def summary(self) -> str:
        """A summary in one line: the numbers of calls, alerts and log lines, and the phones that were not reached."""
        emergencies = sum(not one.is_test for one in self.emergency_calls)
        going_on = int((self.attempts["outcome"] == "in_progress").sum())
        counts = (
            *([_count(emergencies, "emergency call")] if emergencies else []),
            *([f"{going_on} in progress"] if going_on else []),
            _count(len(self.attempts), "call"),
            _count(len(self.alerts), "alert"),
            _count(len(self.log), "line") + " of the function log",
        )
        missing = [phone.name for phone in self.phones if phone.state is PhoneState.MISSING]
        said = f"not reached: {', '.join(missing)}" if missing else "no phone is known to be away"
        return f"{self.environment}, last {self.minutes} minutes: {', '.join(counts)}; {said}"


def take_snapshot(
    client: Client,
    *,
    now: datetime,
    minutes: int,
    environment: str,
    phones: Mapping[str, Phone],
    service: LogSource,
    registrations: Mapping[str, str] | None = None,
    clients: Mapping[str, Phones] = MappingProxyType({}),
    show_numbers: bool = False,
) -> Snapshot:
    """Take a snapshot of an environment, with five requests in parallel.

    `phones` are our phones by number, `clients` their declarations by name, `registrations` their registrations in
    words by name.
    """
    since, start = now - timedelta(minutes=minutes), now - REMEMBERED
    quality = Quality()
    with ThreadPoolExecutor(3) as pool:
        calls = pool.submit(lambda: list_calls(client, start.date(), now.date(), quality))
        alerts = pool.submit(lambda: list(list_alerts(client, start.date(), now.date())))
        log = pool.submit(lambda: list(list_log(client, service, iso_time(start), iso_time(now), quality)))
    read = ((line, event_of(line.get("message") or "")) for line in log.result() if line["environment"] == environment)
    # Requests by `verify` are not calls, so their log lines are left out.
    told = [(line, event) for line, event in read if not (event and is_probe(event))]
    lines, events = [line for line, _ in told], [event for _, event in told if event]
    attempts = frame_calls(calls.result(), alerts.result(), events, phones=phones, quality=quality)
    recent = attempts.filter(pl.col("started_at") >= since, pl.col("environment").cast(pl.String) == environment)
    frame = pandas_of(attempts)
    frame = frame[(frame["started_at"] >= start) & (frame["environment"] == environment)]
    shown = frame if show_numbers else mask_parties(frame)
    names = sorted(phone.client for phone in phones.values() if phone.environment == environment)
    return Snapshot(
        environment,
        now,
        minutes,
        see_phones(names, frame, registrations or {}),
        shown[shown["started_at"] >= since].iloc[::-1].reset_index(drop=True),
        tuple(_newest(filter(None, map(_alert, alerts.result())), since)),
        (
            *(LogLine(now, "", f"{one.what}: {one.treatment}") for one in quality.findings() if one.what == NO_LOG),
            *_newest((_log_line(line, show_numbers=show_numbers) for line in lines), since),
        ),
        tell_emergency_calls(recent, clients),
    )


def see_phones(
    names: Iterable[str], frame: pd.DataFrame, registrations: Mapping[str, str] = MappingProxyType({})
) -> tuple[PhoneSeen, ...]:
    """The state of each phone by its latest attempt that shows one; phones that were not reached come first."""
    seen = [
        replace(_see(name, frame[frame["client"] == name]), registration=registrations.get(name, "")) for name in names
    ]
    order = [PhoneState.MISSING, PhoneState.TALKING, PhoneState.THERE, PhoneState.UNKNOWN]
    return tuple(sorted(seen, key=lambda phone: (order.index(phone.state), phone.name)))


def _see(name: str, attempts: pd.DataFrame) -> PhoneSeen:
    for attempt in attempts.iloc[::-1].to_dict("records"):
        outcome, at = str(attempt["outcome"]), attempt["started_at"].to_pydatetime()
        if attempt["direction"] == "outgoing":
            # The phone placed the call, so it was there, whatever the outcome.
            state = PhoneState.TALKING if outcome == "in_progress" else PhoneState.THERE
            return PhoneSeen(name, state, at, "placed a call")
        reason = str(attempt["reason"])
        if reason == RANG_ON:
            continue  # another phone may have answered in the end
        # For `told`, the reason is the one of the phone's own leg.
        told = OUTCOME_OF_CODE.get(reason, outcome) if outcome == "told" else outcome
        if told in _STATES:
            repair = code_of(reason).repair if _STATES[told] is PhoneState.MISSING else ""
            return PhoneSeen(name, _STATES[told], at, f"was called: {told.replace('_', ' ')}", repair)
    return PhoneSeen(name, PhoneState.UNKNOWN, None, "no call in a day")


def _alert(record: Record) -> RecentAlert | None:
    at = record.get("date_generated") or record.get("date_created")
    code = str(record.get("error_code") or "")
    return RecentAlert(_moment(at), code, code_of(code).meaning) if at else None


def _log_line(record: Record, *, show_numbers: bool) -> LogLine:
    # The log line's time is by Twilio's clock, as all times here; the event's own timestamp is by the function's.
    at, message = _moment(record["date_created"]), str(record.get("message") or "").strip()
    event = event_of(message)
    if event:
        return LogLine(at, str(event.get("endpoint") or event.get("channel") or ""), event_words(event))
    shown = message if show_numbers else NUMBER.sub(lambda found: mask_number(found[0]), message)
    return LogLine(at, "", f"{shown[:200]}…" if len(shown) > 200 else shown)


def _newest(things: Iterable[Any], since: datetime) -> list[Any]:
    recent = [thing for thing in things if thing.at >= since]
    return sorted(recent, key=lambda thing: (thing.at, repr(thing)), reverse=True)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
