"""Figures of how attempts ended: shares, days, hours of the week, funnels, and reasons of failure."""

from __future__ import annotations

from typing import Final

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import code_of
from dialtone_nb.calls.attempts.schema import DIRECTIONS
from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.calls.figures.style import (
    AXIS,
    DAY_MS,
    INK,
    LONGEST_IN_DAYS,
    PATTERNED_BARS,
    RATE_STYLES,
    WHOLE_STEPS,
    as_dates,
    axis_number,
    choose_period,
    height_of,
    make_figure,
    marker_of,
    name_rows,
    phone_label,
    seen_outcomes,
    with_every_period,
    words_of,
    worth_showing,
    zone_words,
)
from dialtone_nb.calls.measures.enough import FEW_FOR_HOURS, left_out, only_one, too_few, too_few_attempts
from dialtone_nb.calls.measures.rates import STAGES, count_outcomes, days_of, funnel_of, in_periods, reasons_of_failure

NONE_LOST: Final = "No attempt was lost."
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
STAGE_COLOURS = {
    "attempts": INK,
    "tried": "#A7B6C2",
    "delivered": RATE_STYLES["delivered"][0],
    "answered": RATE_STYLES["answered"][0],
}


def draw_outcomes_by_phone(tally: pd.DataFrame) -> Figure:
    """Draw the shares of outcomes of each phone's attempts; the phone with the most attempts is on top."""
    counts = count_outcomes(tally, ["client"])
    counts = counts.loc[counts.sum(axis=1).sort_values(kind="stable").index]
    labels = [f"{phone_label(client)} · {attempts:,}" for client, attempts in counts.sum(axis=1).items()]
    figure = _share_bars(counts, labels, "share of the phone's attempts")
    figure.left_out = left_out("outcomes by phone", too_few_attempts(tally), only_one(tally, "client"))
    return figure


def draw_outcomes_by_direction(tally: pd.DataFrame) -> Figure:
    """Draw the shares of outcomes of outgoing and of incoming attempts; a direction without attempts says so."""
    counts = count_outcomes(tally, ["direction"]).reindex(list(reversed(DIRECTIONS)), fill_value=0)
    labels = [f"{way} · {n:,}" if n else f"{way} · none" for way, n in counts.sum(axis=1).items()]
    figure = _share_bars(counts, labels, "share of the direction's attempts")
    figure.left_out = left_out("outcomes by direction", too_few_attempts(tally))
    return figure


def _share_bars(counts: pd.DataFrame, labels: list[str], title: str) -> Figure:
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


