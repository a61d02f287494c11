"""Render what came of a plan: what went well in a few rows, each failure by itself with what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from dialtone_nb.display.plans import consent_words, noun, plan_html
from dialtone_nb.display.rendering import render
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.record import RECORD, Applied, record_folder
from dialtone_nb.infrastructure.resources.model import shortened

MARK = {Status.DONE: "✓", Status.FAILED: "✗", Status.UNKNOWN: "?", Status.NOT_DONE: "·"}
_ROLE = {Status.DONE: "done", Status.FAILED: "failed", Status.UNKNOWN: "unknown", Status.NOT_DONE: "none"}
_ADVICE = {
    Status.FAILED: "This change was not made. Correct what the message says and run the runbook again from its "
    "plan: it keeps what was done and does the rest.",
    Status.UNKNOWN: "This change may have happened or not. Run the runbook again from its plan: it looks first, so "
    "that nothing is made twice.",
}


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One change as it stands: its mark, the class that colours it, and what is said of it."""

    change: Change
    mark: str
    role: str
    told: str
    error: str = ""


class _OutcomeRow(NamedTuple):
    mark: str
    role: str
    what: str
    names: Sequence[str]
    told: str


def applied_text(applied: Applied) -> str:
    """What came of a plan as text; neighbours with the same outcome share a line."""
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


def applied_lines(applied: Applied) -> list[str]:
    """What a terminal shows beside the summary, such as where the sheet is."""
    return list(applied.said)


def applied_html(applied: Applied) -> str:
    """What came of a plan: what stopped it, a table of what was done and what was not, the check and the record."""
    is_left = applied.check is not None and not applied.check.is_empty
    return render(
        "applied",
        applied=applied,
        consent_words=consent_words(applied.plan),
        stops=[(MARK[one.status], _told(one.change), one.error, advice) for one, advice in stops(applied)],
        rooms=_rooms(map(_line, applied.outcomes)),
        left_to_do=plan_html(applied.check, asks=False) if applied.check and is_left else "",
        record_file=f"{record_folder(applied.plan).as_posix()}/{RECORD}",
    )


def progress_html(plan: Plan, outcomes: Collection[ChangeOutcome], running: Collection[Change]) -> str:
    """How far an apply has come: a bar, what is being done, and every change as it stands."""
    settled = {one.change.id: _line(one) for one in outcomes}
    now = {change.id for change in running}
    lines = [
        settled.get(change.id)
        or (
            ChangeLine(change, "…", "update", "under way")
            if change.id in now
            else ChangeLine(change, "·", "none", "waits")
        )
        for change in plan.changes
    ]
    return render(
        "progress",
        count=len(settled),
        total=len(plan.changes),
        doing="; ".join(map(_told, running)) or "checking, by planning once more",
        rooms=_rooms(lines),
    )


def grouped_lines(lines: Iterable[ChangeLine]) -> list[list[ChangeLine]]:
    """Neighbours of one kind with the same outcome, as groups; each failure is a group of its own."""

    def likeness(line: ChangeLine) -> object:
        alone = line.change.key if line.role in (_ROLE[Status.FAILED], _ROLE[Status.UNKNOWN]) else ""
        return line.change.action, line.change.kind, line.mark, line.told, alone

    return [list(group) for _, group in groupby(lines, likeness)]


def stops(applied: Applied) -> list[tuple[ChangeOutcome, str]]:
    """The changes that stopped the run, each with what to do about it."""
    return [(one, _ADVICE[one.status]) for one in applied.outcomes if one.status in _ADVICE]


def _line(one: ChangeOutcome) -> ChangeLine:
    told = "; ".join(filter(None, (str(one.status), one.note)))
    return ChangeLine(one.change, MARK[one.status], _ROLE[one.status], told, one.error)


def _rooms(lines: Iterable[ChangeLine]) -> list[tuple[str, list[_OutcomeRow]]]:
    """Rows for the lines that read as one, under their headings."""
    rooms = groupby(grouped_lines(lines), lambda group: group[0].change.kind.group)
    return [(room, [_row(group) for group in groups]) for room, groups in rooms]


def _row(group: Sequence[ChangeLine]) -> _OutcomeRow:
    first = group[0]
    return _OutcomeRow(first.mark, first.role, _what(group), [shortened(line.change.key) for line in group], first.told)


def _told(change: Change) -> str:
    return f"{change.action} {change.kind} {shortened(change.key)}"


def _what(group: Sequence[ChangeLine]) -> str:
    return f"{group[0].change.action} {noun([line.change for line in group])}"
