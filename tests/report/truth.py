"""The content of a call report, counted from the true values of a generated past without the tested code.

Each function returns the rows of one table as a reader sees them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import sqrt
from statistics import NormalDist
from typing import Any
from zoneinfo import ZoneInfo

# fmt: off
ORDER = (
    "answered", "no_answer", "busy", "canceled", "told", "unregistered", "unreachable", "failed", "blocked", "fallback",
    "refused", "in_progress", "unknown",
)
# fmt: on
DELIVERED = {"answered", "no_answer", "busy", "canceled"}
LOST = {"unregistered", "unreachable", "failed", "blocked"}
Z = NormalDist().inv_cdf(0.975)
DAY = timedelta(days=1)

Attempt = Mapping[str, Any]
Row = list[str]


def told_at(moment: datetime, zone: str) -> str:
    """A moment in the local time zone."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def started(attempt: Attempt) -> datetime:
    """The start of an attempt, UTC."""
    return datetime.fromisoformat(attempt["started_at"]).astimezone(UTC)


def bounds(part: int, whole: int) -> tuple[float, float]:
    """Wilson's interval as the roots of the quadratic equation that defines it."""
    a, b, c = whole + Z * Z, -(2 * part + Z * Z), part * part / whole
    root = sqrt(max(b * b - 4 * a * c, 0))
    return max((-b - root) / (2 * a), 0), min((-b + root) / (2 * a), 1)


def rate_cell(part: int, whole: int) -> str:
    """A rate in a table."""
    if not whole:
        return "–"
    low, high = bounds(part, whole)
    return f"{part / whole:.1%} ({100 * low:.1f} – {100 * high:.1f}){', few' if whole < 10 else ''}"


def rate_sentence(part: int, whole: int) -> str:
    """A rate in a sentence."""
    if not whole:
        return "no calls to judge"
    low, high = bounds(part, whole)
    return f"{part / whole:.1%} ({part:,} of {whole:,}; {low:.1%}–{high:.1%})"


def tell(attempts: Iterable[Attempt]) -> tuple[int, int, int, int, int]:
    """Attempts, and how many of them were judged, answered, delivered and lost."""
    ends = Counter(one["outcome"] for one in attempts)
    delivered, lost = (sum(ends[name] for name in names) for names in (DELIVERED, LOST))
    return ends.total(), delivered + lost, ends["answered"], delivered, lost


def rates(attempts: Sequence[Attempt], key: Callable[[Attempt], str], order: Iterable[str] = ()) -> list[Row]:
    """A row for each key, in the given order or sorted."""
    rows = []
    for name in order or sorted({key(one) for one in attempts}):
        whole, judged, answered, delivered, lost = tell(one for one in attempts if key(one) == name)
        lost_rate = f"{lost / judged:.1%}" if judged else "–"
        counts = [f"{whole:,}", f"{judged:,}", f"{answered:,}"]
        more = [rate_cell(answered, judged), f"{delivered:,}", rate_cell(delivered, judged), f"{lost:,}", lost_rate]
        rows.append([name, *counts, *more])
    return rows


def day_of(zone: str) -> Callable[[Attempt], str]:
    """A local date with its weekday."""
    return lambda one: f"{started(one).astimezone(ZoneInfo(zone)):%Y-%m-%d %a}"


def week_of(zone: str) -> Callable[[Attempt], str]:
    """The Monday of the week."""

    def monday(one: Attempt) -> str:
        local = started(one).astimezone(ZoneInfo(zone)).date()
        return f"{local - local.weekday() * DAY:%Y-%m-%d %a}"

    return monday


def hour_of(zone: str) -> Callable[[Attempt], str]:
    """The hour of the day."""
    return lambda one: f"{started(one).astimezone(ZoneInfo(zone)):%H}:00"


def outcomes(attempts: Sequence[Attempt]) -> list[Row]:
    """Outcome, attempts, share of all, without the explanation."""
    ends = Counter(one["outcome"] for one in attempts)
    return [
        [name.replace("_", " "), f"{ends[name]:,}", f"{ends[name] / len(attempts):.1%}"] for name in ORDER if ends[name]
    ]


