"""How test calls look: a table, a call a row, as text and as HTML."""

from __future__ import annotations

from html import escape

from dialtone_nb.report.tables import Table
from dialtone_nb.runbooks.test_calls import PlacedCall, TestCalls

_COLUMNS = ("call", "dialled", "was to happen", "happened", "heard", "alerts", "as expected")


def calls_text(calls: TestCalls) -> str:
    """The calls for a terminal."""
    return "\n".join([calls.summary, *_registrations(calls), str(_table(calls))])


def calls_html(calls: TestCalls) -> str:
    """The calls as a table."""
    facts = "".join(f"<p>{escape(line)}</p>" for line in _registrations(calls))
    return f"<div><p><b>{escape(calls.summary)}</b></p>{facts}{_table(calls)._repr_html_()}</div>"


def _table(calls: TestCalls) -> Table:
    return Table.of(_COLUMNS, map(_row, calls.calls))


def _row(call: PlacedCall) -> tuple[str, ...]:
    verdict = "yes" if call.is_as_expected else f"no: {'; '.join(call.differences)}"
    heard, alerts = " ".join(call.heard) or "nothing", "; ".join(call.alerts) or "none"
    return (call.title, call.dialled, call.expected, call.happened, heard, alerts, verdict)


def _registrations(calls: TestCalls) -> list[str]:
    return [f"{client} registers: {where}" for client, where in calls.registered.items()]
