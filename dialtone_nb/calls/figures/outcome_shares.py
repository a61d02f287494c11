"""How attempts ended, as shares: by phone, by direction."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls.attempts.schema import DIRECTIONS
from dialtone_nb.calls.figures.style import (
    height_of,
    make_figure,
    marker_of,
    name_rows,
    phone_label,
    seen_outcomes,
    words_of,
)
from dialtone_nb.calls.measures.rates import count_outcomes


def draw_outcomes_by_phone(tally: pd.DataFrame) -> go.Figure:
    """How each phone's attempts ended, as shares; the phone with the most attempts on top."""
    counts = count_outcomes(tally, ["client"])
    counts = counts.loc[counts.sum(axis=1).sort_values(kind="stable").index]
    labels = [f"{phone_label(client)} · {attempts:,}" for client, attempts in counts.sum(axis=1).items()]
    return _share_bars(counts, labels, "share of the phone's attempts")


def draw_outcomes_by_direction(tally: pd.DataFrame) -> go.Figure:
    """How outgoing and incoming attempts ended, as shares; a direction without attempts says so."""
    counts = count_outcomes(tally, ["direction"]).reindex(list(reversed(DIRECTIONS)), fill_value=0)
    labels = [f"{way} · {n:,}" if n else f"{way} · none" for way, n in counts.sum(axis=1).items()]
    return _share_bars(counts, labels, "share of the direction's attempts")


def _share_bars(counts: pd.DataFrame, labels: list[str], title: str) -> go.Figure:
    figure = make_figure(height_of(len(counts)))
    totals = counts.sum(axis=1)
    shares = counts.div(totals.where(totals > 0), axis=0).fillna(0).round(4)
    for outcome in seen_outcomes(counts):
        figure.add_bar(
            name=words_of(outcome),
            orientation="h",
            x=shares[outcome].tolist(),
            y=labels,
            marker=marker_of(outcome, patterned=True),
            customdata=counts[outcome].tolist(),
            hovertemplate=f"%{{y}}<br>{words_of(outcome)}: %{{customdata:,}} (%{{x:.1%}})<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text=title, tickformat=".0%", range=[0, 1])
    name_rows(figure, labels)
    return figure
