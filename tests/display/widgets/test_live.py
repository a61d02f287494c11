"""A view that is refreshed until it is stopped: normally, without an answer, and after an error in the program."""

from __future__ import annotations

import threading

from dialtone_nb.display.widgets.box import page_of
from dialtone_nb.display.widgets.live import LiveView
from dialtone_nb.errors import DialtoneError


class Watched:
    """A view whose refreshes have these outcomes in turn, and then repeat the last."""

    def __init__(self, *outcomes: str | Exception) -> None:
        self._left = list(outcomes)
        self._begun = threading.Event()
        self.view = LiveView(self._look, 0.001)
        self.view.widget()

    def _look(self) -> str:
        assert self._begun.wait(10)
        outcome = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def page_with(self, words: str) -> str:
        """Wait for the page to contain these words."""
        seen = threading.Event()
        self.view._page.observe(lambda _: seen.set() if words in page_of(self.view._page) else None, names="outputs")
        self._begun.set()
        assert seen.wait(10)
        return page_of(self.view._page)


def test_what_is_seen_is_shown_until_it_is_stopped() -> None:
    """The last view with its style; a stopped view can be resumed."""
    watched = Watched("<p>first</p>", "<p>second</p>")
    assert "<style>" in watched.page_with("<p>second</p>")
    assert watched.view.is_running
    watched.view.stop()
    assert not watched.view.is_running
    assert watched.view._button.description == "Go on"


def test_while_nobody_answers_what_was_seen_stays() -> None:
    """The error is shown above the last view, and refreshing goes on."""
    watched = Watched("<p>seen</p>", DialtoneError("no answer from api.twilio.com"))
    page = watched.page_with("no answer from api.twilio.com")
    assert "trying again" in page
    assert "<p>seen</p>" in page
    assert watched.view.is_running
    watched.view.stop()


def test_a_fault_of_the_program_ends_it_in_sight() -> None:
    """The view shows the error and stops, as a view that only looks live would mislead."""
    watched = Watched("<p>seen</p>", ZeroDivisionError("division by zero"))
    ended = threading.Event()
    watched.view._button.observe(lambda _: ended.set(), names="icon")
    page = watched.page_with("ZeroDivisionError: division by zero")
    assert "<p>seen</p>" in page
    assert ended.wait(10)
    assert not watched.view.is_running


def test_a_new_view_stops_the_one_before() -> None:
    """Running a cell again leaves no hidden view that goes on sending requests."""
    first, second = (LiveView(lambda: "<p>look</p>", 60) for _ in range(2))
    first.widget()
    second.widget()
    assert not first.is_running
    assert second.is_running
    second.stop()
