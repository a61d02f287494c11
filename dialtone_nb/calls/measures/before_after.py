"""Deployments, and the comparison of rates before and after each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import polars as pl

from dialtone_nb.calls.archive.storage import keep_rows, load_rows
from dialtone_nb.calls.load import TWILIO, CallRunbook, find_archive, find_source
from dialtone_nb.calls.measures.rates import FEW, Rate, difference_interval, rate_of

if TYPE_CHECKING:
    from twilio.rest import Client


FILE: Final = "deployments.json"
# The time compared on either side of a deployment, at most up to the next one; later changes have other causes.
REACH: Final = pd.Timedelta(days=7)
# Columns that this tally reads.
COUNTED: Final = ("started_at", "environment", "outcome")
KEYS: Final = ("sid", "side", "outcome")
NOTHING: Final = pl.DataFrame(schema={**dict.fromkeys(KEYS, pl.String), "attempts": pl.Int64})


@dataclass(frozen=True, slots=True, order=True)
class Deployment:
    """One deployment: from `at` (UTC) on, its build is live in the environment; "" means that it was taken down."""

    at: datetime
    environment: str
    sid: str
    build_sid: str = ""

    @property
    def label(self) -> str:
        """The deployment's name in a report."""
        what = "" if self.build_sid else ", taken down"
        return f"{self.environment} {self.at:%Y-%m-%d %H:%M %Z}{what}"


def load_runbook_deployments(runbook: CallRunbook) -> tuple[Deployment, ...]:
    """The deployments for a runbook's calls, oldest first: the account's, or those saved in an archive.

    With a parameter `archive`, the account's are saved there. For log files there are none.
    """
    wanted = runbook.parameters
    if wanted.source == TWILIO:
        archive = find_archive(wanted.archive, runbook.project)
        found = fetch_deployments(runbook.account.client, runbook.declared.network.service.name)
        deployments = keep_deployments(archive, found) if archive else found
    else:
        source = find_source(wanted.source, runbook.project)
        deployments = load_deployments(source) if "://" in source or Path(source).is_dir() else ()
    return tuple(one for one in deployments if wanted.environment in ("", one.environment))


def fetch_deployments(client: Client, service: str) -> tuple[Deployment, ...]:
    """All deployments to a service's environments at Twilio, oldest first; none if there is no such service."""
    services = client.serverless.v1.services
    found = next((one for one in services.stream() if one.unique_name == service), None)
    if not found:
        return ()
    return tuple(
        sorted(
            Deployment(
                one.date_created.astimezone(UTC), str(environment.unique_name), str(one.sid), one.build_sid or ""
            )
            for environment in services(found.sid).environments.stream()
            for one in services(found.sid).environments(environment.sid).deployments.stream()
        )
    )


def keep_deployments(archive: str, found: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """Save new deployments in the archive; gives back all that are known, oldest first.

    Known deployments stay even if Twilio no longer lists them, as those of a deleted environment.
    """
    before = load_deployments(archive)
    after = tuple(sorted({one.sid: one for one in (*before, *found)}.values()))
    if after != before:
        keep_rows(archive, FILE, after)
    return after


def load_deployments(archive: str) -> tuple[Deployment, ...]:
    """The deployments saved in an archive, oldest first; raises InputError if the file is damaged."""
    repair = "remove it; the next report reads Twilio's again"
    return tuple(sorted(load_rows(archive, FILE, Deployment, "deployments", repair)))


class RateChange(StrEnum):
    """How a rate changed, judged by the 95 % interval of the difference."""

    FEW = "too few to judge"
    BETTER = "better"
    WORSE = "worse"
    SAME = "no difference beyond chance"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The delivered rate of an environment before and after a deployment."""

    deployment: Deployment
    before: Rate
    after: Rate

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % bounds of the difference, from -1 to 1."""
        return difference_interval(self.before, self.after)

    @property
    def change(self) -> RateChange:
        """How the rate changed."""
        return change_between(self.before, self.after)

    @property
    def words(self) -> str:
        """The change in words with its interval, or why it can't be judged."""
        return change_words(self.before, self.after)


def change_between(before: Rate, after: Rate) -> RateChange:
    """Compare two rates: FEW if either has too few attempts, SAME if the interval of the difference includes zero."""
    if before.is_few or after.is_few:
        return RateChange.FEW
    low, high = difference_interval(before, after)
    return RateChange.BETTER if low > 0 else RateChange.WORSE if high < 0 else RateChange.SAME


def change_words(before: Rate, after: Rate) -> str:
    """The change of a rate in words with its interval, or why it can't be judged."""
    change = change_between(before, after)
    if change is RateChange.FEW or before.value is None or after.value is None:
        fewest = min(before.denominator, after.denominator)
        return f"too few to judge: {fewest} judged on one side, {FEW} are needed"
    low, high = difference_interval(before, after)
    return f"{100 * (after.value - before.value):+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}): {change}"


def tally_around(attempts: pl.DataFrame, deployments: Sequence[Deployment]) -> pl.DataFrame:
    """Count attempts by deployment (`sid`), `side` ("before", "after") and outcome; tallies of parts can be merged.

    Only attempts in the deployment's environment count; one at the moment of the deployment counts as after it.
    """
    at = pl.col("started_at")
    parts = [NOTHING.lazy()]
    for environment in sorted({one.environment for one in deployments}):
        here = attempts.lazy().filter(pl.col("environment") == environment)
        for sid, begin, moment, end in _bounds([one for one in deployments if one.environment == environment]):
            for side, since, until in (("before", begin, moment), ("after", moment, end)):
                meant = here.filter(at.is_between(since, until, closed="left"))
                counted = meant.group_by(pl.col("outcome").cast(pl.String)).agg(attempts=pl.len().cast(pl.Int64))
                parts.append(counted.select(sid=pl.lit(sid), side=pl.lit(side), outcome="outcome", attempts="attempts"))
    return merge_around(pl.collect_all(parts))


def _bounds(deployments: Sequence[Deployment]) -> Iterator[tuple[str, pd.Timestamp, pd.Timestamp, pd.Timestamp]]:
    """For each deployment of an environment: its SID, the beginning of the time compared, its moment, and the end."""
    ordered = [(one.sid, pd.Timestamp(one.at)) for one in sorted(deployments)]
    moments = [at for _, at in ordered]
    for (sid, at), past, following in zip(ordered, [None, *moments], [*moments[1:], None], strict=False):
        yield sid, max(at - REACH, past or at - REACH), at, min(at + REACH, following or at + REACH)


def merge_around(tallies: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Merge the tallies of parts, in any order."""
    return pl.concat([NOTHING, *tallies]).group_by(KEYS).agg(pl.col("attempts").sum()).sort(KEYS)


def compare_deployments(around: pd.DataFrame, deployments: Sequence[Deployment]) -> tuple[Comparison, ...]:
    """Compare the delivered rate before and after each deployment, in order."""

    def rate(deployment: Deployment, side: str) -> Rate:
        return rate_of(around[(around["sid"] == deployment.sid) & (around["side"] == side)], "delivered")

    return tuple(Comparison(one, rate(one, "before"), rate(one, "after")) for one in deployments)
