"""Tallies in, plotly figures out: nothing is shown and nothing saved here.

An outcome has the same colour and the same pattern in every figure (Okabe and Ito's colours, which colour-blind people
tell apart; the patterns also without colour). Backgrounds are transparent, and lines a grey that stands on white and on
black.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls.codes import code_of
from dialtone_nb.calls.frame import DIRECTIONS
from dialtone_nb.calls.metrics import (
    count_outcomes,
    days_of,
    in_periods,
    rates_by,
    reasons_of_failure,
    signs_of_life,
)
from dialtone_nb.calls.outcomes import OUTCOMES

COLOURS: Final = {
    "answered": "#0072B2",
    "no_answer": "#56B4E9",
    "busy": "#009E73",
    "canceled": "#A7B6C2",
    "unregistered": "#E69F00",
    "unreachable": "#D55E00",
    "failed": "#AE2A30",
    "blocked": "#6A3D2B",
    "refused": "#CC79A7",
    "in_progress": "#C9C9C9",
    "unknown": "#808080",
}
PATTERNS: Final = {
    "answered": "",
    "no_answer": ".",
    "busy": "/",
    "canceled": "-",
    "unregistered": "\\",
    "unreachable": "x",
    "failed": "",
    "blocked": "+",
    "refused": "|",
    "in_progress": ".",
    "unknown": "x",
}
# Colour, marker, its size, and line: an open circle around a diamond shows both where two rates are the same.
RATE_STYLES: Final = {
    "delivered": ("#0072B2", "circle-open", 10, "solid"),
    "answered": ("#009E73", "diamond", 6, "dot"),
}
INK: Final = "#767B84"
GRID: Final = "rgba(128, 128, 128, 0.25)"
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MS: Final = 86_400_000
# More bars than this are too thin for a pattern.
PATTERNED_BARS: Final = 62
# Up to here an axis steps by one: half an attempt is none.
WHOLE_STEPS: Final = 6
# A longer log is drawn by week, a very long one by month.
LONGEST_IN_DAYS: Final = 800
LONGEST_IN_WEEKS: Final = 3000

AXIS: Final = {
    "title": {"font": {"size": 12}},
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
    "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "traceorder": "normal"},
    "hoverlabel": {"font": {"family": "system-ui, sans-serif"}},
    "bargap": 0.15,
}


def draw_outcomes_by_day(tally: pd.DataFrame) -> go.Figure:
    """Attempts a day, stacked by outcome; by week or month where the log is very long."""
    period = choose_period(tally, longest_in_days=LONGEST_IN_DAYS)
    counts = _with_every_period(count_outcomes(in_periods(tally, period), ["day"]), tally, period)
    few = len(counts) <= PATTERNED_BARS
    figure = _figure(400, days=days_of(tally) if period == "day" else None)
    for outcome in _seen(counts):
        figure.add_bar(
            name=_words(outcome),
            x=_dates(counts.index),
            y=counts[outcome].tolist(),
            # Plotly takes the width from the distance of the bars, which a single bar has not.
            width=0.85 * DAY_MS if period == "day" and few else None,
            marker=_marker(outcome, patterned=few),
            hovertemplate=f"%{{x|%a %d %b %Y}}<br>{_words(outcome)}: %{{y:,}}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.15 if few else 0)
    figure.update_yaxes(title_text=f"attempts a {period}", rangemode="tozero")
    return figure


def draw_rates_over_time(tally: pd.DataFrame) -> go.Figure:
    """The delivered and answered rates by day, week or month, each with its 95 % interval as a band."""
    period = choose_period(tally, longest_in_days=PATTERNED_BARS)
    table = rates_by(in_periods(tally, period), ["day"])
    table = table[table["judged"] > 0]
    figure = _figure(360, days=days_of(tally) if period == "day" else None)
    for name, (colour, symbol, size, dash) in RATE_STYLES.items():
        low, high = (table[f"{name}_{end}"].round(4).tolist() for end in ("low", "high"))
        # With few points a band has no width, so there are bars; beside each other, or one would hide the other.
        few = len(table) <= 3
        dates = [f"{date} 04:00" for date in _dates(table.index)] if few and name == "answered" else _dates(table.index)
        figure.add_scatter(
            x=dates + dates[::-1],
            y=high + low[::-1],
            fill="toself",
            fillcolor=_faint(colour),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            name=f"{name}, 95 % interval",
        )
        figure.add_scatter(
            name=f"{name} rate",
            x=dates,
            y=table[f"{name}_rate"].round(4).tolist(),
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2},
            marker={"symbol": symbol, "size": size, "line": {"width": 2, "color": colour}},
            error_y=_error_bars(table, name) if few else None,
            customdata=list(zip(table[name].tolist(), table["judged"].tolist(), low, high, strict=True)),
            hovertemplate=(
                "%{x|%d %b %Y}<br>%{y:.1%} = %{customdata[0]:,} of %{customdata[1]:,}"
                "<br>95 %: %{customdata[2]:.1%} to %{customdata[3]:.1%}"
                f"<extra>{name}</extra>"
            ),
        )
    figure.update_yaxes(title_text=f"share of judged attempts, by {period}", tickformat=".0%", range=[-0.02, 1.02])
    return _or_empty(figure, table, "no attempt that could be judged")


def draw_outcomes_by_phone(tally: pd.DataFrame) -> go.Figure:
    """How each phone's attempts ended, as shares; the phone with the most attempts on top."""
    counts = count_outcomes(tally, ["client"])
    counts = counts.loc[counts.sum(axis=1).sort_values(kind="stable").index]
    labels = [f"{_phone(client)} · {attempts:,}" for client, attempts in counts.sum(axis=1).items()]
    return _share_bars(counts, labels, "share of the phone's attempts (their number beside its name)")


