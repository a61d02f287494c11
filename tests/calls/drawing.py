"""Every figure of a call report, drawn from attempts."""

import json

import pandas as pd
import plotly.graph_objects as go

from dialtone_nb.calls import figures
from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.calls.measures.delays import Delay
from dialtone_nb.calls.measures.last_seen import life_by_phone, tally_signs
from dialtone_nb.calls.measures.tally import tally_attempts, tally_hours
from tests.calls.strategies import counted

NAMES = tuple(figures.__all__)


def draw(name: str, frame: pd.DataFrame) -> go.Figure:
    """The figure of this name, as plotly's own object."""
    return checked(draw_ours(name, frame))


def draw_ours(name: str, frame: pd.DataFrame) -> Figure:
    """The figure of this name, from whatever counts it is drawn from."""
    if name == "draw_hours_of_week":
        return figures.draw_hours_of_week(counted(tally_hours, frame))
    if name == "draw_signs_of_life":
        return figures.draw_signs_of_life(life_by_phone(counted(tally_signs, frame)))
    if name == "draw_delays":
        started = enumerate(frame["started_at"])
        return figures.draw_delays([Delay(at, "prod", f"CA{row}", row % 3 == 0, 40 * row) for row, at in started])
    drawn: Figure = getattr(figures, name)(counted(tally_attempts, frame))
    return drawn


def checked(figure: Figure) -> go.Figure:
    """The figure as plotly's own object; raises an error if plotly does not accept it."""
    return go.Figure(json.loads(figure.to_json()))
