"""A box of widgets as an output of JupyterLab, with what a saved notebook keeps, and what to do once it is dead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dialtone_nb.display.rendering import in_lab, render, with_style

RUN_ALL = "Choose Run, Run All Cells to have it again."


def show_box(widget: Any, page: Mapping[str, str], *, again: str = RUN_ALL) -> Any:
    """Show a box as outputs of the running cell; the handle takes what replaces it in the end.

    `page` is the same as text and as HTML, for readers of the saved notebook elsewhere. Widgets live as long as their
    kernel, and JupyterLab shows dead ones as if they worked, or in their place "model not found". An output before the
    box says what to do instead; the style sheet hides it as long as the box works.
    """
    from IPython.display import display

    gone = with_style(render("box_gone", again=again))
    display({"text/html": gone, "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]
    return display({**widget._repr_mimebundle_(), **page}, raw=True, display_id=True)  # type: ignore[no-untyped-call]


def page_widget() -> Any:
    """A widget for a page of HTML, whose links JupyterLab opens, as it does those of an output."""
    import ipywidgets

    return ipywidgets.Output()


def show_page(widget: Any, html: str) -> None:
    """Have this HTML, with its style, in a widget made for it; from any thread."""
    shown = {"text/html": with_style(in_lab(html)), "text/plain": ""}
    widget.outputs = ({"output_type": "display_data", "data": shown, "metadata": {}},)


def page_of(widget: Any) -> str:
    """The HTML in such a widget; empty before there is any."""
    return str(widget.outputs[0]["data"]["text/html"]) if widget.outputs else ""
