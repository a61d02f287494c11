"""How test calls look: a call a row, what was to happen beside what happened, as text and as HTML."""

from __future__ import annotations

from html import escape

from dialtone_nb.display.tables import body, name_html, row, table
from dialtone_nb.verify.placed_calls import PlacedCall, TestCalls

_COLUMNS = ("call", "was to happen", "happened", "as expected")


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
    role = "good" if calls.exit_code == 0 else "danger"
    facts = "".join(f"<p>{escape(line)}</p>" for line in _registrations(calls))
    rows = body(map(_row, calls.calls))
    heading = f'<p><b class="{role}">{escape(calls.summary)}</b></p>'
    return f'<div class="dialtone">{heading}{facts}{table(_COLUMNS, [rows])}</div>'


def _row(call: PlacedCall) -> str:
    dialled = f'<div class="quiet">{escape(call.dialled)}</div>'
    what = f'<span class="sign">{_mark(call)}</span>{escape(call.title)}{dialled}'
    happened = name_html(call.happened) + "".join(f"<div>{escape(line)}</div>" for line in _said(call))
    verdict = "yes" if call.is_as_expected else f"<b>no</b>: {escape('; '.join(call.differences))}"
    return row((what, name_html(call.expected), happened, verdict), "done" if call.is_as_expected else "failed")


def _mark(call: PlacedCall) -> str:
    return "✓" if call.is_as_expected else "✗"


def _said(call: PlacedCall) -> list[str]:
    """What the caller heard, and what Twilio complained of."""
    return [*(f"heard: {words}" for words in call.heard), *(f"alert {alert}" for alert in call.alerts)]


def _registrations(calls: TestCalls) -> list[str]:
    return [f"{client} registers: {where}" for client, where in calls.registered.items()]
