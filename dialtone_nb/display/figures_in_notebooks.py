"""How a plotly figure goes into a notebook: as its JSON alone, which JupyterLab draws and nbval compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

PLOTLY = "application/vnd.plotly.v1+json"


def show_figures_as_json(shell: InteractiveShell) -> None:
    """Make this shell show every plotly figure as its JSON.

    Plotly's own way imports a second's worth of libraries before the first figure, and its notebook renderers put
    random ids and the whole of plotly.js into the output.
    """
    formatter: Any = shell.display_formatter
    formatter.ipython_display_formatter.for_type_by_name("plotly.graph_objs._figure", "Figure", _show)


def _show(figure: Any) -> None:
    from IPython.display import display

    display(bundle_of(figure), raw=True)  # type: ignore[no-untyped-call]


def bundle_of(figure: Any) -> dict[str, Any]:
    """The figure as a notebook keeps it: plotly's JSON, and a line of text for who can't draw."""
    import orjson

    shown = orjson.loads(figure.to_json())
    return {PLOTLY: {"data": shown["data"], "layout": shown["layout"]}, "text/plain": "<figure>"}