def funnels(attempts: Sequence[Attempt]) -> list[Row]:
    """Direction, stage, attempts, share of the stage before."""
    rows = []
    for direction in ("outgoing", "incoming"):
        whole, judged, answered, delivered, _ = tell(one for one in attempts if one["direction"] == direction)
        before = 0
        for stage, count in zip(
            ("attempts", "tried", "delivered", "answered"), (whole, judged, delivered, answered), strict=True
        ):
            rows.append([direction, stage, f"{count:,}", f"{count / before:.1%}" if before else "–"])
            before = count
    return rows


def reasons(attempts: Sequence[Attempt]) -> list[Row]:
    """Outcome, code, attempts, share of lost, running share."""
    lost = Counter((one["outcome"], one["reason"] or "") for one in attempts if one["outcome"] in LOST)
    rows, running = [], 0
    for (outcome, code), count in sorted(lost.items(), key=lambda item: (-item[1], item[0])):
        running += count
        shares = [f"{count / lost.total():.1%}", f"{running / lost.total():.1%}"]
        rows.append([outcome.replace("_", " "), code or "–", f"{count:,}", *shares])
    return rows


def peaks(attempts: Sequence[Attempt], zone: str) -> list[Row]:
    """Direction, the highest number of concurrent answered calls, and its first time."""
    rows = []
    for name in ("all", "outgoing", "incoming"):
        spans = [
            (started(one), started(one) + timedelta(seconds=one["duration_s"]))
            for one in attempts
            if one["outcome"] == "answered" and name in ("all", one["direction"])
        ]
        at_once = {at: sum(begin <= at < end for begin, end in spans) for at, _ in spans}
        most = max(at_once.values(), default=0)
        first = min((at for at, count in at_once.items() if count == most), default=None)
        rows.append([name, str(most), told_at(first, zone) if first else "–"])
    return rows


def costs(attempts: Sequence[Attempt]) -> list[Row]:
    """Phone, attempts with a price, cost, cost an attempt; the dearest first, and all of them."""
    priced = [one for one in attempts if one["price"] is not None]
    sums = {
        name: (len(own), sum(round(one["price"] * 1_000_000) for one in own))
        for name in {one["client"] for one in priced}
        if (own := [one for one in priced if one["client"] == name])
    }
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    ordered.append(("all phones", (len(priced), sum(micros for _, micros in sums.values()))))
    return [
        [name, f"{count:,}", f"{micros / 1e6:.2f} USD", f"{micros / 1e6 / count:.4f} USD"]
        for name, (count, micros) in ordered
    ]


def daily_costs(attempts: Sequence[Attempt], zone: str) -> list[Row]:
    """Day, attempts with a price, cost, cost an attempt; and all of them."""
    priced = [one for one in attempts if one["price"] is not None]
    rows = []
    for name in [*sorted({day_of(zone)(one) for one in priced}), "all days"]:
        own = [round(one["price"] * 1_000_000) for one in priced if name in ("all days", day_of(zone)(one))]
        rows.append([name, f"{len(own):,}", f"{sum(own) / 1e6:.2f} USD", f"{sum(own) / 1e6 / len(own):.4f} USD"])
    return rows


def durations(attempts: Sequence[Attempt]) -> list[Row]:
    """Direction, band, answered calls, their share, minutes."""
    bands = {"under 6 s": (0, 6), "6 to 30 s": (6, 30), "30 s to 1 min": (30, 60), "1 to 3 min": (60, 180)}
    bands |= {"3 to 10 min": (180, 600), "10 to 30 min": (600, 1800), "30 min or more": (1800, 10**6)}
    rows = []
    for way in ("outgoing", "incoming"):
        talks = [one["duration_s"] for one in attempts if one["direction"] == way and one["outcome"] == "answered"]
        for name, (since, until) in {**bands, "all": (0, 10**6)}.items():
            own = [seconds for seconds in talks if since <= seconds < until]
            rows.append([way, name, f"{len(own):,}", f"{len(own) / len(talks):.1%}", f"{round(sum(own) / 60):,}"])
    return rows


