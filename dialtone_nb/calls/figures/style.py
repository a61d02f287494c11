"""The style of all figures: colours and patterns of outcomes, axes, and the parts that figures share.

An outcome has the same colour and pattern in every figure. The colours are Okabe and Ito's, which colour-blind people
can tell apart; the patterns can be told apart without colours. Backgrounds are transparent, and lines are of a grey
that shows on white and on black.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import compress
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
# Colour, marker, its size, and line. Where two rates are equal, the open circle around the diamond shows both.
# The answered rate has the colour of the outcome; the delivered rate has several outcomes, and a colour of its own.
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
# With more bars than this, each is too thin for a pattern.
PATTERNED_BARS: Final = 62
# Up to this maximum an axis has steps of one, or plotly would show half attempts.
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
    # A phone may be called 101, which plotly would take for a number.
    "autotypenumbers": "strict",
}
# A longer log is drawn by week, a very long one by month.
LONGEST_IN_DAYS: Final = 800
LONGEST_IN_WEEKS: Final = 3000


def make_figure(height: int, *, legend: bool = True, days: pd.DatetimeIndex | None = None) -> Figure:
    """An empty figure of this height in pixels; `days`, the days of its x axis, adjust that if they are few."""
    figure = Figure({**LAYOUT, "height": height, "showlegend": legend})
    # The same few pixels above the plot, however low that is.
    figure.update_layout(legend={"y": 1 + LEGEND_ABOVE / (height - AROUND_THE_PLOT)})
    if days is not None and len(days) > 14:
        # ISO dates as in the tables, whatever the browser's language.
        figure.update_xaxes(tickformat="%Y-%m-%d", type="date")
    if days is not None and 0 < len(days) <= 14:
        # Plotly would divide a single day into hours, and draw its bar as wide as the page.
        margin = pd.Timedelta(days=max(0.6, (7 - len(days)) / 2))
        ends = [f"{at:%Y-%m-%d %H:%M}" for at in (days[0] - margin, days[-1] + margin)]
        figure.update_xaxes(dtick=DAY_MS, tickformat="%m-%d %a", type="date", range=ends)
    return figure


def show_a_day_at_least(figure: Figure, moments: Collection[pd.Timestamp]) -> None:
    """Widen a time axis to at least a day around these times; plotly would divide a short log into seconds."""
    if moments and (last := max(moments)) - (first := min(moments)) < pd.Timedelta(days=1):
        middle, half = first + (last - first) / 2, pd.Timedelta(hours=12)
        figure.update_xaxes(range=[f"{at:%Y-%m-%d %H:%M:%S}" for at in (middle - half, middle + half)])


def worth_showing(figure: Figure, table: pd.DataFrame, line: str, left_out: LeftOut | None = None) -> Figure:
    """The figure, with this line in its place if there is no row to draw, or left out if it would say nothing."""
    figure.line, figure.left_out = line if table.empty else "", left_out
    return figure


def marker_of(outcome: str, *, patterned: bool) -> dict[str, Any]:
    """An outcome's marker: its colour, and its pattern if asked for."""
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
    """Label the rows from bottom to top, without the empty space that plotly leaves above and below points."""
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=labels,
        range=[-0.6, len(labels) - 0.4],
        showgrid=grid,
    )


def seen_outcomes(counts: pd.DataFrame) -> list[str]:
    """The outcomes that occur, in the order of `OUTCOMES`."""
    return list(compress(OUTCOMES, counts[list(OUTCOMES)].any()))


def axis_number(place: int) -> str:
    """The suffix of x, y, xaxis and yaxis for a panel, counted from 0: plotly numbers all but the first."""
    return str(place + 1) if place else ""


def height_of(rows: int) -> int:
    """The height in pixels for this many rows."""
    return 120 + 26 * max(rows, 1)


def faint(colour: str) -> str:
    """A colour such as #0072B2, made translucent."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.18)"


def words_of(outcome: str) -> str:
    """An outcome in words, for readers."""
    return outcome.replace("_", " ")


def zone_words(time_zone: str, what: str = "time") -> str:
    """The title of a time axis: what it shows, and its time zone."""
    return f"{what} ({time_zone})"


def phone_label(client: object) -> str:
    """A phone's name, or "unknown phone" for the empty one."""
    return str(client) or "unknown phone"


def choose_period(tally: pd.DataFrame, *, longest_in_days: int) -> str:
    """The shortest period, "day", "week" or "month", of which the tally's days do not have too many to draw."""
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
    """Days as ISO dates, for plotly."""
    return pd.DatetimeIndex(index).strftime("%Y-%m-%d").tolist()
