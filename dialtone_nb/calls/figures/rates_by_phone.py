"""The delivered and answered rates of each phone."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls.figures.style import (
    RATE_STYLES,
    error_bars,
    height_of,
    make_figure,
    name_rows,
    phone_label,
    show_words_if_empty,
)
from dialtone_nb.calls.measures.rates import rates_by


def draw_rates_by_phone(tally: pd.DataFrame) -> go.Figure:
    """The delivered and answered rates of each phone with their 95 % intervals; the lowest delivered rate on top."""
    table = rates_by(tally, ["client"])
    table = table[table["judged"] > 0].sort_values(["delivered_rate", "judged"], ascending=[False, True])
    labels = [f"{phone_label(client)} · {judged:,}" for client, judged in table["judged"].items()]
    figure = make_figure(height_of(len(table)))
    for row, (name, (colour, symbol, size, _)) in enumerate(RATE_STYLES.items()):
        figure.add_scatter(
            name=f"{name} rate",
            x=table[f"{name}_rate"].round(4).tolist(),
            # One above the other, so that neither interval hides the other.
            y=[place + 0.15 - 0.3 * row for place in range(len(labels))],
            text=labels,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": size, "line": {"width": 2, "color": colour}},
            error_x=error_bars(table, name),
            customdata=table[name].tolist(),
            hovertemplate=f"%{{text}} judged<br>%{{x:.1%}} = %{{customdata:,}} {name}<extra></extra>",
        )
    name_rows(figure, labels, grid=True)
    figure.update_yaxes(type="linear", tickmode="array", tickvals=list(range(len(labels))), ticktext=labels)
    figure.update_xaxes(title_text="share of the phone's judged attempts")
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.05])
    return show_words_if_empty(figure, table, "no attempt that could be judged")
