"""A view that is refreshed every few seconds until it is stopped; the notebook stays usable meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

from dialtone_nb.display.rendering import render
from dialtone_nb.display.widgets.box import page_widget, show_box, show_page
from dialtone_nb.errors import DialtoneError

Look = Callable[[], str]


class LiveView:
    """HTML in an output of JupyterLab, with a button to stop and go on."""

    _latest: ClassVar[LiveView | None] = None

    def __init__(self, look: Look, every_s: float) -> None:
        """Show what `look` returns, again and again after a pause in seconds."""
        self._look = look
        self._every_s = every_s
        self._stopped = threading.Event()
        self._stopped.set()
        self._page: Any = None
        self._button: Any = None

    @property
    def is_running(self) -> bool:
        """Whether it is being refreshed."""
        return not self._stopped.is_set()

    def widget(self) -> Any:
        """The view as an ipywidget, running."""
        import ipywidgets

        self._page = page_widget()
        self._button = ipywidgets.Button(description="Stop", icon="stop")
        self._button.on_click(lambda _: self.stop() if self.is_running else self.start())
        self.start()
        return ipywidgets.VBox([self._button, self._page])

    def start(self) -> None:
        """Look now and from now on; no effect if it is running already."""
        if self.is_running:
            return
        # A cell that runs again makes a new view; the old one would go on looking, unseen.
        if LiveView._latest:
            LiveView._latest.stop()
        LiveView._latest = self
        # Each run has an event of its own, so that one that is still looking when it is stopped does not come back.
        self._stopped = threading.Event()
        threading.Thread(target=self._run, args=(self._stopped,), name="monitor", daemon=True).start()
        self._button.description, self._button.icon = "Stop", "stop"

    def stop(self) -> None:
        """Stop looking; the last view stays."""
        self._stopped.set()
        self._button.description, self._button.icon = "Go on", "play"

    def _run(self, stopped: threading.Event) -> None:
        seen = ""
        while not stopped.is_set():
            trouble = ""
            try:
                seen = self._look()
            except DialtoneError as error:
                # A network that fails for a moment is not a reason to stop watching; the last view stays.
                trouble = str(error)
            except Exception as error:
                # No cell runs that could show a fault of the program; a view that stands still must not look alive.
                self._show(seen, fault=f"{type(error).__name__}: {error}")
                if stopped is self._stopped:
                    self.stop()
                return
            if stopped.is_set():
                return
            self._show(seen, trouble=trouble)
            stopped.wait(self._every_s)

    def _show(self, seen: str, *, trouble: str = "", fault: str = "") -> None:
        show_page(self._page, f"{render('live', trouble=trouble, fault=fault)}{seen}")

    def _ipython_display_(self) -> None:
        show_box(self.widget(), {"text/plain": "this view ended with its kernel"})
