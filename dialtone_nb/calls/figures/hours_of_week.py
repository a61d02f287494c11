"""Attempts by weekday and hour."""

from __future__ import annotations

from typing import Final

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls.figures.style import make_figure

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def draw_hours_of_week(hours: pd.DataFrame) -> go.Figure:
    """Attempts by weekday and hour of the day, in the time zone of these counts, summed over all weeks."""
    counts = (
        hours.assign(weekday=hours["day"].dt.day_of_week)
        .pivot_table(index="weekday", columns="hour", values="attempts", aggfunc="sum", fill_value=0)
        .reindex(index=range(7), columns=range(24), fill_value=0)
    )
    figure = make_figure(300, legend=False)
    figure.add_heatmap(
        z=counts.to_numpy().tolist(),
        x=[f"{hour:02d}" for hour in range(24)],
        y=list(WEEKDAYS),
        colorscale=[[0, "rgba(0, 114, 178, 0.06)"], [1, "rgba(0, 114, 178, 1)"]],
        xgap=2,
        ygap=2,
        colorbar={"title": "attempts", "thickness": 12, "outlinewidth": 0},
        hovertemplate="%{y} %{x}:00: %{z:,} attempts<extra></extra>",
    )
    figure.update_xaxes(title_text="hour of the day", type="category", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure
