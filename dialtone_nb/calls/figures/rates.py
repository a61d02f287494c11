"""Figures of the rates: over time, with their intervals and the deployments, and by phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.calls.figures.style import (
    INK,
    PATTERNED_BARS,
    RATE_STYLES,
    as_dates,
    choose_period,
    error_bars,
    faint,
    height_of,
    make_figure,
    name_rows,
    phone_label,
    worth_showing,
    zone_words,
)
from dialtone_nb.calls.measures.before_after import Deployment
from dialtone_nb.calls.measures.enough import left_out, only_one, too_few_attempts
from dialtone_nb.calls.measures.rates import RATES, days_of, in_periods, rates_by

# With few points a band would have no width, so intervals are drawn as error bars.
FEW_POINTS: Final = 3
# More marks than this are drawn without their names; the table names them.
NAMED_MARKS: Final = 8
NONE_JUDGED: Final = "No attempt could be judged."


def draw_rates_over_time(tally: pd.DataFrame, deployments: Sequence[Deployment] = (), time_zone: str = "UTC") -> Figure:
    """Draw the delivered and answered rates by day, week or month, each with its 95 % interval as a band.

    Deployments are vertical lines, in the tally's time zone; those outside the tally's days are not drawn.
    """
    period = choose_period(tally, longest_in_days=PATTERNED_BARS)
    table = rates_by(in_periods(tally, period), ["day"])
    table = table[table["judged"] > 0]
    figure = make_figure(380, days=days_of(tally) if period == "day" else None)
    for name in RATE_STYLES:
        _add_rate(figure, table, name)
    figure.update_xaxes(title_text=zone_words(time_zone))
    figure.update_yaxes(title_text=f"share of judged attempts, by {period}", tickformat=".0%", range=[-0.02, 1.05])
    if len(table):
        mark_deployments(figure, days_of(tally), deployments, time_zone)
    few = left_out("rates over time", too_few_attempts(tally), only_one(tally, "day"))
    return worth_showing(figure, table, NONE_JUDGED, few)


def _add_rate(figure: Figure, table: pd.DataFrame, name: str) -> None:
    colour, symbol, size, dash = RATE_STYLES[name]
    low, high = (table[f"{name}_{end}"].round(4).tolist() for end in ("low", "high"))
    few = len(table) <= FEW_POINTS
    # The bars are side by side, or one would hide the other.
    dates = [f"{date} 04:00" for date in as_dates(table.index)] if few and name == "answered" else as_dates(table.index)
    figure.add_scatter(
        x=dates + dates[::-1],
        y=high + low[::-1],
        fill="toself",
        fillcolor=faint(colour),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        name=f"{name}, 95 % interval",
    )
    figure.add_scatter(
        name=RATES[name].label,
        x=dates,
        y=table[f"{name}_rate"].round(4).tolist(),
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"symbol": symbol, "size": size, "line": {"width": 2, "color": colour}},
        error_y=error_bars(table, name) if few else None,
        customdata=list(zip(table[name].tolist(), table["judged"].tolist(), low, high, strict=True)),
        hovertemplate=(
            "%{x|%Y-%m-%d}<br>%{y:.1%} = %{customdata[0]:,} of %{customdata[1]:,}"
            "<br>95 %: %{customdata[2]:.1%} to %{customdata[3]:.1%}"
            f"<extra>{name}</extra>"
        ),
    )


def mark_deployments(figure: Figure, days: pd.DatetimeIndex, deployments: Sequence[Deployment], time_zone: str) -> None:
    """Draw a vertical line at each deployment on these days, with its name if there are few."""
    local = [pd.Timestamp(one.at).tz_convert(time_zone).tz_localize(None) for one in deployments]
    shown = [
        (one, at) for one, at in zip(deployments, local, strict=True) if days[0] <= at < days[-1] + pd.Timedelta(days=1)
    ]
    middle = days[0] + (days[-1] - days[0]) / 2
    for number, (one, at) in enumerate(shown):
        moment = f"{at:%Y-%m-%d %H:%M:%S}"
        figure.add_vline(x=moment, line={"color": INK, "width": 1.5, "dash": "dash"})
        if len(shown) <= NAMED_MARKS:
            # Neighbours' names are at different heights, so that they do not overlap.
            figure.add_annotation(
                text=f"▲ {one.environment} deployed" if one.build_sid else f"▼ {one.environment} taken down",
                hovertext=one.label,
                x=moment,
                y=0.02 + 0.07 * (number % 3),
                yref="paper",
                # Its name is read on the side where there is room for it.
                xanchor="left" if at < middle else "right",
                yanchor="bottom",
                showarrow=False,
                font={"size": 11},
            )


def draw_rates_by_phone(tally: pd.DataFrame) -> Figure:
    """Draw each phone's delivered and answered rates with 95 % intervals; the lowest delivered rate is on top."""
    table = rates_by(tally, ["client"])
    table = table[table["judged"] > 0].sort_values(["delivered_rate", "judged"], ascending=[False, True])
    labels = [f"{phone_label(client)} · {judged:,}" for client, judged in table["judged"].items()]
    figure = make_figure(height_of(len(table)))
    for row, (name, (colour, symbol, size, _)) in enumerate(RATE_STYLES.items()):
        figure.add_scatter(
            name=RATES[name].label,
            x=table[f"{name}_rate"].round(4).tolist(),
            # One slightly above the other, so that neither interval hides the other.
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
    few = left_out("rates by phone", too_few_attempts(tally), only_one(tally, "client"))
    return worth_showing(figure, table, NONE_JUDGED, few)
