"""Small multiples: how the attempts of each phone ended, period by period, one panel a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dialtone_nb.calls.attempts.outcomes import OUTCOMES
from dialtone_nb.calls.figures.periods import as_dates, choose_period
from dialtone_nb.calls.figures.style import (
    AXIS,
    LAYOUT,
    PATTERNED_BARS,
    marker_of,
    seen_outcomes,
    show_words_if_empty,
    words_of,
)
from dialtone_nb.calls.measures.rates import count_outcomes, days_of, in_periods

COLUMNS: Final = 3
# Panels beyond this many say nothing at a glance; the phones with the most attempts are shown.
MOST_PHONES: Final = 24
PANEL_HEIGHT: Final = 120


def draw_phones_over_time(tally: pd.DataFrame) -> go.Figure:
    """Attempts stacked by outcome, a panel a phone, by day, week or month; the phone with the most attempts first.

    All panels have the same dates below them, and each its own height of the tallest bar, for phones differ a lot.
    """
    known = tally[tally["client"] != ""]
    totals = known.groupby("client")["attempts"].sum().sort_values(ascending=False, kind="stable").iloc[:MOST_PHONES]
    period = choose_period(tally, longest_in_days=PATTERNED_BARS)
    counts = count_outcomes(in_periods(known, period), ["client", "day"])
    rows = max(-(-len(totals) // COLUMNS), 1)
    figure = make_subplots(
        rows=rows,
        cols=COLUMNS,
        subplot_titles=[f"{client} · {attempts:,}" for client, attempts in totals.items()],
        horizontal_spacing=0.06,
        vertical_spacing=min(0.45 / rows, 0.2),
    )
    named: set[str] = set()
    for place, client in enumerate(totals.index):
        bars = list(_bars(counts.loc[client], named))
        row, column = 1 + place // COLUMNS, 1 + place % COLUMNS
        # All of a panel at once: plotly looks through the whole figure each time.
        figure.add_traces(bars, rows=[row] * len(bars), cols=[column] * len(bars))
    days = days_of(in_periods(tally, period))
    _lay_out(figure, rows, _dates_below(days, period) if len(days) else {})
    return show_words_if_empty(figure, totals.to_frame(), "no phone is known")


def _bars(counts: pd.DataFrame, named: set[str]) -> Iterator[go.Bar]:
    """A phone's bars, an outcome each; the legend names an outcome where it is met first."""
    for outcome in seen_outcomes(counts):
        yield go.Bar(
            name=words_of(outcome),
            legendgroup=outcome,
            showlegend=outcome not in named,
            legendrank=OUTCOMES.index(outcome),
            x=as_dates(counts.index),
            y=counts[outcome].tolist(),
            # Bars are a few pixels wide: too thin for a pattern.
            marker=marker_of(outcome, patterned=False),
            hovertemplate=f"%{{x|%a %d %b %Y}}<br>{words_of(outcome)}: %{{y:,}}<extra></extra>",
        )
        named.add(outcome)


def _dates_below(days: pd.DatetimeIndex, period: str) -> dict[str, Any]:
    margin = pd.Timedelta(days=0.6 if period == "day" else 4)
    ends = [f"{at:%Y-%m-%d %H:%M}" for at in (days[0] - margin, days[-1] + margin)]
    # Short and small: the last date of a panel stands beside the first of the next one.
    named = "%d %b" if period == "day" else "%b ’%y"
    font = {"size": 11}
    return {"range": ends, "type": "date", "nticks": 3, "tickangle": 0, "tickformat": named, "tickfont": font}


def _lay_out(figure: go.Figure, rows: int, dates: dict[str, Any]) -> None:
    figure.update_layout({**{key: value for key, value in LAYOUT.items() if "axis" not in key}, "barmode": "stack"})
    figure.update_layout(height=110 + rows * PANEL_HEIGHT, bargap=0.1, showlegend=True)
    figure.update_layout(legend={"y": 1.0, "yref": "container", "yanchor": "top"}, margin={"t": 70})
    # What all axes have in common is said once, in a template: there are two to a panel.
    upright = {**AXIS, "rangemode": "tozero", "nticks": 3, "tickformat": ",d"}
    figure.update_layout(template={"layout": {"xaxis": {**AXIS, **dates}, "yaxis": upright}})
    figure.update_annotations(font={"size": 12}, xanchor="center")
