"""The one question that decides, in JupyterLab: a button for each answer, and what it leads to under them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from dialtone_nb.display.diagnosis import diagnosis_html, diagnosis_text
from dialtone_nb.display.rendering import with_style
from dialtone_nb.verify.diagnosis import Diagnosis

# What an answer leads to.
Conclude = Callable[[str], Diagnosis]


class QuestionBox:
    """A diagnosis that asks a question, the answers as buttons, and the conclusion once one is pressed."""

    def __init__(self, diagnosis: Diagnosis, conclude: Conclude) -> None:
        """A box for a diagnosis with a question."""
        self._diagnosis = diagnosis
        self._conclude = conclude

    def widget(self) -> Any:
        """The buttons and what they lead to as an ipywidget."""
        import ipywidgets

        answers = self._diagnosis.question.answers if self._diagnosis.question else ()
        self._shown = ipywidgets.HTML()
        buttons = [ipywidgets.Button(description=answer, layout={"width": "auto"}) for answer in answers]
        for button in buttons:
            button.on_click(partial(self._answered, button.description))
        return ipywidgets.VBox([ipywidgets.HBox(buttons, layout={"flex_flow": "row wrap"}), self._shown])

    def _answered(self, answer: str, _: Any) -> None:
        self._shown.value = with_style(diagnosis_html(self._conclude(answer)))

    def _ipython_display_(self) -> None:
        from IPython.display import display

        page = {
            "text/plain": diagnosis_text(self._diagnosis),
            "text/html": with_style(diagnosis_html(self._diagnosis)),
        }
        display(page, raw=True)  # type: ignore[no-untyped-call]
        display(self.widget())  # type: ignore[no-untyped-call]
