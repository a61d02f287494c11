"""How IPython shows our objects: registered once per session, so that plain data need not know about pages."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from dialtone_nb.display.rendering import in_lab, render, with_style
from dialtone_nb.errors import disk_error
from dialtone_nb.values.printable import printable_lines

# How a runbook ended, beside what it shows, for whoever runs it: {"exit_code": 2, "summary": "…"}.
RESULT = "application/vnd.dialtone.result+json"
# A plan for other programs, as plan_schema.json has it; no page draws it.
PLAN = "application/vnd.dialtone.plan+json"
# Lines that the command that runs a runbook prints as well, so that nobody at a terminal needs the page for them.
LINES = "application/vnd.dialtone.lines+json"
# The line in the place of a figure or table that has nothing to show: pages gather these.
LINE = "application/vnd.dialtone.line+json"
PLOTLY = "application/vnd.plotly.v1+json"
Bundle = dict[str, Any]


def show_ours(shell: Any, *, attended: bool = False) -> None:
    """Show our objects as text and as HTML from now on, and figures, plotly's own too, as their JSON.

    In JupyterLab each output has the style sheet with it; a page of reports/ has it already.
    """
    formatter = shell.display_formatter.mimebundle_formatter
    shell.display_formatter.format = _printable_text(shell.display_formatter.format)
    shell.showtraceback = _telling_of_the_disk(shell.showtraceback)

    def plan(thing: Any) -> Bundle:
        return _plan(getattr(thing, "plan", thing), searches=attended)

    for module, name, bundle in (
        ("dialtone_nb.infrastructure.plan", "Plan", plan),
        ("dialtone_nb.infrastructure.site", "Proposal", plan),
        ("dialtone_nb.runbooks.probe", "ProbePlan", plan),
        ("dialtone_nb.probe.findings", "Findings", _shown_by("findings", "findings", ends=True)),
        ("dialtone_nb.alarms.book", "Look", _shown_by("alarms", "look", ends=True, prints=True)),
        ("dialtone_nb.infrastructure.existing", "Existing", _shown_by("existing", "state")),
        ("dialtone_nb.infrastructure.record", "Applied", _shown_by("applied", "applied", ends=True, prints=True)),
        ("dialtone_nb.verify.checks", "Verification", _shown_by("checks", "verification", ends=True, prints=True)),
        ("dialtone_nb.verify.diagnosis", "Diagnosis", _shown_by("diagnosis", "diagnosis", ends=True, prints=True)),
        ("dialtone_nb.verify.placed_calls", "TestCalls", _shown_by("telephony.test_calls", "calls", ends=True)),
        ("dialtone_nb.calls.now", "Snapshot", _shown_by("telephony.snapshots", "snapshot", ends=True)),
        ("dialtone_nb.display.telephony.what_if", "WhatIf", _shown_by("telephony.what_if", "what_if")),
        ("dialtone_nb.display.telephony.real_phones", "RealPhone", _shown_by("telephony.real_phones", "real_phone")),
        ("dialtone_nb.display.telephony.phones", "PhoneOverview", _shown_by("telephony.phones", "phones", ends=True)),
        (
            "dialtone_nb.display.telephony.call_story",
            "Exploration",
            _shown_by("telephony.call_story", "exploration", ends=True),
        ),
    ):
        formatter.for_type_by_name(module, name, _bundler(bundle, attended=attended))
    displays = shell.display_formatter.ipython_display_formatter
    displays.for_type_by_name("dialtone_nb.calls.figures.figure", "Figure", _draw)
    displays.for_type_by_name("plotly.graph_objs._figure", "Figure", _draw)
    if attended:
        displays.for_type_by_name("dialtone_nb.runbooks.steps.opening", "Runbook", _show_with_form)


def show(thing: object) -> None:
    """Show the thing as an output of the running cell."""
    from IPython.display import display

    display(thing)  # type: ignore[no-untyped-call]


def _show_with_form(runbook: Any) -> None:
    """Show the banner of a runbook and the form under it as outputs of the running cell."""
    from dialtone_nb.display.widgets.parameter_form import make_form

    make_form(runbook).show()


def result(exit_code: int, summary: str) -> Bundle:
    """Tell the command that runs a runbook how it ended."""
    return {RESULT: {"exit_code": exit_code, "summary": summary}}


def _printable_text(form: Callable[..., tuple[Bundle, Bundle]]) -> Callable[..., tuple[Bundle, Bundle]]:
    """The formatter, with text/plain safe for a terminal: a caller's name may hold escapes, in a pandas table too."""

    def printable_form(*arguments: Any, **options: Any) -> tuple[Bundle, Bundle]:
        bundle, metadata = form(*arguments, **options)
        if isinstance(text := bundle.get("text/plain"), str):
            bundle["text/plain"] = printable_lines(text)
        return bundle, metadata

    return printable_form


