"""The first look at a call report: tiles, each a figure with its change and its course, and every phone's state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import LOST
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.measures.before_after import RateChange, change_between
from dialtone_nb.calls.measures.rates import Rate, cost_by, days_of, in_periods, rate_of, rates_by
from dialtone_nb.display.rendering import render
from dialtone_nb.report.call_report.summary import RECENT_DAYS, recent_and_before, weak_phones

# A course with more points than the first is drawn by week, with more than the second by month.
DAILY_POINTS: Final = 92
WEEKLY_POINTS: Final = 1000
# The box of a course, in pixels.
WIDTH, HEIGHT = 120, 28
# More phones than this can't be seen at a glance; those that need somebody come first.
MOST_PHONES: Final = 40


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: its value, how its last days differ from the days before, and its course over the period."""

    name: str
    value: str
    change: str
    role: str
    course: tuple[float | None, ...]

    @property
    def lines(self) -> list[str]:
        """The course as the points of lines; a period without a value ends one."""
        known = [value for value in self.course if value is not None]
        if len(known) < 2:
            return []
        low, high = min(known), max(known)
        step = WIDTH / (len(self.course) - 1)
        lines: list[list[str]] = [[]]
        for number, value in enumerate(self.course):
            if value is None:
                lines.append([])
                continue
            height = (value - low) / (high - low) if high > low else 0.5
            lines[-1].append(f"{number * step:.1f},{HEIGHT - 2 - height * (HEIGHT - 4):.1f}")
        return [" ".join(points) for points in lines if len(points) > 1]


@dataclass(frozen=True, slots=True)
class PhoneAtAGlance:
    """A phone's state as its calls tell it, with the class and the sign that mark it."""

    name: str
    state: str
    role: str
    sign: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """What a reader sees first: the tiles, and the phones, those that need somebody first."""

    tiles: tuple[Tile, ...]
    phones: tuple[PhoneAtAGlance, ...]
    compared: str

    def _repr_html_(self) -> str:
        return render(
            "tiles",
            package="dialtone_nb.report",
            head=self,
            width=WIDTH,
            height=HEIGHT,
            phones=self.phones[:MOST_PHONES],
            more=max(len(self.phones) - MOST_PHONES, 0),
        )

    def __repr__(self) -> str:
        lines = [f"{tile.name}: {tile.value} ({tile.change})" for tile in self.tiles]
        phones = "; ".join(f"{phone.name} {phone.state}" for phone in self.phones)
        return "\n".join([*lines, f"phones: {phones or 'none'}"])


def make_tiles(data: CallData, life: pd.DataFrame) -> Tiles:
    """The tiles of a report and its phones at a glance, from its calls and the phones' signs of life."""
    tally = data.tally()
    periods, every = _periods(tally)
    pair = recent_and_before(tally, lambda days: days)
    attempts, lost = int(tally["attempts"].sum()), tally[tally["outcome"].isin(LOST)]
    tiles = (
        Tile("attempts", f"{attempts:,}", *_a_day(tally, "attempts"), _summed(periods, every, "attempts")),
        *(_rate_tile(tally, periods, every, name) for name in ("delivered", "answered")),
        Tile(
            "lost",
            f"{int(lost['attempts'].sum()):,}",
            *_rate_change(tally, "lost"),
            _summed(periods[periods["outcome"].isin(LOST)], every, "attempts"),
        ),
        *_cost_tiles(tally, periods, every),
    )
    compared = f"The last {RECENT_DAYS} days beside all days before." if pair else "Too few days to compare."
    return Tiles(tiles, tuple(sorted(_phones(tally, life), key=lambda phone: _ORDER.index(phone.role))), compared)


_ORDER: Final = ("failed", "unknown", "done", "none")


def _periods(tally: pd.DataFrame) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    """The tally by day, week or month, and every such period of the report."""
    days = len(days_of(tally))
    period = "day" if days <= DAILY_POINTS else "week" if days <= WEEKLY_POINTS else "month"
    moved = in_periods(tally, period)
    freq = {"day": "D", "week": "W-MON", "month": "MS"}[period]
    if tally.empty:
        return moved, pd.DatetimeIndex([])
    return moved, pd.date_range(moved["day"].min(), moved["day"].max(), freq=freq)


