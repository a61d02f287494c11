"""The figure of post-dial delays: one mark for each sampled call, over time, with the deployments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.calls.figures.rates import mark_deployments
from dialtone_nb.calls.figures.style import COLOURS, make_figure, show_a_day_at_least, worth_showing, zone_words
from dialtone_nb.calls.measures.before_after import Deployment
from dialtone_nb.calls.measures.delays import Delay
from dialtone_nb.calls.measures.enough import left_out, too_few

LEAST_MS: Final = 100
NO_DELAY: Final = "The delay of no call is known."
# Cold starts differ in colour and in symbol, so that they can be told apart without colours.
STYLES: Final = {
    True: ("after a pause", COLOURS["unreachable"], "diamond"),
    False: ("soon after another", COLOURS["answered"], "circle"),
}


def draw_delays(delays: Sequence[Delay], deployments: Sequence[Deployment] = (), time_zone: str = "UTC") -> Figure:
    """Draw the post-dial delay of each sampled call in milliseconds, with cold starts marked."""
    figure = make_figure(320)
    moments = [pd.Timestamp(one.at).tz_convert(time_zone).tz_localize(None) for one in delays]
    for after_pause, (name, colour, symbol) in STYLES.items():
        own = [(one, at) for one, at in zip(delays, moments, strict=True) if one.after_pause is after_pause]
        if own:
            figure.add_scatter(
                name=name,
                x=[f"{at:%Y-%m-%d %H:%M:%S}" for _, at in own],
                y=[one.ms for one, _ in own],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 7},
                customdata=[[one.environment, one.call_sid] for one, _ in own],
                hovertemplate="%{x}, %{customdata[0]}<br>%{y:,} ms<br>%{customdata[1]}<extra>" + name + "</extra>",
            )
    figure.update_xaxes(title_text=zone_words(time_zone))
    show_a_day_at_least(figure, moments)
    # Delays of 0 ms would otherwise get an axis up to 1 ms, and lie on its lower edge.
    most = max((one.ms for one in delays), default=0)
    figure.update_yaxes(title_text="ms before it rang", range=[-0.05 * max(most, LEAST_MS), 1.1 * max(most, LEAST_MS)])
    if moments:
        mark_deployments(figure, pd.DatetimeIndex(sorted(moments)).normalize(), deployments, time_zone)
    few = left_out("the figure of the delays", too_few(len(delays), noun="sampled call"))
    return worth_showing(figure, pd.DataFrame({"at": moments}), NO_DELAY, few)
