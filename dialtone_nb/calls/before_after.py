"""How calls went before and after each deployment: attempts that merge, and what can be concluded from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pandas as pd

from dialtone_nb.calls.deployments import Deployment
from dialtone_nb.calls.metrics import FEW, Rate, difference_interval, rate_of

# So far a deployment is looked at to both sides, and not beyond the next one: a change of months ago says nothing.
REACH: Final = pd.Timedelta(days=7)
# What of the attempts is looked at.
COUNTED: Final = ("started_at", "environment", "outcome")
KEYS: Final = ["sid", "side", "outcome"]


class Verdict(StrEnum):
    """What two rates and the interval of their difference say."""

    FEW = "too few to judge"
    BETTER = "better"
    WORSE = "worse"
    SAME = "no difference beyond chance"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One rate of an environment before and after a deployment."""

    deployment: Deployment
    rate: str
    before: Rate
    after: Rate

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % bounds of the difference, -1 to 1."""
        return difference_interval(self.before, self.after)

    @property
    def verdict(self) -> Verdict:
        """What may be concluded: nothing from few attempts, nor where the interval holds no difference."""
        if self.before.is_few or self.after.is_few:
            return Verdict.FEW
        low, high = self.interval
        return Verdict.BETTER if low > 0 else Verdict.WORSE if high < 0 else Verdict.SAME

    @property
    def words(self) -> str:
        """The change in words, with its interval; or why nothing can be said."""
        before, after = self.before.value, self.after.value
        if self.verdict is Verdict.FEW or before is None or after is None:
            fewest = min(self.before.denominator, self.after.denominator)
            return f"too few to judge: {fewest} judged on one side, {FEW} are needed"
        low, high = self.interval
        points = f"{100 * (after - before):+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
        return f"{points}: {self.verdict}"


def tally_around(frame: pd.DataFrame, deployments: Sequence[Deployment]) -> pd.DataFrame:
    """Attempts by deployment (its `sid`), `side` ("before", "after") and outcome; tallies of parts merge.

    Only attempts to the deployment's environment count, those at its own moment as after it.
    """
    parts = []
    for environment in sorted({one.environment for one in deployments}):
        attempts = frame[frame["environment"] == environment].sort_values("started_at")
        for sid, *bounds in _bounds([one for one in deployments if one.environment == environment]):
            begin, at, end = attempts["started_at"].searchsorted(pd.DatetimeIndex(bounds)).tolist()
            parts += [_count(attempts.iloc[begin:at], sid, "before"), _count(attempts.iloc[at:end], sid, "after")]
    return merge_around(parts)


def _bounds(deployments: Sequence[Deployment]) -> Iterator[tuple[str, pd.Timestamp, pd.Timestamp, pd.Timestamp]]:
    """For each deployment of an environment its SID, how far back it is looked at, its moment, and how far on."""
    ordered = [(one.sid, pd.Timestamp(one.at)) for one in sorted(deployments)]
    moments = [at for _, at in ordered]
    for (sid, at), past, following in zip(ordered, [None, *moments], [*moments[1:], None], strict=False):
        yield sid, max(at - REACH, past or at - REACH), at, min(at + REACH, following or at + REACH)


def _count(attempts: pd.DataFrame, sid: str, side: str) -> pd.DataFrame:
    return attempts.groupby("outcome").size().rename("attempts").reset_index().assign(sid=sid, side=side)


def merge_around(tallies: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The tally of everything that was tallied in parts, in whatever order."""
    empty = pd.DataFrame({**{key: pd.Series(dtype="str") for key in KEYS}, "attempts": pd.Series(dtype="int64")})
    together = pd.concat([empty, *tallies], ignore_index=True)
    return together.groupby(KEYS, sort=True)["attempts"].sum().reset_index()


def compare_deployments(
    around: pd.DataFrame, deployments: Sequence[Deployment], rate: str = "delivered"
) -> tuple[Comparison, ...]:
    """A rate before and after each deployment, in their order."""
    return tuple(
        Comparison(one, rate, *(_rate(around, one, side, rate) for side in ("before", "after"))) for one in deployments
    )


def _rate(around: pd.DataFrame, deployment: Deployment, side: str, name: str) -> Rate:
    return rate_of(around[(around["sid"] == deployment.sid) & (around["side"] == side)], name)
