"""The question under a plan in JupyterLab: consent is typed, then Apply works; progress, check and record follow."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from dialtone_nb.applied import Applied
from dialtone_nb.apply import Outcome, Status
from dialtone_nb.display.plans import applied_html, consent_words
from dialtone_nb.errors import ConsentError, DialtoneError
from dialtone_nb.plan import Change, Plan, check_consent

CarryOn = Callable[[str, Callable[[Outcome | Change], None]], Applied]


class ConsentBox:
    """A box that asks for consent and, once it fits the plan, carries it out in the same output."""

    def __init__(self, plan: Plan, carry_on: CarryOn) -> None:
        self._plan = plan
        self._carry_on = carry_on
        self.applied: Applied | None = None

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget())  # type: ignore[no-untyped-call]

    def widget(self) -> Any:
        """The box as an ipywidget."""
        import ipywidgets

        question = ipywidgets.HTML(
            f"<p>{escape(self._plan.title)}: {escape(self._plan.summary)}. Nothing is done yet. "
            f"To apply it, type {escape(consent_words(self._plan))}.</p>"
        )
        self._answer = ipywidgets.Text(placeholder="consent", description="Consent", continuous_update=True)
        self._button = ipywidgets.Button(description="Apply", disabled=True, button_style="warning")
        self._said = ipywidgets.HTML()
        self._answer.observe(self._on_typed, names="value")
        self._button.on_click(self._on_apply)
        return ipywidgets.VBox([question, ipywidgets.HBox([self._answer, self._button]), self._said])

    def _on_typed(self, change: Any) -> None:
        try:
            self._button.disabled = not check_consent(self._plan, change["new"].strip())
            self._said.value = ""
        except ConsentError as error:
            self._button.disabled = True
            self._said.value = f"<p>{escape(str(error))}</p>"

    def _on_apply(self, _: Any) -> None:
        # Once: what follows a click is applied, and a second click would find nothing to do.
        self._button.disabled = self._answer.disabled = True
        lines: dict[str, str] = {}

        def observe(event: Outcome | Change) -> None:
            change = event if isinstance(event, Change) else event.change
            mark = "…" if isinstance(event, Change) else "✓" if event.status is Status.DONE else "✗"
            lines[str(change.id)] = f"<div>{mark} {escape(f'{change.action} {change.id}')}</div>"
            done = sum("✓" in line for line in lines.values())
            self._said.value = f"<p>{done} of {len(self._plan.changes)} changes</p>{''.join(lines.values())}"

        try:
            self.applied = self._carry_on(self._answer.value.strip(), observe)
            self._said.value = applied_html(self.applied)
        except DialtoneError as error:
            self._said.value += "".join(f"<p><b>{escape(line)}</b></p>" for line in error.lines())
