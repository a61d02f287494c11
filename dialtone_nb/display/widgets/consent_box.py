"""The question under a plan in JupyterLab: consent is typed, then Apply works; progress, check and record follow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from dialtone_nb.display.applied import applied_html, progress_html
from dialtone_nb.display.plans import consent_words, heading
from dialtone_nb.display.rendering import render, with_style
from dialtone_nb.display.widgets.box import page_widget, show_box, show_page
from dialtone_nb.errors import ConsentError, DialtoneError, HeldError, InputError
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.plan import Change, Plan, check_consent
from dialtone_nb.infrastructure.record import Applied
from dialtone_nb.infrastructure.resources.model import Id

# ipywidgets' own warning style has white on orange, which few can read.
_AMBER, _INK = "#f0a43c", "#1c2128"

AGAIN = (
    "Choose Run, Run All Cells: the new plan has what is still to do, and if an apply was under way, says whose it is."
)

CarryOn = Callable[[str, Callable[[ChangeOutcome | Change], None]], Applied]


class ConsentBox:
    """A box that asks for consent and, once it fits the plan, carries it out in the same output.

    When all is done that output becomes what an unattended run shows, so that is what a saved notebook keeps. A page
    that was loaded again in the meantime can't be told so, and finds the same in the box, which lives in the kernel.
    The kernel has to be free to answer such a page, so the plan is carried out in a thread.
    """

    def __init__(self, plan: Plan, carry_on: CarryOn, outcome_html: Callable[..., str] = applied_html) -> None:
        self._plan = plan
        self._carry_on = carry_on
        self._outcomes: dict[Id, ChangeOutcome] = {}
        self._running: dict[Id, Change] = {}
        self._handle: Any = None
        self._thread: threading.Thread | None = None
        self._outcome_html = outcome_html
        self.applied: Applied | None = None

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
        self._said = ipywidgets.HTML()
        self._answer.observe(self._on_typed, names="value")
        self._button.on_click(self._on_apply)
        self._outcome = page_widget()
        self._box = ipywidgets.VBox([question, ipywidgets.HBox([self._answer, self._button]), self._said])
        return self._box

    def _on_typed(self, change: Any) -> None:
        typed = change["new"].strip()
        try:
            self._button.disabled = not check_consent(self._plan, typed)
            self._said.value = ""
        except ConsentError as error:
            self._button.disabled = True
            # Who is in the middle of a word that will fit need not hear that it does not fit yet.
            self._said.value = "" if self._is_begun(typed) else _stop_html(error.lines())

    def _is_begun(self, typed: str) -> bool:
        plan = self._plan
        by_name = not (plan.is_protected or plan.grave)
        names = [*([plan.environment] if by_name else []), *(["rehearsal"] if plan.is_rehearsal else [])]
        return any(words.startswith(typed) for words in (plan.fingerprint, *names))

    def _on_apply(self, _: Any) -> None:
        # The second of two clicks comes when the first is being carried out, or was: the button is locked by then.
        if self._button.disabled:
            return
        self._button.disabled = self._answer.disabled = True
        self._thread = threading.Thread(target=self._apply, args=(self._answer.value.strip(),), name="apply")
        self._thread.start()

    def wait(self) -> None:
        """Wait until what was agreed to is carried out."""
        if self._thread:
            self._thread.join()

    def _apply(self, consent: str) -> None:
        try:
            self.applied = self._carry_on(consent, self._observe)
        except InputError as error:
            self._said.value = _stop_html(error.lines())
        except (ConsentError, HeldError) as error:
            self._button.disabled = self._answer.disabled = False
            self._said.value = _stop_html(error.lines())
        except DialtoneError as error:
            self._said.value += _stop_html(
                error.lines(), "Run the runbook again from its plan: it finds what was done."
            )
        except Exception as error:
            # No cell runs here that could show it, so the box does; then it goes where such errors go.
            self._said.value += _stop_html([f"{type(error).__name__}: {error}"], "This is a fault of the program.")
            raise
        else:
            show_page(self._outcome, self._outcome_html(self.applied))
            self._box.children = [self._outcome]
            self._handle.update(self.applied)

    def _observe(self, event: ChangeOutcome | Change) -> None:
        if isinstance(event, Change):
            self._running[event.id] = event
        else:
            self._running.pop(event.change.id, None)
            self._outcomes[event.change.id] = event
        self._said.value = progress_html(self._plan, self._outcomes.values(), self._running.values())


def _stop_html(lines: list[str], advice: str = "") -> str:
    return render("notice", lines=[*lines, *filter(None, [advice])], role="stop", is_danger=False)
