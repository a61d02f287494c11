"""How what came of a plan looks: what went well in a few rows, what did not by itself, with what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from dialtone_nb.display.plans import consent_html, noun, plan_html
from dialtone_nb.display.tables import body, names_html, row, table
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.record import RECORD, Applied, record_folder
from dialtone_nb.infrastructure.resources.model import shortened

MARK = {Status.DONE: "✓", Status.FAILED: "✗", Status.UNKNOWN: "?", Status.NOT_DONE: "·"}
_ROLE = {Status.DONE: "done", Status.FAILED: "failed", Status.UNKNOWN: "unknown", Status.NOT_DONE: "none"}
_ADVICE = {
    Status.FAILED: "Nothing came of this change. Put right what the message says and run the runbook again from its "
    "plan: what is done is found and kept, the rest is done.",
    Status.UNKNOWN: "This change may have happened or not. Run the runbook again from its plan: it looks first, so "
    "that nothing is made twice.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One change as it stands: its mark, the class that colours it, and what is said of it."""

    change: Change
    mark: str
    role: str
    told: str
    error: str = ""


def applied_text(applied: Applied) -> str:
    """What came of a plan, a line for neighbours that came out alike."""
    lines = [applied.summary]
    for group in grouped_lines(map(_line, applied.outcomes)):
        keys = ", ".join(shortened(line.change.key) for line in group)
        lines.append(
            f"{group[0].mark} {_what(group)} {keys}: {'; '.join(filter(None, (group[0].told, group[0].error)))}"
        )
    lines += [f"what to do: {advice}" for _, advice in stops(applied)]
    if applied.check is not None:
        lines.append(f"check: {applied.check.summary}")
    if applied.record is not None:
        lines.append(f"record: {applied.record.fingerprint}, in {record_folder(applied.plan)}/{RECORD}")
    return "\n".join([*lines, *applied.said])


def applied_html(applied: Applied) -> str:
    """What came of a plan: what stopped it, a table of what was done and what was not, the check and the record."""
    role = ' class="good"' if applied.outcomes and applied.is_complete else ""
    parts = [f'<div class="dialtone dialtone-applied"><p><b{role}>{escape(applied.summary)}</b></p>']
    if not applied.outcomes and not applied.plan.is_empty:
        parts.append(f"<p>To apply it, run again with this as consent: {consent_html(applied.plan)}.</p>")
    parts += [_stop_html(one, advice) for one, advice in stops(applied)]
    if applied.outcomes:
        parts.append(_table(map(_line, applied.outcomes)))
    if applied.check is not None:
        parts.append(f"<p>Check, by planning once more: {escape(applied.check.summary)}.</p>")
        if not applied.check.is_empty:
            parts.append(plan_html(applied.check, asks=False))
    if applied.record is not None:
        where = f"{record_folder(applied.plan)}/{RECORD}"
        parts.append(f"<p>Record: <code>{applied.record.fingerprint}</code>, one line in <code>{where}</code>.</p>")
    parts += [f"<p>{escape(line)}</p>" for line in applied.said]
    return "".join([*parts, "</div>"])


def progress_html(plan: Plan, outcomes: Collection[ChangeOutcome], running: Collection[Change]) -> str:
    """How far an apply has come: a bar, what is being done, and every change as it stands."""
    settled = {one.change.id: _line(one) for one in outcomes}
    now = {change.id for change in running}
    lines = [
        settled.get(change.id)
        or (Line(change, "…", "update", "under way") if change.id in now else Line(change, "·", "none", "waits"))
        for change in plan.changes
    ]
    count, total = len(settled), len(plan.changes)
    doing = "; ".join(map(_told, running)) or "checking, by planning once more"
    return (
        f'<div class="dialtone dialtone-progress"><p role="status">{count} of {total} changes; now: {escape(doing)}</p>'
        f'<progress max="{total}" value="{count}" aria-label="changes done"></progress>{_table(lines)}</div>'
    )


def grouped_lines(lines: Iterable[Line]) -> list[list[Line]]:
    """Neighbours of one kind that came out alike; what failed stands by itself."""

    def likeness(line: Line) -> object:
        alone = line.change.key if line.role in (_ROLE[Status.FAILED], _ROLE[Status.UNKNOWN]) else ""
        return line.change.action, line.change.kind, line.mark, line.told, alone

    return [list(group) for _, group in groupby(lines, likeness)]


def stops(applied: Applied) -> list[tuple[ChangeOutcome, str]]:
    """The changes that stopped the run, each with what to do about it."""
    return [(one, _ADVICE[one.status]) for one in applied.outcomes if one.status in _ADVICE]


def _line(one: ChangeOutcome) -> Line:
    told = "; ".join(filter(None, (str(one.status), one.note)))
    return Line(one.change, MARK[one.status], _ROLE[one.status], told, one.error)


def _table(lines: Iterable[Line]) -> str:
    rooms = groupby(grouped_lines(lines), lambda group: group[0].change.kind.group)
    bodies = (body(map(_group_row, inside), room, columns=3) for room, inside in rooms)
    return table(("change", "which", "outcome"), bodies)


def _group_row(group: Sequence[Line]) -> str:
    first = group[0]
    sign = f'<span class="sign">{first.mark}</span>{_what(group)}'
    return row((sign, names_html([shortened(line.change.key) for line in group]), escape(first.told)), first.role)


def _stop_html(one: ChangeOutcome, advice: str) -> str:
    return (
        f'<div class="stop"><p class="danger">{MARK[one.status]} {escape(_told(one.change))}</p>'
        f"<p>{escape(one.error)}</p><p>{escape(advice)}</p></div>"
    )


def _told(change: Change) -> str:
    return f"{change.action} {change.kind} {shortened(change.key)}"


def _what(group: Sequence[Line]) -> str:
    return f"{group[0].change.action} {noun([line.change for line in group])}"
