"""Attempts a day, stacked by outcome."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls.figures.periods import LONGEST_IN_DAYS, as_dates, choose_period, with_every_period
from dialtone_nb.calls.figures.style import DAY_MS, PATTERNED_BARS, make_figure, marker_of, seen_outcomes, words_of
from dialtone_nb.calls.measures.rates import count_outcomes, days_of, in_periods


def draw_outcomes_by_day(tally: pd.DataFrame) -> go.Figure:
    """Attempts a day, stacked by outcome; by week or month where the log is very long."""
    period = choose_period(tally, longest_in_days=LONGEST_IN_DAYS)
    counts = with_every_period(count_outcomes(in_periods(tally, period), ["day"]), period)
    few = len(counts) <= PATTERNED_BARS
    figure = make_figure(400, days=days_of(tally) if period == "day" else None)
    for outcome in seen_outcomes(counts):
        figure.add_bar(
            name=words_of(outcome),
            x=as_dates(counts.index),
            y=counts[outcome].tolist(),
            # Plotly takes the width from the distance of the bars, which a single bar has not.
            width=0.85 * DAY_MS if period == "day" and few else None,
            marker=marker_of(outcome, patterned=few),
            hovertemplate=f"%{{x|%a %d %b %Y}}<br>{words_of(outcome)}: %{{y:,}}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.15 if few else 0)
    figure.update_yaxes(title_text=f"attempts a {period}", rangemode="tozero")
    return figure
