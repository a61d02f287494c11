"""A real phone in JupyterLab: a SIP server to start, what to enter at the phone, a button to ring it, its history."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dialtone_nb.display.rendering import render, with_style
from dialtone_nb.display.telephony.real_phones import (
    RealPhone,
    closed_html,
    life_html,
    open_html,
    real_phone_html,
    real_phone_text,
)
from dialtone_nb.display.widgets.box import show_box
from dialtone_nb.display.widgets.live import LiveView
from dialtone_nb.errors import DialtoneError
from dialtone_nb.phones.phone_history import PhoneHistory

EVERY_S = 1.0
ADDRESS = "127.0.0.1:5060"
OPENING = "Starting …"
NOTE = (
    "If this phone is not set up, its environment is first deployed and the phone set up, "
    "on the rehearsal. 127.0.0.1 is for a softphone on this computer. For a telephone elsewhere on your network, write "
    "this computer's address there, such as 192.168.1.20:5060: calls, audio and digests are then sent unencrypted."
)
TRUST = "other machines may reach this address; I trust its network"


@dataclass(frozen=True, slots=True)
class PhoneWork:
    """What the box has done: look, open the door at an address (perhaps of a network), close it, ring the phone.

    `open` says what it did first so that there is a phone to let in.
    """

    look: Callable[[], RealPhone]
    open: Callable[[str, bool], str]
    close: Callable[[], None]
    ring: Callable[[], str]


class RealPhoneBox:
    """The SIP server's controls, and under them the phone as it is."""

    def __init__(self, work: PhoneWork) -> None:
        """A box that does its work through these functions."""
        self._work = work
        self._live: LiveView | None = None
        # What the phone did while the last door was open.
        self._life: PhoneHistory | None = None

    def widget(self) -> Any:
        """The box as an ipywidget."""
        import ipywidgets

        self._address = ipywidgets.Text(value=ADDRESS, description="Address", tooltip="an address of this computer")
        self._trust = ipywidgets.Checkbox(value=False, description=TRUST, indent=False, layout={"width": "auto"})
        self._open = ipywidgets.Button(description="Start the SIP server", icon="phone", button_style="primary")
        self._close = ipywidgets.Button(description="Stop the SIP server")
        self._ring = ipywidgets.Button(description="Ring it", icon="bell", button_style="primary")
        self._said = ipywidgets.HTML()
        self._body = ipywidgets.VBox([])
        self._open.on_click(lambda _: self._do(self._opened, OPENING))
        self._close.on_click(lambda _: self._do(self._closed, "Stopping …"))
        self._ring.on_click(lambda _: self._do(self._rang, "It is being called …"))
        self._show()
        return self._body

    def _show(self) -> None:
        """Show what fits: how to open a door, or the phone at the open one."""
        import ipywidgets

        phone = self._work.look()
        if not phone.page:
            first = ipywidgets.HBox([self._address, self._open])
            self._body.children = [first, self._trust, self._said, _html(closed_html(phone, NOTE, self._life))]
            return
        self._live = LiveView(lambda: life_html(self._work.look().life), EVERY_S)
        buttons = ipywidgets.HBox([self._ring, self._close])
        self._body.children = [_html(open_html(phone)), buttons, self._said, self._live.widget()]

    def _do(self, work: Callable[[], str], meanwhile: str) -> None:
        """Do something that takes a while in a thread of its own, and show what came of it."""
        self._say(meanwhile)
        buttons = (self._open, self._close, self._ring)

        def run() -> None:
            try:
                self._say(work())
            except DialtoneError as error:
                self._say(str(error), is_danger=True)
            for button in buttons:
                button.disabled = False

        for button in buttons:
            button.disabled = True
        threading.Thread(target=run, name="real phone", daemon=True).start()

    def _opened(self) -> str:
        done = self._work.open(self._address.value.strip(), self._trust.value)
        self._show()
        return f"{done} Enter these values at the phone; what it does is shown as it happens."

    def _closed(self) -> str:
        if self._live:
            self._live.stop()
        self._life = self._work.look().life
        self._work.close()
        self._show()
        return "The SIP server has stopped. What your phone did is shown below."

    def _rang(self) -> str:
        return self._work.ring()

    def _say(self, words: str, *, is_danger: bool = False) -> None:
        self._said.value = with_style(render("notice", lines=[words], role="", is_danger=is_danger))

    def _ipython_display_(self) -> None:
        phone = self._work.look()
        show_box(self.widget(), {"text/plain": real_phone_text(phone), "text/html": with_style(real_phone_html(phone))})


def _html(html: str) -> Any:
    import ipywidgets

    return ipywidgets.HTML(with_style(html))
