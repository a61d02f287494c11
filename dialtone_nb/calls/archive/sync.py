"""Syncing an archive with the account: fetching new days, and again those whose calls may have changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
import polars as pl
from pyarrow import fs

from dialtone_nb.calls.archive.days import list_days, load_days, save_parts
from dialtone_nb.calls.archive.storage import locked_archive, open_archive, replace_file
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.twilio_source.fetch import SIDE_BY_SIDE, Fetched, fetch_span, list_events
from dialtone_nb.calls.twilio_source.frame import Phone, frame_calls
from dialtone_nb.calls.twilio_source.server_log import LogSource
from dialtone_nb.errors import Fault, InputError

if TYPE_CHECKING:
    from twilio.rest import Client


FILE: Final = "readings.json"
# A call can last up to 24 hours, if the account allows that, and its price follows hours after its end.
SETTLING: Final = timedelta(days=2)
DAY: Final = timedelta(days=1)
# The first sync goes back this far: Twilio keeps alerts and function logs, and so the reasons of failures, this long.
KEPT: Final = timedelta(days=30)
GONE: Final = "days that were read before and have no file"
# Up to so many unsettled days are fetched as one list, which is enough for regular syncs; more are fetched day by day.
DAYS_IN_ONE: Final = 4


@dataclass(frozen=True, slots=True)
class Readings:
    """The account of an archive, the time at which each of its UTC days was last read, and the days without calls."""

    account: str
    days: Mapping[date, datetime]
    empty: frozenset[date] = frozenset()

    def is_settled(self, day: date) -> bool:
        """Whether the day was read so long after its end that its calls can't have changed since."""
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        return day in self.days and self.days[day] >= end + SETTLING

    def with_days(self, first: date, last: date, at: datetime, called: Collection[date]) -> Readings:
        """These readings with the days from `first` to `last`, both included, read at this time; `called` had calls."""
        read = {first + timedelta(days=n): at for n in range((last - first).days + 1)}
        empty = (self.empty - read.keys()) | (read.keys() - set(called))
        return replace(self, days={**self.days, **read}, empty=frozenset(empty))

    def without(self, days: Collection[date]) -> Readings:
        """These readings with the days marked as never read."""
        return replace(self, days={day: at for day, at in self.days.items() if day not in days})

    def ahead_of(self, now: datetime) -> list[date]:
        """Days that were read at a time later than `now`, by a wrong clock: they may not have settled when read."""
        return sorted(day for day, at in self.days.items() if at > now)

    def missing(self, kept: Collection[str]) -> list[date]:
        """Days with calls that were read and are not among the `kept` ones: somebody removed their files."""
        return sorted(day for day in self.days if day not in self.empty and str(day) not in kept)


def load_readings(archive: str, account: str) -> Readings:
    """The readings of an archive, empty if it is new; raises InputError if it is another account's.

    "" stands for any account, to read an archive offline.
    """
    system, root = open_archive(archive)
    path = f"{root}/{FILE}"
    if system.get_file_info(path).type == fs.FileType.NotFound:
        return Readings(account, {})
    with system.open_input_stream(path) as stream:
        content = stream.read()
    try:
        read = orjson.loads(content)
        days = {date.fromisoformat(day): datetime.fromisoformat(at) for day, at in read["days"].items()}
        owner = str(read["account"])
        empty = frozenset(map(date.fromisoformat, read.get("empty", ())))
    except (ValueError, KeyError, TypeError, AttributeError):
        fault = Fault(f"archive {path}", "can't be read", "remove it; the next run reads the last days again")
        raise InputError(fault) from None
    if account and owner != account:
        problem = f"holds the calls of another account, {owner[:6]}…"
        raise InputError(Fault(f"archive {archive}", problem, "name a folder of this account's own"))
    return Readings(owner, days, empty)


def save_readings(archive: str, readings: Readings) -> None:
    """Save the readings atomically."""
    system, root = open_archive(archive)
    system.create_dir(root)
    days = {str(day): at.isoformat() for day, at in sorted(readings.days.items())}
    empty = sorted(map(str, readings.empty & readings.days.keys()))
    content = orjson.dumps({"account": readings.account, "days": days, "empty": empty}, option=orjson.OPT_INDENT_2)
    replace_file(system, f"{root}/{FILE}", lambda stream: stream.write(content))


class Span(NamedTuple):
    """A range of UTC days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    def holds(self, day: date) -> bool:
        """Whether the day is in the range."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Synced:
    """The result of a sync: the number of days read and of days changed, and the days that the archive covers now."""

    days_read: int
    days_written: int
    covered: Span


# Called after each span with its days, the number of its attempts, and the number of days to read in all.
Progress = Callable[[Span, int, int], None]


def sync_calls(
    client: Client,
    archive: str,
    *,
    now: datetime,
    first: date | None = None,
    service: LogSource = "",
    phones: Mapping[str, Phone] | None = None,
    quality: Quality,
    on_span: Progress = lambda span, attempts, days: None,
) -> Synced:
    """Bring the archive up to `now`, from the UTC day `first` on (default: its own first day, or 30 days back).

    Days that had settled when they were read are not fetched again. A day is marked as read once it is written, so a
    killed sync resumes from there. Raises InputError if the archive is another account's.
    """
    today = now.astimezone(UTC).date()
    read = written = 0
    with locked_archive(archive), ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        readings = load_readings(archive, client.account_sid)
        first = min(first or min(readings.days, default=today - KEPT + DAY), today)
        readings = _believable(readings, archive, now, first, quality)
        runs = unsettled_runs(readings, first, today)
        days = sum(span.days for run in runs for span in run)
        # Refusals are only in the function log. It goes back 30 days at most, so one list is enough for all days.
        logs = pool.submit(lambda: list(list_events(client, service, runs[0][0].first, today, quality)))
        for span, fetched in _fetch_runs(pool, client, runs, today, archive):
            quality.add(fetched.quality)
            attempts = frame_calls(fetched.calls, fetched.alerts, logs.result(), phones=phones, quality=quality)
            known = load_days(archive, list_days(archive, str(span.first), str(span.last)))
            written += save_parts(archive, [keep_known(attempts, known)])
            called = {day for some in (attempts, known) for day in some["started_at"].dt.date().unique()}
            readings = readings.with_days(*span, now, called)
            save_readings(archive, readings)
            read += span.days
            on_span(span, len(attempts), days)
    return Synced(read, written, Span(min(readings.days), today))


