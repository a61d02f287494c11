"""Render test calls, as text and as HTML: one row a call, what was to happen beside what happened."""

from __future__ import annotations

from dialtone_nb.display.rendering import render
from dialtone_nb.verify.placed_calls import PlacedCall, TestCalls


def calls_text(calls: TestCalls) -> str:
    """The calls for a terminal, a few lines each."""
    lines = [calls.summary, *_registrations(calls)]
    for call in calls.calls:
        lines += [f"{_mark(call)} {call.title}: {call.dialled}", f"    was to happen: {call.expected}"]
        lines.append(f"    happened: {call.happened}")
        lines += [f"    {said}" for said in _said(call)]
        lines += [f"    differs: {difference}" for difference in call.differences]
    return "\n".join(lines)


def calls_html(calls: TestCalls) -> str:
    """The calls as a table."""
    return render("test_calls", calls=calls, registrations=_registrations(calls), mark=_mark, said=_said)


def _mark(call: PlacedCall) -> str:
    return "✓" if call.is_as_expected else "✗"


def _said(call: PlacedCall) -> list[str]:
    """What the caller heard, and what Twilio complained of."""
    return [*(f"heard: {words}" for words in call.heard), *(f"alert {alert}" for alert in call.alerts)]


def _registrations(calls: TestCalls) -> list[str]:
    return [f"{client} registers: {where}" for client, where in calls.registered.items()]
