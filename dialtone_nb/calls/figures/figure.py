"""A plotly figure as plain data: the JSON that plotly.js draws, made without plotly's own objects.

Plotly's objects validate every value, which takes longer than all of a report's counting. Here only the tests have
plotly validate the figures. Names and parameters are those of `plotly.graph_objects.Figure`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from dialtone_nb.calls.measures.enough import LeftOut

_AXIS: Final = re.compile(r"([xy]axis)\d*")
Json = dict[str, Any]


class Figure:
    """Traces and a layout; None in a trace means plotly.js's default.

    A `line` is shown in its place where there is nothing to draw; one that is `left_out` would say nothing.
    """

    def __init__(self, layout: Mapping[str, Any]) -> None:
        """An empty figure with this layout."""
        self.line = ""
        self.left_out: LeftOut | None = None
        self.data: list[Json] = []
        self.layout: Json = _merged({"xaxis": {}, "yaxis": {}}, layout)

    def add_bar(self, **trace: Any) -> None:
        """Add bars."""
        self._add("bar", trace)

    def add_scatter(self, **trace: Any) -> None:
        """Add points or lines."""
        self._add("scatter", trace)

    def add_funnel(self, **trace: Any) -> None:
        """Add a funnel."""
        self._add("funnel", trace)

    def add_heatmap(self, **trace: Any) -> None:
        """Add a heat map."""
        self._add("heatmap", trace)

    def add_annotation(self, **annotation: Any) -> None:
        """Add a text."""
        self.layout.setdefault("annotations", []).append(annotation)

    def add_vline(self, x: str, line: Json) -> None:
        """Add an upright line as high as the figure."""
        ends = {"x0": x, "x1": x, "xref": "x", "y0": 0, "y1": 1, "yref": "y domain"}
        self.layout.setdefault("shapes", []).append({"type": "line", **ends, "line": line})

    def update_layout(self, layout: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Merge changes into the layout; parts that are not named stay as they are."""
        self.layout = _merged(_merged(self.layout, layout or {}), more)

    def update_xaxes(self, **axis: Any) -> None:
        """Change every x axis."""
        self._update_axes("xaxis", axis)

    def update_yaxes(self, **axis: Any) -> None:
        """Change every y axis."""
        self._update_axes("yaxis", axis)

    def _update_axes(self, kind: str, axis: Json) -> None:
        if (title := axis.pop("title_text", None)) is not None:
            axis["title"] = {"text": title}
        for name in [name for name in self.layout if (found := _AXIS.fullmatch(name)) and found[1] == kind]:
            self.layout[name] = _merged(self.layout[name], axis)

    def _add(self, kind: str, trace: Json) -> None:
        self.data.append({"type": kind, **{name: value for name, value in trace.items() if value is not None}})

    def to_json(self) -> str:
        """The JSON for plotly.js; missing numbers are null."""
        return orjson.dumps({"data": self.data, "layout": self.layout}).decode()


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """The old mapping updated with the new one, recursively."""
    both = {
        name: _merged(old[name], value) if isinstance(value, Mapping) and isinstance(old.get(name), Mapping) else value
        for name, value in new.items()
    }
    return {**old, **both}
