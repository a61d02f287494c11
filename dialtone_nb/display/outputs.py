"""How IPython shows our things: registered once per session, so that plain data need not know about pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# How a runbook ended, beside what it shows, for whoever runs it: {"exit_code": 2, "summary": "…"}.
RESULT = "application/vnd.dialtone.result+json"
Bundle = dict[str, Any]


def show_ours(shell: Any) -> None:
    """Nothing; from now on a plan and what came of it are shown as text and as HTML."""
    formatter = shell.display_formatter.mimebundle_formatter
    for module, name, bundle in (
        ("dialtone_nb.plan", "Plan", _plan),
        ("dialtone_nb.runbooks.site", "Proposal", _proposal),
        ("dialtone_nb.existing", "Existing", _existing),
        ("dialtone_nb.applied", "Applied", _applied),
    ):
        formatter.for_type_by_name(module, name, _bundler(bundle))


def show(thing: object) -> None:
    """Nothing; the thing is an output of the running cell."""
    from IPython.display import display

    display(thing)  # type: ignore[no-untyped-call]


def result(exit_code: int, summary: str) -> Bundle:
    """What a runbook tells the command that runs it."""
    return {RESULT: {"exit_code": exit_code, "summary": summary}}


def _bundler(make: Callable[[Any], Bundle]) -> Callable[..., Bundle]:
    def bundle(thing: Any, include: object = None, exclude: object = None) -> Bundle:
        return make(thing)

    return bundle


def _plan(plan: Any) -> Bundle:
    from dialtone_nb.display.plans import plan_html, plan_text

    return {"text/plain": plan_text(plan), "text/html": plan_html(plan)}


def _proposal(proposal: Any) -> Bundle:
    return _plan(proposal.plan)


def _existing(existing: Any) -> Bundle:
    from dialtone_nb.display.states import state_html, state_text

    return {"text/plain": state_text(existing), "text/html": state_html(existing)}


def _applied(applied: Any) -> Bundle:
    from dialtone_nb.display.plans import applied_html, applied_text

    return {
        "text/plain": applied_text(applied),
        "text/html": applied_html(applied),
        **result(applied.exit_code, applied.summary),
    }
