"""When each phone last gave a sign of life, and by when it used to give the next."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls.figures.style import (
    COLOURS,
    INK,
    height_of,
    make_figure,
    name_rows,
    phone_label,
    show_words_if_empty,
)

# A silent phone has the colour of one that was dialled and not there.
SILENT = COLOURS["unregistered"]


def draw_signs_of_life(life: pd.DataFrame) -> go.Figure:
    """Each phone's last sign of life and how long it has been quiet since; the longest quiet phone on top.

    `life` is what `signs_of_life` tells. The mark by which a phone used to be heard again lies within the line of a
    silent phone, and of no other.
    """
    table = life[life["signs"] > 0].sort_values("last_sign_at", ascending=False, kind="stable")
    labels = [
        f"{phone_label(client)} · silent" if row["is_silent"] else phone_label(client)
        for client, row in table.iterrows()
    ]
    figure = make_figure(height_of(len(table)))
    for name, is_silent, colour, width in (("quiet since", False, INK, 4), ("silent since", True, SILENT, 8)):
        rows = [n for n, silent in enumerate(table["is_silent"]) if silent == is_silent]
        if rows:
            _add_spells(figure, name, table.iloc[rows], [labels[n] for n in rows], colour, width)
    judged = ~table["is_few"].to_numpy(bool)
    figure.add_scatter(
        name="was always heard again by",
        x=_moments((table["last_sign_at"] + table["habit"])[judged]),
        y=[label for label, is_judged in zip(labels, judged, strict=True) if is_judged],
        mode="markers",
        marker={"symbol": "line-ns", "size": 14, "color": INK, "line": {"width": 2, "color": INK}},
        hovertemplate="%{y}<br>was always heard again by %{x|%a %d %b %Y %H:%M} UTC<extra></extra>",
    )
    figure.update_xaxes(title_text="UTC", type="date")
    name_rows(figure, labels, grid=True)
    return show_words_if_empty(figure, table, "no phone gave a sign of life")


def _add_spells(figure: go.Figure, name: str, rows: pd.DataFrame, labels: list[str], colour: str, width: int) -> None:
    """A line from each phone's last sign of life, which a dot marks, to the end of the report."""
    since, until = _moments(rows["last_sign_at"]), _moments(rows["last_sign_at"] + rows["quiet"])
    figure.add_scatter(
        name=name,
        x=[moment for pair in zip(since, until, strict=True) for moment in (*pair, None)],
        y=[label for one in labels for label in (one, one, None)],
        mode="lines+markers",
        line={"color": colour, "width": width},
        # The dot stands at the last sign of life alone.
        marker={
            "symbol": "circle",
            "size": [11, 0, 0] * len(labels),
            "color": colour,
            "opacity": 1,
            "line": {"width": 0},
        },
        hovertemplate="%{y}<br>last sign of life: %{x|%a %d %b %Y %H:%M} UTC<extra></extra>",
    )


def _moments(times: pd.Series[pd.Timestamp]) -> list[str]:
    return times.dt.strftime("%Y-%m-%d %H:%M:%S").tolist()