def draw_outcomes_by_direction(tally: pd.DataFrame) -> go.Figure:
    """How outgoing and incoming attempts ended, as shares; a direction without attempts says so."""
    counts = count_outcomes(tally, ["direction"]).reindex(list(reversed(DIRECTIONS)), fill_value=0)
    labels = [f"{way} · {n:,}" if n else f"{way} · none" for way, n in counts.sum(axis=1).items()]
    return _share_bars(counts, labels, "share of the direction's attempts (their number beside its name)")


def draw_rates_by_phone(tally: pd.DataFrame) -> go.Figure:
    """The delivered and answered rates of each phone with their 95 % intervals; the lowest delivered rate on top."""
    table = rates_by(tally, ["client"])
    table = table[table["judged"] > 0].sort_values(["delivered_rate", "judged"], ascending=[False, True])
    labels = [f"{_phone(client)} · {judged:,}" for client, judged in table["judged"].items()]
    figure = _figure(_height_of(len(table)))
    for row, (name, (colour, symbol, size, _)) in enumerate(RATE_STYLES.items()):
        figure.add_scatter(
            name=f"{name} rate",
            x=table[f"{name}_rate"].round(4).tolist(),
            # One above the other, so that neither interval hides the other.
            y=[place + 0.15 - 0.3 * row for place in range(len(labels))],
            text=labels,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": size, "line": {"width": 2, "color": colour}},
            error_x=_error_bars(table, name),
            customdata=table[name].tolist(),
            hovertemplate=f"%{{text}} judged<br>%{{x:.1%}} = %{{customdata:,}} {name}<extra></extra>",
        )
    _name_rows(figure, labels, grid=True)
    figure.update_yaxes(type="linear", tickmode="array", tickvals=list(range(len(labels))), ticktext=labels)
    figure.update_xaxes(title_text="share of the phone's judged attempts (their number beside its name)")
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.02])
    return _or_empty(figure, table, "no attempt that could be judged")


def draw_reasons_of_failure(tally: pd.DataFrame) -> go.Figure:
    """Lost attempts by reason, most frequent on top, each with its share and the running share (a Pareto chart)."""
    table = reasons_of_failure(tally).iloc[::-1]
    table = table.assign(label=[_reason(*row) for row in zip(table["outcome"], table["reason"], strict=True)])
    figure = _figure(_height_of(len(table)), legend=False)
    for outcome, rows in table.groupby("outcome", sort=False):
        figure.add_bar(
            name=_words(str(outcome)),
            orientation="h",
            x=rows["attempts"].tolist(),
            y=rows["label"].tolist(),
            marker=_marker(str(outcome), patterned=True),
            text=[
                f"{attempts:,} · {share:.1%} · running {running:.1%}"
                for attempts, share, running in zip(rows["attempts"], rows["share"], rows["running_share"], strict=True)
            ],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}<br>%{text}<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    _name_rows(figure, table["label"].tolist())
    most = int(table["attempts"].max()) if len(table) else 1
    # Room for the text beside the longest bar.
    figure.update_xaxes(title_text="lost attempts", range=[0, most * 1.4], tickformat=",d", nticks=6)
    if most <= WHOLE_STEPS:
        figure.update_xaxes(dtick=1)
    return _or_empty(figure, table, "no attempt was lost")


def draw_hours_of_week(tally: pd.DataFrame) -> go.Figure:
    """Attempts by weekday and hour of the day, in the tally's time zone, summed over all weeks."""
    counts = (
        tally.assign(weekday=tally["day"].dt.day_of_week)
        .pivot_table(index="weekday", columns="hour", values="attempts", aggfunc="sum", fill_value=0)
        .reindex(index=range(7), columns=range(24), fill_value=0)
    )
    figure = _figure(300, legend=False)
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