def _telling_of_the_disk(show: Callable[..., None]) -> Callable[..., None]:
    """The shell's way to show an error, with one line for what the disk refused, as the commands have it."""

    def show_error(exc_tuple: Any = None, *arguments: Any, **options: Any) -> None:
        found = exc_tuple or sys.exc_info()
        if told := disk_error(found[1]):
            found = (type(told), told, found[2])
        show(found, *arguments, **options)

    return show_error


def _bundler(make: Callable[[Any], Bundle], *, attended: bool) -> Callable[..., Bundle]:
    def bundle(thing: Any, include: object = None, exclude: object = None) -> Bundle:
        made = make(thing)
        return {**made, "text/html": with_style(in_lab(made["text/html"]))} if attended else made

    return bundle


def _plan(plan: Any, *, searches: bool) -> Bundle:
    from dialtone_nb.display.plans import plan_html, plan_text

    page = plan_html(plan, searches=searches)
    return {"text/plain": plan_text(plan), "text/html": page, PLAN: json.loads(plan.json())}


def _shown_by(display: str, name: str, *, ends: bool = False, prints: bool = False) -> Callable[[Any], Bundle]:
    """Show a thing by the functions `name`_text and `name`_html of a display module, which is imported when needed.

    A thing that `ends` a runbook adds its exit code and summary; one that `prints`, by the function `name`_lines, what
    a terminal shows beside that.
    """

    def bundle(thing: Any) -> Bundle:
        module = import_module(f"dialtone_nb.display.{display}")
        shown: Bundle = {
            "text/plain": getattr(module, f"{name}_text")(thing),
            "text/html": getattr(module, f"{name}_html")(thing),
        }
        if prints and (lines := getattr(module, f"{name}_lines")(thing)):
            shown[LINES] = lines
        return {**shown, **result(getattr(thing, "exit_code", 0), thing.summary)} if ends else shown

    return bundle


def _draw(figure: Any) -> None:
    from IPython.display import display

    display(figure_bundle(figure), raw=True)  # type: ignore[no-untyped-call]


def line_of(thing: Any) -> str:
    """The line in the place of a figure or table that has nothing to show; empty where it has."""
    return str(getattr(thing, "line", "") or getattr(thing, "left_out", None) or "")


def line_bundle(thing: Any) -> Bundle:
    """The same as an output, which says what is left out; empty where there is something to show."""
    if not (line := line_of(thing)):
        return {}
    told = {"line": line} if thing.line else {"left_out": thing.left_out.what, "why": thing.left_out.why}
    return {"text/plain": line, "text/html": render("line", line=line), LINE: told}


def figure_bundle(figure: Any) -> Bundle:
    """A plotly figure as a notebook keeps it: its JSON alone, which JupyterLab draws and nbval compares, and a word.

    Where it has nothing to show, the line that says so. Plotly's own way imports a second's worth of libraries before
    the first figure, and its notebook renderers put random ids and the whole of plotly.js into the output.
    """
    import orjson

    if line := line_bundle(figure):
        return line
    shown = orjson.loads(figure.to_json())
    return {PLOTLY: {"data": shown["data"], "layout": shown["layout"]}, "text/plain": "<figure>"}
