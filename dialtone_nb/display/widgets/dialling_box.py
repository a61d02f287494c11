"""A phone and its keypad in JupyterLab: keys are typed, and what would happen stands there at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from dialtone_nb.display.dialling import Dialling, answers_html, dialling_html, dialling_text
from dialtone_nb.display.style import with_look
from dialtone_nb.errors import DialtoneError
from dialtone_nb.phones.dial_strings import KEYPAD
from dialtone_nb.phones.what_if import KeypadResult
from dialtone_nb.values.sip import SEPARATORS

# Says what happens if somebody presses these keys on this phone.
Ask = Callable[[str, str], KeypadResult]
_SENDABLE = KEYPAD | {"+", *SEPARATORS}


class DiallingBox:
    """The answers that a cell asked for, and under them a phone to choose and a field for other keys."""

    def __init__(self, dialling: Dialling, clients: Sequence[str], ask: Ask) -> None:
        """A box that begins with these answers, and asks for more."""
        self._dialling = dialling
        self._clients = clients
        self._ask = ask

    def widget(self) -> Any:
        """The phone and its keys as an ipywidget."""
        import ipywidgets

        self._phone = ipywidgets.Dropdown(options=self._clients, value=self._dialling.client, description="Phone")
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
            self._say(f"<p>No phone has a key {escape(stranger[0])}; there are 0 to 9, *, # and, on softphones, +.</p>")
        else:
            try:
                self._say(answers_html([self._ask(self._phone.value, keys)]))
            except DialtoneError as error:
                self._say(f'<p class="danger">{escape(str(error))}</p>')

    def _say(self, html: str) -> None:
        self._shown.value = with_look(f'<div class="dialtone" role="status">{html}</div>')

    def _ipython_display_(self) -> None:
        from IPython.display import display

        page = {"text/plain": dialling_text(self._dialling), "text/html": with_look(dialling_html(self._dialling))}
        display(page, raw=True)  # type: ignore[no-untyped-call]
        display(self.widget())  # type: ignore[no-untyped-call]