def draw_signs_of_life(tally: pd.DataFrame) -> go.Figure:
    """When each phone last had an attempt, and when one was last answered; the longest silent on top."""
    table = signs_of_life(tally)
    labels = [_phone(str(client)) for client in table.index]
    figure = _figure(_height_of(len(table)))
    for name, column, symbol, size in (
        ("last attempt", "last_at", "circle-open", 13),
        ("last answered", "last_answered_at", "circle", 5),
    ):
        known = table[column].notna()
        figure.add_scatter(
            name=name,
            x=table[column][known].dt.strftime("%Y-%m-%d %H:%M:%S").tolist(),
            y=[label for label, is_known in zip(labels, known, strict=True) if is_known],
            mode="markers",
            marker={
                "symbol": symbol,
                "size": size,
                "color": COLOURS["answered"],
                "line": {"width": 2, "color": COLOURS["answered"]},
            },
            hovertemplate=f"%{{y}}<br>{name}: %{{x|%a %d %b %Y %H:%M}} UTC<extra></extra>",
        )
    figure.update_xaxes(title_text="UTC", type="date")
    _name_rows(figure, labels, grid=True)
    return _or_empty(figure, table, "no phone is known")


def choose_period(tally: pd.DataFrame, *, longest_in_days: int) -> str:
    """The period in which this many days can still be told apart: "day", "week" or "month"."""
    days = len(days_of(tally))
    if days <= longest_in_days:
        return "day"
    return "week" if days <= LONGEST_IN_WEEKS else "month"


def _figure(height: int, *, legend: bool = True, days: pd.DatetimeIndex | None = None) -> go.Figure:
    figure = go.Figure(layout={**LAYOUT, "height": height, "showlegend": legend, "template": None})
    if days is not None and 0 < len(days) <= 14:
        # Without this plotly divides one day into hours, and draws it as wide as the page.
        margin = pd.Timedelta(days=max(0.6, (7 - len(days)) / 2))
        ends = [f"{at:%Y-%m-%d %H:%M}" for at in (days[0] - margin, days[-1] + margin)]
        figure.update_xaxes(dtick=DAY_MS, tickformat="%a %d %b", type="date", range=ends)
    return figure


def _share_bars(counts: pd.DataFrame, labels: list[str], title: str) -> go.Figure:
    figure = _figure(_height_of(len(counts)))
    totals = counts.sum(axis=1)
    shares = counts.div(totals.where(totals > 0), axis=0).fillna(0).round(4)
    for outcome in _seen(counts):
        figure.add_bar(
            name=_words(outcome),
            orientation="h",
            x=shares[outcome].tolist(),
            y=labels,
            marker=_marker(outcome, patterned=True),
            customdata=counts[outcome].tolist(),
            hovertemplate=f"%{{y}}<br>{_words(outcome)}: %{{customdata:,}} (%{{x:.1%}})<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text=title, tickformat=".0%", range=[0, 1])
    _name_rows(figure, labels)
    return figure


def _name_rows(figure: go.Figure, labels: list[str], *, grid: bool = False) -> None:
    """Rows in the order of the labels, from below, without the empty room that plotly leaves above and below points."""
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=labels,
        range=[-0.6, len(labels) - 0.4],
        showgrid=grid,
    )


def _with_every_period(counts: pd.DataFrame, tally: pd.DataFrame, period: str) -> pd.DataFrame:
    freq = {"day": "D", "week": "W-MON", "month": "MS"}[period]
    if counts.empty:
        return counts
    return counts.reindex(pd.date_range(counts.index.min(), counts.index.max(), freq=freq), fill_value=0)


def _marker(outcome: str, *, patterned: bool) -> dict[str, Any]:
    marker: dict[str, Any] = {"color": COLOURS[outcome], "line": {"width": 0}}
    if patterned and PATTERNS[outcome]:
        marker["pattern"] = {
            "shape": PATTERNS[outcome],
            "fillmode": "overlay",
            "fgcolor": "rgba(255, 255, 255, 0.5)",
            "size": 7,
        }
    return marker


def _error_bars(table: pd.DataFrame, name: str) -> dict[str, Any]:
    value = table[f"{name}_rate"]
    return {
        "type": "data",
        "symmetric": False,
        "array": (table[f"{name}_high"] - value).round(4).tolist(),
        "arrayminus": (value - table[f"{name}_low"]).round(4).tolist(),
        "thickness": 1.5,
        "width": 3,
    }


def _or_empty(figure: go.Figure, table: pd.DataFrame, words: str) -> go.Figure:
    if table.empty:
        figure.update_layout(height=160, showlegend=False)
        figure.update_xaxes(visible=False)
        figure.update_yaxes(visible=False)
        figure.add_annotation(text=words, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
    return figure


def _seen(counts: pd.DataFrame) -> Iterable[str]:
    return [outcome for outcome in OUTCOMES if counts[outcome].sum()]


def _dates(index: pd.Index[Any]) -> list[str]:
    return pd.DatetimeIndex(index).strftime("%Y-%m-%d").tolist()


def _height_of(rows: int) -> int:
    return 120 + 26 * max(rows, 1)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.18)"


def _words(outcome: str) -> str:
    return outcome.replace("_", " ")


def _phone(client: object) -> str:
    return str(client) or "unknown phone"


def _reason(outcome: str, reason: str) -> str:
    meaning = code_of(reason).meaning
    return f"{_words(outcome)}: {meaning} ({reason})" if reason else f"{_words(outcome)}: {meaning}"
