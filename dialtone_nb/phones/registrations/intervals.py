"""What is known of each phone, and from when to when: registered, away, or nothing.

Evidence is what a phone told of itself, and what became of calls. It holds for a while, or until other evidence comes:
what lies beyond is not known, however likely it may be. Where both speak, the later one counts; a forged line is then
put right by the next call, which Twilio has authenticated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from dialtone_nb.phones.registrations.lines import RegistrationState
from dialtone_nb.phones.registrations.store import Registration
from dialtone_nb.values.sip import SHORTEST_EXPIRY_S

# Twilio grants no shorter registration, so a phone that a call found there, or not there, stays so for about as long.
CALL_HOLDS: Final = timedelta(seconds=SHORTEST_EXPIRY_S)
# Phones that fail try again, and tell again: Grandstreams after 20 minutes where the registrar said 403.
FAILURE_HOLDS: Final = timedelta(minutes=30)
# A phone that unregistered tells when it is back; the day bounds what is wrong after this machine was off itself.
GOODBYE_HOLDS: Final = timedelta(days=1)
# A registration is renewed before it ends; the answer may need a moment.
GRACE: Final = timedelta(seconds=30)
FLAPPING: Final = 4
FLAPPING_WITHIN: Final = timedelta(days=1)


class Known(StrEnum):
    """What is known of a phone at a moment."""

    ON = "known on"
    OFF = "known off"
    NOT = "not known"


@dataclass(frozen=True, slots=True)
class Evidence:
    """That a phone was there or not, until when that holds by itself, and why it was not."""

    at: datetime
    client: str
    is_on: bool
    holds_until: datetime
    told_by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """What is known of a phone from one moment to another; `reason` and `told_by` are those of its last evidence."""

    client: str
    known: Known
    since: datetime
    until: datetime
    reason: str = ""
    told_by: str = ""


@dataclass(frozen=True, slots=True)
class PhoneKnown:
    """What is known of a phone at the end of its intervals; `changes` are those between on and off within a day."""

    client: str
    known: Known
    since: datetime
    changes: int = 0
    failed_at: datetime | None = None
    reason: str = ""  # of the last failure

    @property
    def is_flapping(self) -> bool:
        """Whether it comes and goes."""
        return self.changes >= FLAPPING

    @property
    def words(self) -> str:
        """The same in a line."""
        flapping = f"; flapping, {self.changes} changes in a day" if self.is_flapping else ""
        failed = f"; last failure {_clock(self.failed_at)}: {self.reason}" if self.failed_at else ""
        return f"{self.known} since {_clock(self.since)}{flapping}{failed}"


def evidence_of(registration: Registration) -> Evidence:
    """What a phone's own words are evidence of."""
    holds = {
        RegistrationState.REGISTERED: timedelta(seconds=registration.expires_s) + GRACE,
        RegistrationState.FAILED: FAILURE_HOLDS,
        RegistrationState.UNREGISTERED: GOODBYE_HOLDS,
    }[registration.state]
    is_on = registration.state is RegistrationState.REGISTERED
    reason = "" if is_on else registration.reason or registration.state.value
    return Evidence(registration.at, registration.client, is_on, registration.at + holds, "syslog", reason)


def find_intervals(
    evidence: Iterable[Evidence], clients: Iterable[str], since: datetime, until: datetime
) -> list[Interval]:
    """What is known of each of these phones from one moment to another, without gaps, by phone and time."""
    by_client: dict[str, list[Evidence]] = defaultdict(list)
    for one in sorted(evidence, key=lambda one: one.at):
        by_client[one.client].append(one)
    return [
        interval
        for client in sorted(clients)
        for interval in _merged(_within(_stretches(client, by_client[client], since, until), since, until))
    ]


def sum_up(intervals: Iterable[Interval]) -> dict[str, PhoneKnown]:
    """What is known of each phone at the end, by name."""
    by_client: dict[str, list[Interval]] = defaultdict(list)
    for interval in intervals:
        by_client[interval.client].append(interval)
    return {client: _sum_up(ones) for client, ones in by_client.items()}


def _stretches(client: str, evidence: Sequence[Evidence], since: datetime, until: datetime) -> Iterator[Interval]:
    """Stretches one after another: each piece of evidence until the next one, and the gaps between."""
    reached, holds_until = since, since
    for place, one in enumerate(evidence):
        if one.at > reached:
            yield Interval(client, Known.NOT, reached, one.at)
        # A call does not shorten what a longer registration promised.
        is_more = place > 0 and evidence[place - 1].is_on == one.is_on
        holds_until = max(holds_until, one.holds_until) if is_more else one.holds_until
        following = evidence[place + 1].at if place + 1 < len(evidence) else until
        reached = max(min(holds_until, following), one.at)
        yield Interval(client, Known.ON if one.is_on else Known.OFF, one.at, reached, one.reason, one.told_by)
    yield Interval(client, Known.NOT, reached, until)


def _within(intervals: Iterable[Interval], since: datetime, until: datetime) -> Iterator[Interval]:
    for one in intervals:
        cut = replace(one, since=max(one.since, since), until=min(one.until, until))
        if cut.since < cut.until:
            yield cut


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for one in intervals:
        if merged and merged[-1].known is one.known:
            merged[-1] = replace(one, since=merged[-1].since)
        else:
            merged.append(one)
    return merged


def _sum_up(intervals: Sequence[Interval]) -> PhoneKnown:
    last = intervals[-1]
    certain = [one for one in intervals if one.known is not Known.NOT]
    start = last.until - FLAPPING_WITHIN
    changes = sum(before.known is not after.known and after.since >= start for before, after in pairwise(certain))
    failures = [one for one in certain if one.known is Known.OFF]
    failed_at, reason = (failures[-1].since, failures[-1].reason) if failures else (None, "")
    return PhoneKnown(last.client, last.known, last.since, changes, failed_at, reason)


def _clock(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
