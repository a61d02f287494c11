"""The question under a plan in JupyterLab: consent is typed, then Apply works; progress, check and record follow."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from dialtone_nb.display.applied import progress_html
from dialtone_nb.display.plans import consent_words, heading
from dialtone_nb.display.rendering import render, with_style
from dialtone_nb.display.widgets.box import page_widget, show_box, show_page
from dialtone_nb.errors import ConsentError, DialtoneError, HeldError, InputError
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.plan import Change, Plan, check_consent
from dialtone_nb.infrastructure.resources.model import Id

# ipywidgets' own warning style has white on orange, which few can read.
_AMBER, _INK = "#f0a43c", "#1c2128"

AGAIN = (
    "Choose Run, Run All Cells: the new plan has what is still to do, and if an apply was under way, says whose it is."
)

# What comes of a plan: an `Applied`, the findings of probes.
Outcome = TypeVar("Outcome")


class ConsentBox(Generic[Outcome]):
    """A box that asks for consent and, once it fits the plan, carries it out in the same output.

    When all is done that output becomes what an unattended run shows, so that is what a saved notebook keeps. A page
    that was loaded again in the meantime can't be told so, and finds the same in the box, which lives in the kernel.
    The kernel has to be free to answer such a page, so the plan is carried out in a thread.

    `carry_on` takes the consent and this box: it calls `observe` with each change as it starts and as it ends, or
    `stop_if_asked` before each step of its own. `outcome_html` gives the page of what comes of it.
    """

    def __init__(
        self,
        plan: Plan,
        carry_on: Callable[[str, ConsentBox[Outcome]], Outcome],
        outcome_html: Callable[[Outcome], str],
    ) -> None:
        self._plan = plan
        self._carry_on = carry_on
        self._outcomes: dict[Id, ChangeOutcome] = {}
        self._running: dict[Id, Change] = {}
        self._handle: Any = None
        self._thread: threading.Thread | None = None
        self._outcome_html = outcome_html
        self._stop_asked = threading.Event()
        self.outcome: Outcome | None = None

    def _ipython_display_(self) -> None:
        page = {"text/plain": self.text(), "text/html": with_style(self.html())}
        self._handle = show_box(self.widget(), page, again=AGAIN)

    def text(self) -> str:
        """The question, where nobody can answer it."""
        return f"{heading(self._plan)}; nothing is done yet, consent is asked for: {consent_words(self._plan)}"

    def html(self) -> str:
        """The question as HTML."""
        return self._question(copies=False)

    def _question(self, *, copies: bool) -> str:
        return render(
            "consent",
            heading=heading(self._plan),
            consent_words=consent_words(self._plan),
            fingerprint=self._plan.fingerprint,
            copies=copies,
        )

    def widget(self) -> Any:
        """The box as an ipywidget."""
        import ipywidgets

        count = len(self._plan.changes)
        question = ipywidgets.HTML(with_style(self._question(copies=True)))
        self._answer = ipywidgets.Text(placeholder="type it here", description="Consent", continuous_update=True)
        self._button = ipywidgets.Button(
            description=f"Apply {count} changes" if count > 1 else "Apply the change",
            tooltip="works once the consent fits the plan",
            disabled=True,
            style={"button_color": _AMBER, "text_color": _INK},
        )
        self._stop = ipywidgets.Button(
            description="Stop",
            tooltip="starts nothing more; what is under way comes to its end",
            layout={"display": "none"},
        )
        self._said = ipywidgets.HTML()
        self._answer.observe(self._on_typed, names="value")
        self._button.on_click(self._on_apply)
        self._stop.on_click(lambda _: self.stop())
        self._page = page_widget()
        self._box = ipywidgets.VBox([question, ipywidgets.HBox([self._answer, self._button, self._stop]), self._said])
        return self._box

    def _on_typed(self, change: Any) -> None:
        typed = change["new"].strip()
        try:
            self._button.disabled = not check_consent(self._plan, typed)
            self._said.value = ""
        except ConsentError as error:
            self._button.disabled = True
            # No complaint while what is typed can still become a word that fits.
            self._said.value = "" if self._is_begun(typed) else _stop_html(error.lines())

    def _is_begun(self, typed: str) -> bool:
        plan = self._plan
        by_name = not (plan.is_protected or plan.grave)
        names = [*([plan.environment] if by_name else []), *(["rehearsal"] if plan.is_rehearsal else [])]
        return any(words.startswith(typed) for words in (plan.fingerprint, *names))

    def _on_apply(self, _: Any) -> None:
        # A second click comes during or after the apply of the first: the button is locked by then.
        if self._button.disabled:
            return
        self._lock(is_running=True)
        _stop_on_interrupt(self)
        self._thread = threading.Thread(target=self._apply, args=(self._answer.value.strip(),), name="apply")
        self._thread.start()

    def stop(self) -> None:
        """Start nothing more; what is under way comes to its end, and is told."""
        self._stop.disabled = True
        self._stop_asked.set()

    def stop_if_asked(self) -> None:
        """Raise a `KeyboardInterrupt`, as Ctrl+C does where no box is, once somebody has asked to stop."""
        if self._stop_asked.is_set():
            raise KeyboardInterrupt

    def observe(self, event: ChangeOutcome | Change) -> None:
        """Show that a change starts, unless somebody has asked to stop, or what became of it."""
        if isinstance(event, Change):
            self.stop_if_asked()
            self._running[event.id] = event
        else:
            self._running.pop(event.change.id, None)
            self._outcomes[event.change.id] = event
        self._said.value = progress_html(self._plan, self._outcomes.values(), self._running.values())

    def _lock(self, *, is_running: bool) -> None:
        """Have either the question or Stop work, whichever there is a use for."""
        self._stop_asked.clear()
        self._button.disabled = self._answer.disabled = is_running
        self._stop.disabled = False
        self._stop.layout.display = "" if is_running else "none"

    def wait(self) -> None:
        """Wait until the plan is carried out."""
        if self._thread:
            self._thread.join()

    def _apply(self, consent: str) -> None:
        try:
            self.outcome = self._carry_on(consent, self)
        except InputError as error:
            self._said.value = _stop_html(error.lines())
        except (ConsentError, HeldError) as error:
            self._lock(is_running=False)
            self._said.value = _stop_html(error.lines())
        except DialtoneError as error:
            self._said.value += _stop_html(
                error.lines(), "Run the runbook again from its plan: it finds what was done."
            )
        except KeyboardInterrupt:
            self._said.value += _stop_html(["Stopped, as you asked."], "To go on, run the runbook again from its plan.")
        except Exception as error:
            # No cell runs that could show it, so the box does; then it is raised, for the thread's own hook.
            self._said.value += _stop_html([f"{type(error).__name__}: {error}"], "This is a fault of the program.")
            raise
        else:
            show_page(self._page, self._outcome_html(self.outcome))
            self._box.children = [self._page]
            self._handle.update(self.outcome)


def _stop_on_interrupt(box: ConsentBox[Any]) -> None:
    """Have Kernel > Interrupt stop the box's plan as its button does, as long as no cell runs, which it would end.

    A kernel ignores SIGINT while it is idle, as it is while the plan is carried out in a thread. ipykernel puts back
    after each message the handler that it found before it: ours has to be the one found before this click.
    """
    kernel = getattr(sys.modules["IPython"].get_ipython(), "kernel", None) if "IPython" in sys.modules else None
    if kernel is not None:
        kernel.saved_sigint_handler = lambda *_: box.stop()


def _stop_html(lines: list[str], advice: str = "") -> str:
    return render("notice", lines=[*lines, *filter(None, [advice])], role="stop", is_danger=False)