def _believable(readings: Readings, archive: str, now: datetime, first: date, quality: Quality) -> Readings:
    """The reliable readings: those of days whose file exists, and that are not dated in the future."""
    ahead = readings.ahead_of(now)
    quality.note("days read by a clock that was ahead", "read again", len(ahead), _span_words(ahead))
    readings = readings.without(ahead)
    gone = [day for day in readings.missing(list_days(archive)) if day >= first]
    treatment = "fetched again; of calls older than 30 days Twilio has forgotten why they were lost"
    quality.note(GONE, treatment, len(gone), _span_words(gone))
    return readings.without(gone)


def note_gone(archive: str, quality: Quality) -> None:
    """Count the archive's days whose file is gone, when the archive is read without the account."""
    gone = load_readings(archive, "").missing(list_days(archive))
    quality.note(
        GONE, "left out: a report of the account with this archive fetches them again", len(gone), _span_words(gone)
    )


def _span_words(days: Sequence[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}" if days else ""


def unsettled_runs(readings: Readings, first: date, today: date) -> list[list[Span]]:
    """The days to fetch, oldest first, as runs without a gap; each span of a run is one list request.

    There is always at least one run, because today has never settled.
    """
    days = [first + n * DAY for n in range((today - first).days + 1)]
    runs: list[list[date]] = []
    for day in (day for day in days if not readings.is_settled(day)):
        if runs and runs[-1][-1] + DAY == day:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [[Span(run[0], run[-1])] if len(run) <= DAYS_IN_ONE else [Span(day, day) for day in run] for run in runs]


def keep_known(after: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The attempts as read later (`after`), with the reasons of an earlier reading that Twilio no longer has.

    Twilio deletes alerts and function logs after 30 days; until then a reason, once there, never goes away.
    """
    is_told = pl.col("reason").is_not_null() | pl.col("sip_response").is_not_null()
    told = before.filter(is_told).select("call_sid", was="outcome", why="reason", response="sip_response")
    joined = after.join(told.unique("call_sid"), on="call_sid", how="left", maintain_order="left")
    is_forgotten = pl.col("reason").is_null() & pl.col("why").is_not_null()
    return joined.with_columns(
        outcome=pl.when(is_forgotten).then("was").otherwise("outcome"),
        reason=pl.coalesce("reason", "why"),
        sip_response=pl.coalesce("sip_response", "response"),
    ).drop("was", "why", "response")


def _fetch_runs(
    pool: ThreadPoolExecutor, client: Client, runs: Sequence[Sequence[Span]], today: date, archive: str
) -> Iterator[tuple[Span, Fetched]]:
    """Each span with everything about the calls that started in it, oldest first.

    A call just before midnight may have its leg and alert after midnight, so the following day is fetched too.
    """
    for run in runs:
        last = run[-1].last
        beyond = [Span(last + DAY, last + DAY)] if last < today else []
        fetched = _fetch_ahead(pool, client, [*run, *beyond])
        # Legs of the day before this run belong to calls that were read with that day.
        before = str(run[0].first - DAY)
        earlier = load_days(archive, list_days(archive, before, before), ["call_sid"])["call_sid"]
        following = next(fetched)
        for span in run:
            this, following = following, next(fetched, Fetched())
            yield span, _of_span(span, this, following, earlier)
            earlier = this.calls["sid"]


def _fetch_ahead(pool: ThreadPoolExecutor, client: Client, spans: Sequence[Span]) -> Iterator[Fetched]:
    """Fetch the spans in order, only a few ahead of the reader, so that a year is never in memory at once."""
    waiting = iter(spans)
    ahead: deque[Future[Fetched]] = deque(
        pool.submit(fetch_span, client, *span) for span in islice(waiting, SIDE_BY_SIDE)
    )
    while ahead:
        fetched = ahead.popleft().result()
        ahead.extend(pool.submit(fetch_span, client, *span) for span in islice(waiting, 1))
        yield fetched


def _of_span(span: Span, this: Fetched, following: Fetched, earlier: pl.Series) -> Fetched:
    """The span's own calls, their legs and alerts, without legs of the calls in `earlier` (SIDs of the days before).

    This does not rely on Twilio's time filters to be exact: a call belongs to the day on which it started. A call
    without a start time is kept, to be counted as odd.
    """
    sid, parent, day = pl.col("sid"), pl.col("parent_call_sid"), pl.col("begun").dt.date()
    calls = this.calls.filter(day.is_null() | day.is_between(*span))
    sids = calls["sid"].implode()
    own = calls.filter(~parent.is_in(earlier.implode()).fill_null(False))
    late = following.calls.filter(parent.is_in(sids), ~sid.is_in(sids))
    return Fetched(pl.concat([own, late]), [*this.alerts, *following.alerts], quality=this.quality)
