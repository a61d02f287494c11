"""A figure's data as a table: what is drawn, for whoever can't see it or wants the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dialtone_nb.report.report_table import Cell, ReportTable

# Two bars of one day are drawn a little to either side of it.
_BESIDE: Final = re.compile(r"(?<=\d{4}-\d\d-\d\d) \d\d:00$")


def figure_table(figure: Mapping[str, Any]) -> ReportTable:
    """A row for each place on the figure's axis, and a column for each of its series."""
    traces = [trace for trace in figure["data"] if trace.get("hoverinfo") != "skip"]
    layout = figure["layout"]
    if traces and traces[0].get("type") == "heatmap":
        return _of_heatmap(traces[0])
    panels = [_plain(one["text"]) for one in layout.get("annotations", ())]
    several = len({trace.get("xaxis", "x") for trace in traces}) > 1
    rows: dict[tuple[str, str], dict[str, Cell]] = {}
    names: dict[str, None] = {}
    for trace in traces:
        number = int(trace.get("xaxis", "x")[1:] or 1)
        panel = panels[number - 1] if several and number <= len(panels) else ""
        # Funnels have a panel of their own for each series.
        name = "count" if several and trace.get("type") == "funnel" else str(trace.get("name") or "value")
        names[name] = None
        for place, value in _points(trace, layout):
            row = rows.setdefault((panel, place), {})
            row[name] = value if row.get(name) is None else f"{row[name]} – {value}"
    heads = (*(["part"] if several else []), _head(layout, traces), *names)
    cells = [
        (*([panel] if several else []), place, *(row.get(name) for name in names))
        for (panel, place), row in rows.items()
    ]
    return ReportTable.of(heads, cells)


def _of_heatmap(trace: Mapping[str, Any]) -> ReportTable:
    rows = [(str(place), *row) for place, row in zip(trace["y"], trace["z"], strict=True)]
    return ReportTable.of(("row", *map(str, trace["x"])), rows)


def _points(trace: Mapping[str, Any], layout: Mapping[str, Any]) -> Iterator[tuple[str, Cell]]:
    lies = _lies(trace, layout)
    # Where rows are drawn at numbers their names are the points' texts.
    named = lies and "text" in trace and "ticktext" in _axis(trace, layout, "y")
    places: Sequence[Any] = trace["text"] if named else trace["y" if lies else "x"]
    values = trace["x" if lies else "y"]
    bars = trace.get("error_x" if lies else "error_y") or {}
    is_share = str(_axis(trace, layout, "x" if lies else "y").get("tickformat", "")).endswith("%")
    for number, (place, value) in enumerate(zip(places, values, strict=False)):
        if place is None or value is None:
            continue
        told = _told(value, is_share=is_share)
        if bars.get("array") and isinstance(value, int | float):
            low, high = value - bars["arrayminus"][number], value + bars["array"][number]
            told = " ".join(
                [_text(told), f"({_text(_told(low, is_share=is_share))} – {_text(_told(high, is_share=is_share))})"]
            )
        yield _BESIDE.sub("", str(place)), told


def _lies(trace: Mapping[str, Any], layout: Mapping[str, Any]) -> bool:
    """Whether the trace has its categories on the vertical axis."""
    upright = _axis(trace, layout, "y")
    return (
        trace.get("orientation") == "h"
        or trace.get("type") == "funnel"
        or upright.get("type") == "category"
        or "ticktext" in upright
    )


def _axis(trace: Mapping[str, Any], layout: Mapping[str, Any], which: str) -> Mapping[str, Any]:
    number = trace.get(f"{which}axis", which)[1:]
    found: Mapping[str, Any] = layout.get(f"{which}axis{number}", {})
    return found


def _head(layout: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]) -> str:
    """The heading of the categories: their axis' title, or what their values look like."""
    if not traces:
        return "place"
    title = _axis(traces[0], layout, "y" if _lies(traces[0], layout) else "x").get("title", {}).get("text")
    if title:
        return str(title)
    is_day = bool(traces[0].get("x")) and re.match(r"\d{4}-\d\d-\d\d", str(traces[0]["x"][0])) is not None
    return "day" if is_day and not _lies(traces[0], layout) else "which"


def _told(value: Any, *, is_share: bool) -> Cell:
    if isinstance(value, float) and not is_share:
        return f"{value:,.2f}"
    return float(value) if is_share and isinstance(value, int) else value


def _text(cell: Cell) -> str:
    return f"{cell:.1%}" if isinstance(cell, float) else str(cell)


def _plain(text: str) -> str:
    return re.sub(r"<[^>]+>", "", text)
