"""How every figure looks: an outcome's colour and pattern, axes, and the parts that figures share.

An outcome has the same colour and the same pattern in every figure (Okabe and Ito's colours, which colour-blind people
tell apart; the patterns also without colour). Backgrounds are transparent, and lines a grey that stands on white and on
black.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import OUTCOMES
from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.calls.measures.enough import LeftOut
from dialtone_nb.calls.measures.rates import days_of

COLOURS: Final = {
    "answered": "#0072B2",
    "no_answer": "#56B4E9",
    "busy": "#009E73",
    "canceled": "#A7B6C2",
    "told": "#4C5AA8",
    "unregistered": "#E69F00",
    "unreachable": "#D55E00",
    "failed": "#AE2A30",
    "blocked": "#6A3D2B",
    "fallback": "#B8A000",
    "refused": "#CC79A7",
    "in_progress": "#C9C9C9",
    "unknown": "#808080",
}
PATTERNS: Final = {
    "answered": "",
    "no_answer": ".",
    "busy": "/",
    "canceled": "-",
    "told": "|",
    "unregistered": "\\",
    "unreachable": "x",
    "failed": "",
    "blocked": "+",
    "fallback": "/",
    "refused": "|",
    "in_progress": ".",
    "unknown": "x",
}
# Colour, marker, its size, and line: an open circle around a diamond shows both where two rates are the same.
# The answered rate has the colour of answered attempts; delivered is several outcomes, so it has a colour of its own.
RATE_STYLES: Final = {
    "delivered": ("#8A63C9", "circle-open", 10, "solid"),
    "answered": (COLOURS["answered"], "diamond", 6, "dot"),
}
INK: Final = "#767B84"
GRID: Final = "rgba(128, 128, 128, 0.25)"
DAY_MS: Final = 86_400_000
# Pixels: between plot and legend, and what the axis, its title and the margins take of a figure's height.
LEGEND_ABOVE: Final = 10
AROUND_THE_PLOT: Final = 100
# More bars than this are too thin for a pattern.
PATTERNED_BARS: Final = 62
# Up to here an axis steps by one: there are no half attempts.
WHOLE_STEPS: Final = 6

AXIS: Final = {
    "title": {"font": {"size": 12}, "standoff": 15},
    "gridcolor": GRID,
    "zeroline": False,
    "linecolor": GRID,
    "automargin": True,
}
LAYOUT: Final = {
    "paper_bgcolor": "rgba(0, 0, 0, 0)",
    "plot_bgcolor": "rgba(0, 0, 0, 0)",
    "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
    "margin": {"l": 48, "r": 24, "t": 32, "b": 40},
    "xaxis": AXIS,
    "yaxis": AXIS,
    "legend": {"orientation": "h", "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    "hoverlabel": {"font": {"family": "system-ui, sans-serif"}, "align": "left"},
    "bargap": 0.15,
    # A phone that is called 101 is a name, not a number.
    "autotypenumbers": "strict",
}
# A longer log is drawn by week, a very long one by month.
LONGEST_IN_DAYS: Final = 800
LONGEST_IN_WEEKS: Final = 3000


def make_figure(height: int, *, legend: bool = True, days: pd.DatetimeIndex | None = None) -> Figure:
    """An empty figure of this height in pixels; with `days` its x axis fits that few days."""
    figure = Figure({**LAYOUT, "height": height, "showlegend": legend})
    # The same few pixels above the plot, however low that is.
    figure.update_layout(legend={"y": 1 + LEGEND_ABOVE / (height - AROUND_THE_PLOT)})
    if days is not None and len(days) > 14:
        # Days as the tables write them, whatever language the browser speaks.
        figure.update_xaxes(tickformat="%Y-%m-%d", type="date")
    if days is not None and 0 < len(days) <= 14:
        # Without this plotly divides one day into hours, and draws it as wide as the page.
        margin = pd.Timedelta(days=max(0.6, (7 - len(days)) / 2))
        ends = [f"{at:%Y-%m-%d %H:%M}" for at in (days[0] - margin, days[-1] + margin)]
        figure.update_xaxes(dtick=DAY_MS, tickformat="%m-%d %a", type="date", range=ends)
    return figure


def show_a_day_at_least(figure: Figure, moments: Collection[pd.Timestamp]) -> None:
    """Widen a time axis to a day around these moments: plotly would divide the seconds of a short log."""
    if moments and (last := max(moments)) - (first := min(moments)) < pd.Timedelta(days=1):
        middle, half = first + (last - first) / 2, pd.Timedelta(hours=12)
        figure.update_xaxes(range=[f"{at:%Y-%m-%d %H:%M:%S}" for at in (middle - half, middle + half)])


def worth_showing(figure: Figure, table: pd.DataFrame, line: str, left_out: LeftOut | None = None) -> Figure:
    """The figure, with this line in its place if there is no row to draw, or left out if it would say nothing."""
    figure.line, figure.left_out = line if table.empty else "", left_out
    return figure


def marker_of(outcome: str, *, patterned: bool) -> dict[str, Any]:
    """The colour of an outcome, and its pattern where bars are wide enough for one."""
    marker: dict[str, Any] = {"color": COLOURS[outcome], "line": {"width": 0}}
    if patterned and PATTERNS[outcome]:
        marker["pattern"] = {
            "shape": PATTERNS[outcome],
            "fillmode": "overlay",
            "fgcolor": "rgba(255, 255, 255, 0.5)",
            "size": 7,
        }
    return marker


def error_bars(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """The 95 % interval of a rate as plotly's error bars."""
    value = table[f"{name}_rate"]
    return {
        "type": "data",
        "symmetric": False,
        "array": (table[f"{name}_high"] - value).round(4).tolist(),
        "arrayminus": (value - table[f"{name}_low"]).round(4).tolist(),
        "thickness": 1.5,
        "width": 3,
    }


