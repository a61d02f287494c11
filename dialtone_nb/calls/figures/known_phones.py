"""The figure of when each phone was known to be on or off, and when its state was unknown."""

from __future__ import annotations

import pandas as pd

from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.calls.figures.style import COLOURS, GRID, height_of, make_figure, name_rows, worth_showing
from dialtone_nb.phones.registrations.intervals import Known

# Lines also differ in width, for readers who see no colours.
_LINES = {
    Known.ON: (COLOURS["answered"], 12),
    Known.OFF: (COLOURS["unregistered"], 7),
    Known.NOT: (GRID, 3),
}


def draw_known_phones(intervals: pd.DataFrame) -> Figure:
    """Draw a bar for each phone over the intervals of `know_phones`, with the reason where it was off."""
    clients = sorted(set(intervals["client"]), reverse=True)
    figure = make_figure(height_of(len(clients)))
    for known, (colour, width) in _LINES.items():
        rows = intervals[intervals["known"] == known]
        if rows.empty:
            continue
        since, until = (rows[name].dt.strftime("%Y-%m-%d %H:%M:%S").tolist() for name in ("since", "until"))
        figure.add_scatter(
            name=known.value,
            x=[moment for pair in zip(since, until, strict=True) for moment in (*pair, None)],
            y=[label for client in rows["client"] for label in (client, client, None)],
            text=[text for reason in rows["reason"] for text in (f" · {reason}" if reason else "",) * 3],
            mode="lines",
            line={"color": colour, "width": width},
            connectgaps=False,
            hovertemplate=f"%{{y}}<br>{known.value} %{{x|%Y-%m-%d %a %H:%M}} UTC%{{text}}<extra></extra>",
        )
    figure.update_xaxes(title_text="UTC", type="date")
    name_rows(figure, clients)
    return worth_showing(figure, intervals, "No phone has told of its registration.")
