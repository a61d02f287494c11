"""Where attempts fall away on the way from the caller to an answer, one funnel a direction."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls.attempts.schema import DIRECTIONS
from dialtone_nb.calls.figures.style import AXIS, INK, RATE_STYLES, make_figure, show_words_if_empty
from dialtone_nb.calls.measures.funnel import STAGES, funnel_of

STAGE_COLOURS = {
    "attempts": INK,
    "tried": "#A7B6C2",
    "delivered": RATE_STYLES["delivered"][0],
    "answered": RATE_STYLES["answered"][0],
}


def draw_funnels(tally: pd.DataFrame) -> go.Figure:
    """How many attempts of each direction came as far as each stage, with the share of the stage before."""
    figure = make_figure(250, legend=False)
    width = 0.48
    for place, direction in enumerate(DIRECTIONS):
        counts = funnel_of(tally, direction)
        figure.add_funnel(
            name=direction,
            y=list(STAGES),
            x=list(counts.values()),
            text=_texts(list(counts.values())),
            textinfo="text",
            # Beside the bar where it is too short.
            textposition="auto",
            marker={"color": [STAGE_COLOURS[stage] for stage in STAGES]},
            connector={"fillcolor": "rgba(128, 128, 128, 0.15)"},
            hovertemplate=f"{direction}, %{{y}}: %{{text}}<extra></extra>",
            xaxis=f"x{place + 1}",
            yaxis=f"y{place + 1}",
        )
        left = place * (1 - width)
        total = counts["attempts"]
        figure.update_layout(
            {
                f"xaxis{place + 1}": {**AXIS, "domain": [left, left + width], "visible": False},
                # Both have the same stages: they are named once.
                f"yaxis{place + 1}": {**AXIS, "anchor": f"x{place + 1}", "autorange": "reversed", **_axis(place)},
            }
        )
        figure.add_annotation(
            text=f"<b>{direction}</b> · {total:,}" if total else f"<b>{direction}</b> · none",
            xref=f"x{place + 1 if place else ''} domain",
            yref="paper",
            x=0.5,
            y=1.02,
            yanchor="bottom",
            showarrow=False,
        )
    return show_words_if_empty(figure, tally, "no attempt")


def _axis(place: int) -> dict[str, bool]:
    return {"showgrid": False, "showticklabels": place == 0, "showline": False}


def _texts(counts: list[int]) -> list[str]:
    """Each count with its share of the one before."""
    before = [0, *counts]
    return [
        f"{count:,} · {count / last:.1%}" if last else f"{count:,}" for count, last in zip(counts, before, strict=False)
    ]