def parties(attempts: Sequence[Attempt], direction: str) -> list[Row]:
    """The ten numbers of a direction with the most attempts, masked: attempts, answered, minutes, cost."""
    own = [one for one in attempts if one["direction"] == direction]
    most = sorted(Counter(one["other_party"] for one in own).items(), key=lambda item: (-item[1], item[0]))[:10]
    rows = []
    for number, count in most:
        calls = [one for one in own if one["other_party"] == number]
        minutes = round(sum(one["duration_s"] or 0 for one in calls) / 60)
        prices = [round(one["price"] * 1_000_000) for one in calls if one["price"] is not None]
        cost = f"{sum(prices) / 1e6:.2f} USD" if prices else "–"
        answered = sum(one["outcome"] == "answered" for one in calls)
        rows.append([f"{number[:-4]}••••", f"{count:,}", f"{answered:,}", f"{minutes:,}", cost])
    return rows


def periods(attempts: Sequence[Attempt], zone: str, length: int) -> list[Row]:
    """Measure, the days before the last ones, the last ones."""
    days = sorted(started(one).astimezone(ZoneInfo(zone)).date() for one in attempts)
    begin = days[-1] - (length - 1) * DAY
    sides: list[list[Attempt]] = [[], []]
    for one in attempts:
        at = started(one).astimezone(ZoneInfo(zone)).date()
        if at >= begin - length * DAY:
            sides[at >= begin].append(one)
    told = [tell(side) for side in sides]
    minutes = [round(sum(one["duration_s"] or 0 for one in side) / 60) for side in sides]
    return [
        ["attempts", *(f"{counts[0]:,}" for counts in told)],
        ["minutes", *(f"{count:,}" for count in minutes)],
        ["answered rate", *(rate_sentence(counts[2], counts[1]) for counts in told)],
        ["delivered rate", *(rate_sentence(counts[3], counts[1]) for counts in told)],
    ]


def lives(attempts: Sequence[Attempt], until: datetime, zone: str) -> list[Row]:
    """Phone, attempts, last attempt, sign of life and answer, quiet spells, state."""
    rows = []
    for name in {one["client"] for one in attempts}:
        own = [one for one in attempts if one["client"] == name]
        signs = sorted(started(one) for one in own if one["direction"] == "outgoing" or one["outcome"] in DELIVERED)
        answers = [started(one) for one in own if one["outcome"] == "answered"]
        longest = max((after - before for before, after in pairwise(signs)), default=DAY * 0)
        quiet = until - signs[-1]
        is_few = len(signs) < 20
        state = "too few to judge" if is_few else "silent" if quiet > max(longest, DAY) else "as usual"
        last = max(started(one) for one in own)
        moments = [told_at(at, zone) for at in (last, signs[-1], max(answers))]
        rows.append((last, [name, f"{len(own):,}", *moments, spell(quiet), "–" if is_few else spell(longest), state]))
    return [row for _, row in sorted(rows, reverse=True)]


def spell(length: timedelta) -> str:
    """A duration."""
    minutes = length // timedelta(minutes=1)
    if minutes >= 1440:
        return f"{minutes // 1440} d {minutes % 1440 // 60} h"
    return f"{minutes // 60} h {minutes % 60} min"


def latest(attempts: Sequence[Attempt], zone: str) -> list[Row]:
    """The twenty newest."""
    names = ("environment", "client", "direction")
    return [
        [
            told_at(started(one), zone),
            *(one[name] for name in names),
            f"{one['other_party'][:-4]}••••",
            one["outcome"].replace("_", " "),
            one["reason"] or "–",
            "–" if one["duration_s"] is None else f"{one['duration_s']:,}",
            one["call_sid"],
        ]
        for one in sorted(attempts, key=lambda one: (one["started_at"], one["call_sid"]), reverse=True)[:20]
    ]


def around(attempts: Sequence[Attempt], environment: str, moments: Sequence[datetime]) -> list[tuple[str, ...]]:
    """The delivered rate before and after each deployment to an environment, up to a week and its neighbours."""
    rows = []
    own = [one for one in attempts if one["environment"] == environment]
    for at in moments:
        since = max([at - 7 * DAY, *(other for other in moments if other < at)])
        until = min([at + 7 * DAY, *(other for other in moments if other > at)])
        sides = [tell(one for one in own if begin <= started(one) < end) for begin, end in ((since, at), (at, until))]
        rows.append(tuple(rate_sentence(delivered, judged) for _, judged, _, delivered, _ in sides))
    return rows