def draw_outcomes_by_day(tally: pd.DataFrame, time_zone: str = "UTC") -> Figure:
    """Draw attempts per day of the time zone, stacked by outcome; per week or month if the log is very long."""
    period = choose_period(tally, longest_in_days=LONGEST_IN_DAYS)
    counts = with_every_period(count_outcomes(in_periods(tally, period), ["day"]), period)
    few = len(counts) <= PATTERNED_BARS
    figure = make_figure(400, days=days_of(tally) if period == "day" else None)
    for outcome in seen_outcomes(counts):
        figure.add_bar(
            name=words_of(outcome),
            x=as_dates(counts.index),
            y=counts[outcome].tolist(),
            # Plotly derives the width from the distance between bars, which a single bar does not have.
            width=0.85 * DAY_MS if period == "day" and few else None,
            marker=marker_of(outcome, patterned=few),
            hovertemplate=f"%{{x|%Y-%m-%d %a}}<br>{words_of(outcome)}: %{{y:,}}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.15 if few else 0)
    figure.update_xaxes(title_text=zone_words(time_zone))
    figure.update_yaxes(title_text=f"attempts a {period}", rangemode="tozero")
    figure.left_out = left_out("attempts by day", too_few_attempts(tally), only_one(tally, "day"))
    return figure


def draw_hours_of_week(hours: pd.DataFrame, time_zone: str = "UTC") -> Figure:
    """Draw attempts by weekday and hour, in the time zone of the counts, summed over all weeks."""
    counts = (
        hours.assign(weekday=hours["day"].dt.day_of_week)
        .pivot_table(index="weekday", columns="hour", values="attempts", aggfunc="sum", fill_value=0)
        .reindex(index=range(7), columns=range(24), fill_value=0)
    )
    figure = make_figure(380, legend=False)
    figure.add_heatmap(
        z=counts.to_numpy().tolist(),
        x=[f"{hour:02d}" for hour in range(24)],
        y=list(WEEKDAYS),
        colorscale=[[0, "rgba(0, 114, 178, 0.06)"], [1, "rgba(0, 114, 178, 1)"]],
        xgap=2,
        ygap=2,
        # Below the cells, so that these have the whole width, on narrow screens too.
        colorbar={
            "title": {"text": "attempts", "side": "top"},
            "orientation": "h",
            "thickness": 10,
            "y": -0.28,
            "yanchor": "top",
            "outlinewidth": 0,
        },
        hovertemplate="%{y} %{x}:00: %{z:,} attempts<extra></extra>",
    )
    figure.update_xaxes(title_text=zone_words(time_zone, "hour of the day"), type="category", showgrid=False)
    figure.update_yaxes(title_text="weekday", autorange="reversed", showgrid=False)
    figure.left_out = left_out("attempts by weekday and hour", too_few_attempts(hours, FEW_FOR_HOURS))
    return figure


def draw_funnels(tally: pd.DataFrame) -> Figure:
    """Draw how many attempts of each direction reached each stage, with their share of the stage before."""
    figure = make_figure(250, legend=False)
    width = 0.48
    for place, direction in enumerate(DIRECTIONS):
        counts, number = funnel_of(tally, direction), axis_number(place)
        figure.add_funnel(
            name=direction,
            y=list(STAGES),
            x=list(counts.values()),
            text=_texts(list(counts.values())),
            textinfo="text",
            # Beside the bar if the bar is too short.
            textposition="auto",
            marker={"color": [STAGE_COLOURS[stage] for stage in STAGES]},
            connector={"fillcolor": "rgba(128, 128, 128, 0.15)"},
            hovertemplate=f"{direction}, %{{y}}: %{{text}}<extra></extra>",
            xaxis=f"x{number}",
            yaxis=f"y{number}",
        )
        left = place * (1 - width)
        total = counts["attempts"]
        figure.update_layout(
            {
                f"xaxis{number}": {**AXIS, "domain": [left, left + width], "visible": False},
                # Both directions have the same stages, so only the first axis names them.
                f"yaxis{number}": {**AXIS, "anchor": f"x{number}", "autorange": "reversed", **_axis(place)},
            }
        )
        figure.add_annotation(
            text=f"<b>{direction}</b> · {total:,}" if total else f"<b>{direction}</b> · none",
            xref=f"x{number} domain",
            yref="paper",
            x=0.5,
            y=1.02,
            yanchor="bottom",
            showarrow=False,
        )
    figure.left_out = left_out("how far attempts got", too_few_attempts(tally))
    return figure


def _axis(place: int) -> dict[str, bool]:
    return {"showgrid": False, "showticklabels": place == 0, "showline": False}


def _texts(counts: list[int]) -> list[str]:
    """Each count in words, with its share of the count before."""
    before = [0, *counts]
    return [
        f"{count:,} · {count / last:.1%}" if last else f"{count:,}" for count, last in zip(counts, before, strict=False)
    ]


def draw_reasons_of_failure(tally: pd.DataFrame) -> Figure:
    """Draw lost attempts by reason, the most frequent on top, each with its share; hovering shows the sum so far."""
    table = reasons_of_failure(tally).iloc[::-1]
    table = table.assign(
        label=[_reason(*row) for row in zip(table["outcome"], table["reason"], strict=True)],
        repair=[code_of(reason).repair for reason in table["reason"]],
    )
    figure = make_figure(height_of(len(table)), legend=False)
    for outcome, rows in table.groupby("outcome", sort=False):
        figure.add_bar(
            name=words_of(str(outcome)),
            orientation="h",
            x=rows["attempts"].tolist(),
            y=rows["label"].tolist(),
            marker=marker_of(str(outcome), patterned=True),
            text=[
                f"{attempts:,} · {share:.1%}" for attempts, share in zip(rows["attempts"], rows["share"], strict=True)
            ],
            textposition="outside",
            cliponaxis=False,
            customdata=[
                [f"{running:.1%}", repair]
                for running, repair in zip(rows["running_share"], rows["repair"], strict=True)
            ],
            hovertemplate="%{y}<br>%{text} · running %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    name_rows(figure, table["label"].tolist())
    most = int(table["attempts"].max()) if len(table) else 1
    # Room for the text beside the longest bar, where names of reasons leave little to the bars, too.
    figure.update_xaxes(title_text="lost attempts", range=[0, most * 1.5], tickformat=",d", nticks=6)
    if most <= WHOLE_STEPS:
        figure.update_xaxes(dtick=1)
    few = left_out("the figure of the reasons", too_few(int(table["attempts"].sum()), noun="lost attempt"))
    return worth_showing(figure, table, NONE_LOST, few)


def _reason(outcome: str, reason: str) -> str:
    meaning = code_of(reason).meaning
    return f"{words_of(outcome)}: {meaning} ({reason})" if reason else f"{words_of(outcome)}: {meaning}"
