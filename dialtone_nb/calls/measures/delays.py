"""The delay before ringing: how long Twilio waited for our service at the beginning of calls, sampled day by day.

Twilio dials only when the voice URL has answered, and the caller hears nothing until then. A call's Events have the
duration of each webhook request, at no cost. Twilio ends idle function processes, and the next call then waits for a
new one (a cold start); so each day's sample has one call after a pause and one without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson
import polars as pl

from dialtone_nb.calls.archive.storage import keep_rows, load_rows
from dialtone_nb.calls.attempts.call_data import CallData
from dialtone_nb.calls.attempts.schema import UTC_TIME
from dialtone_nb.calls.file_source.times import parse_time
from dialtone_nb.calls.load import TWILIO, CallRunbook, find_archive, find_source
from dialtone_nb.calls.measures.before_after import REACH, Deployment
from dialtone_nb.errors import AbsentError

if TYPE_CHECKING:
    from twilio.rest import Client

FILE: Final = "delays.json"
# Twilio does not document how long an idle function's process is kept. Calls after a pause between these two are not
# sampled, because either may be the case.
RUNNING_WITHIN: Final = timedelta(minutes=10)
COLD_AFTER: Final = timedelta(minutes=20)
# The most requests that one report makes for the sample; an archive keeps the results.
MOST: Final = 200
# Columns that the sample needs.
COUNTED: Final = ("call_sid", "started_at", "environment", "duration_s")
SAMPLE: Final = pl.Schema(
    {"started_at": UTC_TIME, "environment": pl.String(), "call_sid": pl.String(), "after_pause": pl.Boolean()}
)
SPANS: Final = ("pause", "since_last")
STATUS_PATH: Final = "/call-status"


@dataclass(frozen=True, slots=True, order=True)
class Delay:
    """The delay before ringing of one sampled call, in milliseconds."""

    at: datetime
    environment: str
    call_sid: str
    after_pause: bool  # the service had not been requested for `COLD_AFTER` or longer
    ms: int


@dataclass(frozen=True, slots=True)
class DelayGroup:
    """The delays (ms) of an environment's sampled calls, over all days, or before or after a deployment."""

    environment: str
    when: str
    after_pause: bool
    delays: tuple[int, ...]

    @property
    def median(self) -> int:
        """The median delay in milliseconds."""
        return round(median(self.delays))


def load_runbook_delays(runbook: CallRunbook, data: CallData) -> tuple[Delay, ...]:
    """The delays of a sample of a runbook's calls, oldest first, from the account or saved in an archive.

    With a parameter `archive`, they are saved there, and none is fetched twice. For log files there are none.
    """
    wanted = runbook.parameters
    if wanted.source == TWILIO:
        sample = sample_calls(data)
        archive = find_archive(wanted.archive, runbook.project)
        known = load_delays(archive) if archive else ()
        sids = {one.call_sid for one in known}
        new = sample.filter(~pl.col("call_sid").is_in(sids)).tail(MOST)
        found = fetch_delays(runbook.account.client, new)
        known = keep_delays(archive, known, found) if archive else found
    else:
        source = find_source(wanted.source, runbook.project)
        known = load_delays(source) if "://" in source or Path(source).is_dir() else ()
        sample = sample_calls(data) if known else SAMPLE.to_frame()
    meant = set(sample["call_sid"])
    return tuple(one for one in known if one.call_sid in meant)


def sample_calls(data: CallData) -> pl.DataFrame:
    """The first call after a pause, and the first one soon after another, of each UTC day and environment."""
    # Of all calls, even if the report filters them: the others kept the service's process running too.
    every = data.attempts.select(where=())
    return every.gather(_sample, _merge_samples, COUNTED)


def _merge_samples(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts).sort("started_at", "call_sid")


