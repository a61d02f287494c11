"""Figures of phones: their attempts over time, and their signs of life."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import OUTCOMES
from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.calls.figures.style import (
    AXIS,
    COLOURS,
    INK,
    LAYOUT,
    PATTERNED_BARS,
    as_dates,
    axis_number,
    choose_period,
    height_of,
    make_figure,
    marker_of,
    name_rows,
    phone_label,
    seen_outcomes,
    show_a_day_at_least,
    words_of,
    worth_showing,
    zone_words,
)
from dialtone_nb.calls.measures.enough import left_out, only_one, too_few_attempts
from dialtone_nb.calls.measures.rates import count_outcomes, days_of, in_periods

COLUMNS: Final = 3
# More panels than this can't be taken in at a glance, so only the phones with the most attempts are shown.
MOST_PHONES: Final = 24
PANEL_HEIGHT: Final = 120
# A panel is 300 pixels wide: more bars than this are a few pixels each, too thin for a pattern.
WIDE_BARS: Final = 31
# A silent phone has the colour of the outcome `unregistered`.
SILENT = COLOURS["unregistered"]
NO_SIGN: Final = "No phone gave a sign of life."


def draw_phones_over_time(tally: pd.DataFrame, time_zone: str = "UTC") -> Figure:
    """Draw a panel for each phone with its attempts by day, week or month, stacked by outcome; the busiest first.

    All panels share the dates. Each has its own vertical scale, because phones differ a lot.
    """
    known = tally[tally["client"] != ""]
    totals = known.groupby("client")["attempts"].sum().sort_values(ascending=False, kind="stable").iloc[:MOST_PHONES]
    period = choose_period(tally, longest_in_days=PATTERNED_BARS)
    counts = count_outcomes(in_periods(known, period), ["client", "day"])
    is_wide = in_periods(tally, period)["day"].nunique() <= WIDE_BARS
    rows = max(-(-len(totals) // COLUMNS), 1)
    days = days_of(in_periods(tally, period))
    figure = _make_panels(rows, _dates_below(days, period) if len(days) else {})
    named: set[str] = set()
    for place, (client, attempts) in enumerate(totals.items()):
        _add_panel(figure, place, rows, f"{client} · {attempts:,}")
        _add_bars(figure, place, counts.loc[[str(client)]].droplevel("client"), named, patterned=is_wide)
    # The title is only under the last panel of each column.
    for place in range(max(len(totals) - COLUMNS, 0), len(totals)):
        words = zone_words(time_zone, period)
        figure.update_layout(**{f"xaxis{axis_number(place)}": {"title": {"text": words}}})
    turned = {"xref": "paper", "yref": "paper", "xanchor": "right", "textangle": -90, "xshift": -34, "showarrow": False}
    figure.add_annotation(text=f"attempts a {period}", x=0, y=0.5, font={"size": 12}, **turned)
    few = left_out("attempts by phone over time", too_few_attempts(tally), only_one(tally, "client"))
    return worth_showing(figure, totals.to_frame(), "No phone is known.", few)


def _make_panels(rows: int, dates: dict[str, Any]) -> Figure:
    figure = Figure({key: value for key, value in LAYOUT.items() if "axis" not in key})
    figure.update_layout(barmode="stack", height=110 + rows * PANEL_HEIGHT, bargap=0.1, showlegend=True)
    figure.update_layout(legend={"y": 1.0, "yref": "container", "yanchor": "top"}, margin={"t": 70})
    # A template has what all axes have in common, because each panel has two of them.
    upright = {**AXIS, "rangemode": "tozero", "nticks": 3, "tickformat": ",d"}
    figure.update_layout(template={"layout": {"xaxis": {**AXIS, **dates}, "yaxis": upright}})
    return figure


def _add_panel(figure: Figure, place: int, rows: int, title: str) -> None:
    """Add a panel's axes and title; panels fill the figure row by row from the top."""
    number, below, between = axis_number(place), min(0.45 / rows, 0.2), 0.06
    width, height = (1 - between * (COLUMNS - 1)) / COLUMNS, (1 - below * (rows - 1)) / rows
    left, bottom = place % COLUMNS * (width + between), (rows - 1 - place // COLUMNS) * (height + below)
    figure.update_layout(
        {
            f"xaxis{number}": {"anchor": f"y{number}", "domain": [left, left + width]},
            f"yaxis{number}": {"anchor": f"x{number}", "domain": [bottom, bottom + height]},
        }
    )
    middle = {"x": left + width / 2, "y": bottom + height, "xanchor": "center", "yanchor": "bottom"}
    figure.add_annotation(text=title, font={"size": 12}, showarrow=False, xref="paper", yref="paper", **middle)


def _add_bars(figure: Figure, place: int, counts: pd.DataFrame, named: set[str], *, patterned: bool) -> None:
    """Add a phone's bars, one for each outcome; the legend has each outcome once, where it first appears."""
    days = as_dates(counts.index)
    for outcome in seen_outcomes(counts):
        figure.add_bar(
            name=words_of(outcome),
            legendgroup=outcome,
            showlegend=outcome not in named,
            legendrank=OUTCOMES.index(outcome),
            x=days,
            y=counts[outcome].tolist(),
            marker=marker_of(outcome, patterned=patterned),
            hovertemplate=f"%{{x|%Y-%m-%d %a}}<br>{words_of(outcome)}: %{{y:,}}<extra></extra>",
            xaxis=f"x{axis_number(place)}",
            yaxis=f"y{axis_number(place)}",
        )
        named.add(outcome)


def _dates_below(days: pd.DatetimeIndex, period: str) -> dict[str, Any]:
    margin = pd.Timedelta(days=0.6 if period == "day" else 4)
    ends = [f"{at:%Y-%m-%d %H:%M}" for at in (days[0] - margin, days[-1] + margin)]
    # Short and small, because a panel's last date is next to the first one of its neighbour.
    named = "%m-%d" if period == "day" else "%Y-%m"
    font = {"size": 11}
    return {"range": ends, "type": "date", "nticks": 3, "tickangle": 0, "tickformat": named, "tickfont": font}


def draw_signs_of_life(life: pd.DataFrame) -> Figure:
    """Draw each phone's last sign of life and how long it has been quiet since; the longest quiet phone on top.

    `life` comes from `signs_of_life`. A mark shows by when the phone was always heard again; it lies within the line of
    a silent phone only.
    """
    table = life[life["signs"] > 0].sort_values("last_sign_at", ascending=False, kind="stable")
    labels = [
        f"{phone_label(client)} · silent" if row["is_silent"] else phone_label(client)
        for client, row in table.iterrows()
    ]
    # The times are in the time zone in which they are to be shown.
    zone = str(getattr(life["last_sign_at"].dtype, "tz", "UTC"))
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
        hovertemplate=f"%{{y}}<br>was always heard again by %{{x|%Y-%m-%d %a %H:%M}} {zone}<extra></extra>",
    )
    figure.update_xaxes(title_text=zone_words(zone), type="date")
    show_a_day_at_least(figure, [*table["last_sign_at"], *(table["last_sign_at"] + table["quiet"])])
    name_rows(figure, labels, grid=True)
    few = left_out("the figure of the signs of life", "" if judged.any() else "no phone has called often enough for it")
    return worth_showing(figure, table, NO_SIGN, few)


def _add_spells(figure: Figure, name: str, rows: pd.DataFrame, labels: list[str], colour: str, width: int) -> None:
    """Add a line from each phone's last sign of life, marked with a dot, to the end of the report."""
    since_zone = getattr(rows["last_sign_at"].dtype, "tz", "UTC")
    since, until = _moments(rows["last_sign_at"]), _moments(rows["last_sign_at"] + rows["quiet"])
    figure.add_scatter(
        name=name,
        x=[moment for pair in zip(since, until, strict=True) for moment in (*pair, None)],
        y=[label for one in labels for label in (one, one, None)],
        mode="lines+markers",
        line={"color": colour, "width": width},
        # Only the last sign of life has a dot.
        marker={
            "symbol": "circle",
            "size": [11, 0, 0] * len(labels),
            "color": colour,
            "opacity": 1,
            "line": {"width": 0},
        },
        hovertemplate=f"%{{y}}<br>last sign of life: %{{x|%Y-%m-%d %a %H:%M}} {since_zone}<extra></extra>",
    )


def _moments(times: pd.Series[pd.Timestamp]) -> list[str]:
    return times.dt.strftime("%Y-%m-%d %H:%M:%S").tolist()