def _summed(periods: pd.DataFrame, every: pd.DatetimeIndex, column: str) -> tuple[float | None, ...]:
    return tuple(float(value) for value in periods.groupby("day")[column].sum().reindex(every, fill_value=0))


def _rate_tile(tally: pd.DataFrame, periods: pd.DataFrame, every: pd.DatetimeIndex, name: str) -> Tile:
    rate = rate_of(tally, name)
    value = "–" if rate.value is None else f"{rate.value:.1%}"
    return Tile(name, value, *_rate_change(tally, name), _rates(periods, every, name))


def _rates(periods: pd.DataFrame, every: pd.DatetimeIndex, name: str) -> tuple[float | None, ...]:
    if periods.empty:
        return ()
    by_period = rates_by(periods, ["day"])[f"{name}_rate"].dropna().to_dict()
    return tuple(by_period.get(day) for day in every)


def _rate_change(tally: pd.DataFrame, name: str) -> tuple[str, str]:
    """How the rate of the last days differs from before in points, and the class that marks it."""
    pair = recent_and_before(tally, lambda days: rate_of(days, name))
    if not pair or pair[0].value is None or pair[1].value is None:
        return "nothing to compare", ""
    recent, before = pair
    change = change_between(before, recent)
    points = f"{100 * ((recent.value or 0) - (before.value or 0)):+.1f} points"
    if change not in (RateChange.BETTER, RateChange.WORSE):
        return f"{points}, within chance", ""
    # How many people pick up is up to them; of the lost, more is worse.
    is_good = (change is RateChange.BETTER) != (name == "lost")
    return points, "" if name == "answered" else "done" if is_good else "failed"


def _a_day(tally: pd.DataFrame, column: str, scale: float = 1, digits: str = ",.1f") -> tuple[str, str]:
    """The mean of a day in the last days, and before them."""
    pair = recent_and_before(tally, lambda days: float(days[column].sum()) / scale)
    if not pair:
        return "nothing to compare", ""
    recent, before = pair[0] / RECENT_DAYS, pair[1] / (len(days_of(tally)) - RECENT_DAYS)
    share = f" ({(recent - before) / before:+.0%})" if before else ""
    return f"{recent:{digits}} a day, before {before:{digits}}{share}", ""


def _cost_tiles(tally: pd.DataFrame, periods: pd.DataFrame, every: pd.DatetimeIndex) -> Iterator[Tile]:
    """A tile for each currency; one without a value where no price has settled."""
    whole = cost_by(tally.assign(client="all"), "client").to_dict("records")
    for row in whole:
        own = tally["currency"] == row["currency"]
        change = _a_day(tally.assign(price_micros=tally["price_micros"].where(own, 0)), "price_micros", 1e6, ",.2f")
        course = _summed(periods[periods["currency"] == row["currency"]], every, "price_micros")
        yield Tile("cost", f"{row['price']:,.2f} {row['currency']}".rstrip(), *change, course)
    if not whole:
        yield Tile("cost", "–", "no price has settled", "", ())


def _phones(tally: pd.DataFrame, life: pd.DataFrame) -> Iterator[PhoneAtAGlance]:
    weak: dict[str, Rate] = dict(weak_phones(tally))
    for client, row in life.iterrows():
        name = str(client)
        if row["is_silent"]:
            yield PhoneAtAGlance(name, f"silent since {row['last_sign_at']:%Y-%m-%d}", "failed", "✗")
        elif name in weak:
            yield PhoneAtAGlance(name, f"delivers {weak[name].value:.0%}", "unknown", "!")
        elif row["is_few"]:
            yield PhoneAtAGlance(name, "too few calls to judge", "none", "?")
        else:
            yield PhoneAtAGlance(name, "as usual", "done", "✓")