def _sample(attempts: pl.DataFrame) -> pl.DataFrame:
    at, by = pl.col("started_at"), ("environment", "day")
    # The service is requested again when a call ends.
    ended = at + pl.duration(seconds=pl.col("duration_s").fill_null(0))
    pause, since_last = at - ended.cum_max().shift().over(by), at - at.shift().over(by)
    # Of two calls that start in the same second it is unknown which came first, so neither is sampled.
    is_alone = at.ne_missing(at.shift().over(by)) & at.ne_missing(at.shift(-1).over(by))
    is_soon = pl.any_horizontal(pl.col(name).is_between(timedelta(), RUNNING_WITHIN, closed="none") for name in SPANS)
    return (
        attempts.lazy()
        .filter(pl.col("call_sid").is_not_null(), pl.col("environment").is_not_null())
        .with_columns(pl.col("environment").cast(pl.String), day=at.dt.truncate("1d"))
        # For a day's first call, the pause is counted from midnight.
        .with_columns(
            is_first=at == at.first().over(by),
            pause=pause.fill_null(at - pl.col("day")),
            since_last=since_last,
            is_alone=is_alone,
        )
        .with_columns(after_pause=pl.col("pause") >= COLD_AFTER)
        .filter(pl.col("is_alone"), pl.col("after_pause") | (is_soon & ~pl.col("is_first")))
        .unique(("day", "environment", "after_pause"), keep="first", maintain_order=True)
        .select(SAMPLE.names())
        .cast(SAMPLE)
        .collect()
    )


def fetch_delays(client: Client, sample: pl.DataFrame) -> tuple[Delay, ...]:
    """Fetch the delays of sampled calls, one request each, in parallel; calls that Twilio lacks are left out."""
    # A report on files asks nobody, and goes without what only requests need.
    from dialtone_nb.calls.twilio_source.fetch import SIDE_BY_SIDE

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        took = list(pool.map(partial(_fetch_ms, client), sample["call_sid"]))
    rows = zip(sample.iter_rows(named=True), took, strict=True)
    return tuple(
        Delay(row["started_at"].astimezone(UTC), row["environment"], row["call_sid"], row["after_pause"], ms)
        for row, ms in rows
        if ms is not None
    )


def _fetch_ms(client: Client, call_sid: str) -> int | None:
    from dialtone_nb.calls.twilio_source.fetch import API

    url = f"{API}/2010-04-01/Accounts/{client.account_sid}/Calls/{call_sid}/Events.json"
    try:
        return delay_of(orjson.loads(client.request("GET", url).text)["events"])
    except AbsentError:
        return None


def delay_of(events: Iterable[Mapping[str, Any]]) -> int | None:
    """The duration (ms) of a call's first webhook request; None without one (Events may take 15 minutes to appear)."""
    asked = [one for one in events if urlsplit(str(one["request"]["url"])).path != STATUS_PATH]
    first = min(asked, key=_answered_at, default=None)
    took = first["response"].get("request_duration") if first else None
    return int(took) if took is not None else None


def _answered_at(event: Mapping[str, Any]) -> datetime:
    return parse_time(event["response"].get("date_created") or "") or datetime.max.replace(tzinfo=UTC)


def keep_delays(archive: str, before: Iterable[Delay], found: Iterable[Delay]) -> tuple[Delay, ...]:
    """Save new delays in the archive; gives back all that are known, oldest first."""
    known = tuple(sorted(before))
    after = tuple(sorted({*known, *found}))
    if after != known:
        keep_rows(archive, FILE, after)
    return after


def load_delays(archive: str) -> tuple[Delay, ...]:
    """The delays saved in an archive, oldest first; raises InputError if the file is damaged."""
    repair = "remove it; the next report asks Twilio for them again"
    return tuple(sorted(load_rows(archive, FILE, Delay, "delays", repair)))


def group_delays(delays: Sequence[Delay], deployments: Sequence[Deployment] = ()) -> tuple[DelayGroup, ...]:
    """Group delays by environment and pause, over all days, and before and after each deployment."""
    groups = []
    for environment in sorted({one.environment for one in delays}):
        own = [one for one in delays if one.environment == environment]
        here = sorted(one.at for one in deployments if one.environment == environment)
        spans = [("all days", datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))]
        for past, at, following in zip([None, *here], here, [*here[1:], None], strict=False):
            named = f"the deployment of {at:%Y-%m-%d %H:%M} UTC"
            spans.append((f"before {named}", max(at - REACH, past or at - REACH), at))
            spans.append((f"after {named}", at, min(at + REACH, following or at + REACH)))
        for when, since, until in spans:
            for after_pause in (False, True):
                some = [one.ms for one in own if since <= one.at < until and one.after_pause == after_pause]
                if some:
                    groups.append(DelayGroup(environment, when, after_pause, tuple(some)))
    return tuple(groups)