def name_rows(figure: Figure, labels: list[str], *, grid: bool = False) -> None:
    """Rows in the order of the labels, from below, without the empty room that plotly leaves above and below points."""
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=labels,
        range=[-0.6, len(labels) - 0.4],
        showgrid=grid,
    )


def seen_outcomes(counts: pd.DataFrame) -> list[str]:
    """The outcomes that occur, in their order."""
    return [outcome for outcome in OUTCOMES if counts[outcome].sum()]


def axis_number(place: int) -> str:
    """What stands after x, y, xaxis and yaxis for the panel in this place, from 0: the first has no number."""
    return str(place + 1) if place else ""


def height_of(rows: int) -> int:
    """The height in pixels for this many rows."""
    return 120 + 26 * max(rows, 1)


def faint(colour: str) -> str:
    """A colour such as #0072B2, made translucent."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.18)"


def words_of(outcome: str) -> str:
    """An outcome as a reader sees it."""
    return outcome.replace("_", " ")


def zone_words(time_zone: str, what: str = "time") -> str:
    """The title of an axis of days or hours: what it counts, and in which time zone."""
    return f"{what} ({time_zone})"


def phone_label(client: object) -> str:
    """A phone's name; attempts of which the phone is unknown have none."""
    return str(client) or "unknown phone"


def choose_period(tally: pd.DataFrame, *, longest_in_days: int) -> str:
    """The period in which this many days can still be told apart: "day", "week" or "month"."""
    days = len(days_of(tally))
    if days <= longest_in_days:
        return "day"
    return "week" if days <= LONGEST_IN_WEEKS else "month"


def with_every_period(counts: pd.DataFrame, period: str) -> pd.DataFrame:
    """The counts with a row of zeroes for each period without an attempt."""
    if counts.empty:
        return counts
    freq = {"day": "D", "week": "W-MON", "month": "MS"}[period]
    return counts.reindex(pd.date_range(counts.index.min(), counts.index.max(), freq=freq), fill_value=0)


def as_dates(index: pd.Index[Any]) -> list[str]:
    """Days as plotly reads them."""
    return pd.DatetimeIndex(index).strftime("%Y-%m-%d").tolist()
