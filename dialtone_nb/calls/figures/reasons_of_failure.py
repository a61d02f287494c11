"""Why attempts were lost: a Pareto chart."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls.attempts.codes import code_of
from dialtone_nb.calls.figures.style import (
    WHOLE_STEPS,
    height_of,
    make_figure,
    marker_of,
    name_rows,
    show_words_if_empty,
    words_of,
)
from dialtone_nb.calls.measures.rates import reasons_of_failure


def draw_reasons_of_failure(tally: pd.DataFrame) -> go.Figure:
    """Lost attempts by reason, most frequent on top, each with its share and the running share (a Pareto chart)."""
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
                f"{attempts:,} · {share:.1%} · running {running:.1%}"
                for attempts, share, running in zip(rows["attempts"], rows["share"], rows["running_share"], strict=True)
            ],
            textposition="outside",
            cliponaxis=False,
            customdata=rows["repair"].tolist(),
            hovertemplate="%{y}<br>%{text}<br>%{customdata}<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    name_rows(figure, table["label"].tolist())
    most = int(table["attempts"].max()) if len(table) else 1
    # Room for the text beside the longest bar.
    figure.update_xaxes(title_text="lost attempts", range=[0, most * 1.4], tickformat=",d", nticks=6)
    if most <= WHOLE_STEPS:
        figure.update_xaxes(dtick=1)
    return show_words_if_empty(figure, table, "no attempt was lost")


def _reason(outcome: str, reason: str) -> str:
    meaning = code_of(reason).meaning
    return f"{words_of(outcome)}: {meaning} ({reason})" if reason else f"{words_of(outcome)}: {meaning}"
