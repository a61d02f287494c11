"""Figures show what the tally holds, with one colour an outcome, for no calls, a few, and many."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings

from dialtone_nb.calls import figures
from dialtone_nb.calls.metrics import tally_attempts
from dialtone_nb.calls.outcomes import OUTCOMES
from tests.calls.strategies import frame_of, frames

DRAWN = [getattr(figures, name) for name in dir(figures) if name.startswith("draw_")]
Draw = Callable[[pd.DataFrame], go.Figure]


def tally_of(*outcomes: str, day: int = 2) -> pd.DataFrame:
    """The tally of attempts with these outcomes, on one day."""
    at = datetime(2026, 3, day, 9, tzinfo=UTC)
    return tally_attempts(
        frame_of(
            [
                {
                    "started_at": at,
                    "environment": None,
                    "client": "lobby",
                    "direction": "outgoing",
                    "outcome": outcome,
                    "reason": None,
                    "duration_s": None,
                    "price": None,
                    "currency": None,
                }
                for outcome in outcomes
            ]
        )
    )


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_every_figure_can_be_drawn_from_no_calls_and_from_one(draw: Draw) -> None:
    """An empty source, or a single call, is a figure and not an error."""
    for tally in (tally_of(), tally_of("failed"), tally_of("refused")):
        assert json.loads(draw(tally).to_json())["layout"]["height"] > 0


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_the_same_calls_are_the_same_figure(draw: Draw) -> None:
    """Nothing random and no clock goes into a figure."""
    tally = tally_of("answered", "busy", "failed", "unregistered")
    assert draw(tally).to_json() == draw(tally.copy()).to_json()


@given(frames)
@settings(max_examples=25, deadline=None)
def test_the_bars_of_a_day_add_up_to_its_attempts(frame: pd.DataFrame) -> None:
    """No outcome is left out of the stack."""
    figure = figures.draw_outcomes_by_day(tally_attempts(frame))
    assert sum(sum(bar.y) for bar in figure.data) == len(frame)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_outcome_has_the_same_colour_and_pattern_everywhere(outcome: str) -> None:
    """By day, by phone, by direction and by reason."""
    looks = set()
    for draw in (
        figures.draw_outcomes_by_day,
        figures.draw_outcomes_by_phone,
        figures.draw_outcomes_by_direction,
        figures.draw_reasons_of_failure,
    ):
        for bar in draw(tally_of(outcome)).data:
            looks.add((bar.name, bar.marker.color, bar.marker.pattern.shape))
    assert looks == {(outcome.replace("_", " "), figures.COLOURS[outcome], figures.PATTERNS[outcome] or None)}


def test_no_two_outcomes_look_alike() -> None:
    """Colours differ from each other, and neighbours differ in pattern too, for who sees no colours."""
    assert len(set(figures.COLOURS.values())) == len(OUTCOMES)
    looks = [figures.PATTERNS[outcome] for outcome in OUTCOMES]
    assert all(one != other for one, other in pairwise(looks))


def test_a_direction_without_calls_says_so() -> None:
    """No incoming call is shown as none, not as a bar of nothing."""
    figure = figures.draw_outcomes_by_direction(tally_of("answered"))
    assert list(figure.layout.yaxis.categoryarray) == ["incoming · none", "outgoing · 1"]


def test_a_rate_without_a_denominator_is_not_drawn() -> None:
    """Where nothing could be judged, words stand in the figure's place."""
    figure = figures.draw_rates_over_time(tally_of("refused"))
    assert [note.text for note in figure.layout.annotations] == ["no attempt that could be judged"]


@pytest.mark.parametrize(("days", "period"), [(1, "day"), (62, "day"), (63, "week"), (3001, "month")])
def test_a_long_log_is_drawn_in_longer_periods(days: int, period: str) -> None:
    """A point a day would be noise over a year."""
    tally = pd.DataFrame(
        {"day": [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01") + pd.Timedelta(days=days - 1)]}
    )
    assert figures.choose_period(tally, longest_in_days=62) == period
