"""How IPython shows our things: registered once per session, so that plain data need not know about pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dialtone_nb.display.style import with_look

# How a runbook ended, beside what it shows, for whoever runs it: {"exit_code": 2, "summary": "…"}.
RESULT = "application/vnd.dialtone.result+json"
# A plan for other programs, as plan_schema.json has it; no page draws it.
PLAN = "application/vnd.dialtone.plan+json"
Bundle = dict[str, Any]


def show_ours(shell: Any, *, attended: bool = False) -> None:
    """Show plans and what came of them as text and as HTML from now on.

    Who sits in JupyterLab gets the style sheet with each; a page of reports/ has it already.
    """
    formatter = shell.display_formatter.mimebundle_formatter

    def plan(thing: Any) -> Bundle:
        return _plan(getattr(thing, "plan", thing), searches=attended)

    for module, name, bundle in (
        ("dialtone_nb.infrastructure.plan", "Plan", plan),
        ("dialtone_nb.infrastructure.site", "Proposal", plan),
        ("dialtone_nb.infrastructure.existing", "Existing", _existing),
        ("dialtone_nb.infrastructure.record", "Applied", _applied),
        ("dialtone_nb.verify.checks", "Verification", _verification),
        ("dialtone_nb.verify.placed_calls", "TestCalls", _test_calls),
        ("dialtone_nb.calls.now", "Snapshot", _snapshot),
        ("dialtone_nb.display.dialling", "Dialling", _dialling),
        ("dialtone_nb.display.real_phones", "RealPhone", _real_phone),
        ("dialtone_nb.display.stories", "Exploration", _exploration),
    ):
        formatter.for_type_by_name(module, name, _bundler(bundle, attended=attended))
    if attended:
        displays = shell.display_formatter.ipython_display_formatter
        displays.for_type_by_name("dialtone_nb.runbooks.opening", "Runbook", _show_with_form)


def show(thing: object) -> None:
    """Show the thing as an output of the running cell."""
    from IPython.display import display

    display(thing)  # type: ignore[no-untyped-call]


def _show_with_form(runbook: Any) -> None:
    """Show the banner of a runbook and the form under it as outputs of the running cell."""
    from dialtone_nb.display.widgets.parameter_form import make_form

    show(make_form(runbook).widget())


def result(exit_code: int, summary: str) -> Bundle:
    """What a runbook tells the command that runs it."""
    return {RESULT: {"exit_code": exit_code, "summary": summary}}


def _bundler(make: Callable[[Any], Bundle], *, attended: bool) -> Callable[..., Bundle]:
    def bundle(thing: Any, include: object = None, exclude: object = None) -> Bundle:
        made = make(thing)
        return {**made, "text/html": with_look(made["text/html"])} if attended else made

    return bundle


def _plan(plan: Any, *, searches: bool) -> Bundle:
    from dialtone_nb.display.plans import plan_html, plan_text

    page = plan_html(plan, searches=searches)
    return {"text/plain": plan_text(plan), "text/html": page, PLAN: json.loads(plan.json())}


def _existing(existing: Any) -> Bundle:
    from dialtone_nb.display.states import state_html, state_text

    return {"text/plain": state_text(existing), "text/html": state_html(existing)}


def _applied(applied: Any) -> Bundle:
    from dialtone_nb.display.outcomes import applied_html, applied_text

    return {
        "text/plain": applied_text(applied),
        "text/html": applied_html(applied),
        **result(applied.exit_code, applied.summary),
    }


def _verification(verification: Any) -> Bundle:
    from dialtone_nb.display.checks import verification_html, verification_text

    return {
        "text/plain": verification_text(verification),
        "text/html": verification_html(verification),
        **result(verification.exit_code, verification.summary),
    }


def _test_calls(calls: Any) -> Bundle:
    from dialtone_nb.display.test_calls import calls_html, calls_text

    return {
        "text/plain": calls_text(calls),
        "text/html": calls_html(calls),
        **result(calls.exit_code, calls.summary),
    }


def _snapshot(snapshot: Any) -> Bundle:
    from dialtone_nb.display.snapshots import snapshot_html, snapshot_text

    return {
        "text/plain": snapshot_text(snapshot),
        "text/html": snapshot_html(snapshot),
        **result(0, snapshot.summary),
    }


def _dialling(dialling: Any) -> Bundle:
    from dialtone_nb.display.dialling import dialling_html, dialling_text

    return {"text/plain": dialling_text(dialling), "text/html": dialling_html(dialling)}


def _real_phone(phone: Any) -> Bundle:
    from dialtone_nb.display.real_phones import real_phone_html, real_phone_text

    return {"text/plain": real_phone_text(phone), "text/html": real_phone_html(phone)}


def _exploration(exploration: Any) -> Bundle:
    from dialtone_nb.display.stories import exploration_html, exploration_text

    return {
        "text/plain": exploration_text(exploration),
        "text/html": exploration_html(exploration),
        **result(0, exploration.summary),
    }
