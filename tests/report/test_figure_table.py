"""Every figure's data as a table."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import pytest

from dialtone_nb.display.outputs import PLOTLY, figure_bundle
from dialtone_nb.report.figure_table import figure_table
from tests.calls.drawing import NAMES, draw
from tests.calls.strategies import frame_of
from tests.report.calls import hundred_calls


def rows_of(figure: go.Figure) -> list[list[Any]]:
    """The head and the rows of a figure's table."""
    table = figure_table(figure_bundle(figure)[PLOTLY])
    return [list(table.columns), *(list(row) for row in table.rows)]


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_of_the_report_has_its_data_as_a_table(name: str) -> None:
    """A row a category and a column a series, each with a name; a figure without calls has only a header."""
    head, *rows = rows_of(draw(name, frame_of(hundred_calls())))
    assert all(head)
    assert len(set(head)) == len(head)
    assert rows
    assert all(any(cell is not None for cell in row[1:]) for row in rows)
    assert rows_of(draw(name, frame_of([])))[0]


def test_bars_are_a_row_a_place_and_a_column_a_series() -> None:
    """A dash if a series has no value for a category."""
    figure = go.Figure([go.Bar(name="up", x=["a", "b"], y=[1, 2]), go.Bar(name="down", x=["b"], y=[3])])
    assert rows_of(figure) == [["which", "up", "down"], ["a", 1, None], ["b", 2, 3]]


def test_shares_are_per_cent_and_lying_bars_are_read_by_their_names() -> None:
    """The axis decides the format of numbers."""
    figure = go.Figure(go.Bar(name="up", x=[0.25], y=["lobby"], orientation="h"))
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(title_text="phone")
    assert rows_of(figure) == [["phone", "up"], ["lobby", 0.25]]
    assert "25.0%" in figure_table(figure_bundle(figure)[PLOTLY])._repr_html_()


def test_an_interval_stands_beside_its_value() -> None:
    """The values of error bars are shown."""
    bars = {"type": "data", "symmetric": False, "array": [0.1], "arrayminus": [0.2]}
    figure = go.Figure(go.Scatter(name="rate", x=["lobby"], y=[0.5], error_y=bars))
    figure.update_yaxes(tickformat=".0%")
    assert rows_of(figure)[1] == ["lobby", "50.0% (30.0% – 60.0%)"]


def test_a_heatmap_is_its_own_table() -> None:
    """Rows and columns as drawn."""
    assert rows_of(go.Figure(go.Heatmap(x=["00", "01"], y=["Mon"], z=[[1, 2]]))) == [["row", "00", "01"], ["Mon", 1, 2]]
