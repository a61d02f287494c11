"""A phone and its keypad in JupyterLab: type keys, and see at once what would happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dialtone_nb.display.rendering import render, with_style
from dialtone_nb.display.telephony.what_if import WhatIf, answers_html, what_if_html, what_if_text
from dialtone_nb.display.widgets.box import show_box
from dialtone_nb.errors import DialtoneError
from dialtone_nb.phones.dial_strings import KEYPAD
from dialtone_nb.phones.what_if import KeypadResult
from dialtone_nb.values.sip import SEPARATORS

# Says what happens if somebody presses these keys on this phone.
Ask = Callable[[str, str], KeypadResult]
_SENDABLE = KEYPAD | {"+", *SEPARATORS}


class WhatIfBox:
    """The answers that a cell asked for, and under them a phone to choose and a field for other keys."""

    def __init__(self, what_if: WhatIf, clients: Sequence[str], ask: Ask) -> None:
        """A box that begins with these answers, and asks for more."""
        self._what_if = what_if
        self._clients = clients
        self._ask = ask

    def widget(self) -> Any:
        """The phone and its keys as an ipywidget."""
        import ipywidgets

        self._phone = ipywidgets.Dropdown(options=self._clients, value=self._what_if.client, description="Phone")
        self._keys = ipywidgets.Text(placeholder="such as 5035550199", description="dials", continuous_update=True)
        self._shown = ipywidgets.HTML()
        for field in (self._phone, self._keys):
            field.observe(self._on_changed, names="value")
        return ipywidgets.VBox([ipywidgets.HBox([self._phone, self._keys]), self._shown])

    def _on_changed(self, _: Any) -> None:
        keys = self._keys.value.strip()
        if not keys:
            self._shown.value = ""
        elif stranger := sorted(set(keys) - _SENDABLE):
            self._say(f"No phone has a key {stranger[0]}; there are 0 to 9, *, # and, on softphones, +.")
        else:
            try:
                self._shown.value = with_style(answers_html([self._ask(self._phone.value, keys)]))
            except DialtoneError as error:
                self._say(str(error), is_danger=True)

    def _say(self, words: str, *, is_danger: bool = False) -> None:
        self._shown.value = with_style(render("notice", lines=[words], role="", is_danger=is_danger))

    def _ipython_display_(self) -> None:
        from IPython.display import display

        page = {"text/plain": what_if_text(self._what_if), "text/html": with_style(what_if_html(self._what_if))}
        display(page, raw=True)  # type: ignore[no-untyped-call]
        show_box(self.widget(), {"text/plain": ""})
