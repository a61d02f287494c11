"""The recent calls in JupyterLab: the chosen one is told step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dialtone_nb.calls.call_story import Story
from dialtone_nb.display.rendering import render, with_style
from dialtone_nb.display.telephony.call_story import (
    Exploration,
    attempt_cells,
    exploration_html,
    exploration_text,
    story_html,
)
from dialtone_nb.display.widgets.box import show_box
from dialtone_nb.errors import DialtoneError

# Tells the story of a call, by its SID.
Tell = Callable[[str], Story]
# How many are seen at once; the list scrolls.
_LINES = 8


class CallExplorer:
    """A list of calls to choose from, and under it the story of the one that is chosen."""

    def __init__(self, exploration: Exploration, tell: Tell) -> None:
        """An explorer that begins with the story that is told already."""
        self._exploration = exploration
        self._tell = tell

    def widget(self) -> Any:
        """The list and the story as an ipywidget."""
        import ipywidgets

        records = self._exploration.attempts.to_dict("records")
        options = [("   ".join(filter(None, attempt_cells(one))), str(one["call_sid"])) for one in records]
        told = self._exploration.story
        chosen = told.call_sid if told and any(told.call_sid == sid for _, sid in options) else None
        self._list = ipywidgets.Select(
            options=options, value=chosen, rows=_LINES, description="Calls", layout={"width": "auto"}
        )
        self._shown = ipywidgets.HTML(with_style(story_html(told)) if told else "")
        self._list.observe(self._on_chosen, names="value")
        # The calls themselves are in the list.
        words = exploration_html(replace(self._exploration, story=None), lists=False)
        summary = ipywidgets.HTML(with_style(words))
        return ipywidgets.VBox([summary, self._list, self._shown] if options else [summary])

    def _on_chosen(self, change: Any) -> None:
        if change["new"] is None:
            return
        try:
            self._shown.value = with_style(story_html(self._tell(change["new"])))
        except DialtoneError as error:
            self._shown.value = with_style(render("notice", lines=[str(error)], role="stop", is_danger=False))

    def _ipython_display_(self) -> None:
        page = {
            "text/plain": exploration_text(self._exploration),
            "text/html": with_style(exploration_html(self._exploration)),
        }
        show_box(self.widget(), page)
