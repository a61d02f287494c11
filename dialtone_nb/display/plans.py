"""How a plan and what came of it look: text for a terminal, HTML for a page, the same facts in both."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from dialtone_nb.applied import Applied
from dialtone_nb.apply import Outcome, Status
from dialtone_nb.plan import Action, Change, Plan, readable
from dialtone_nb.record import RECORD, record_folder
from dialtone_nb.resources.model import Kind

_SIGN = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "−"}
_MARK = {Status.DONE: "✓", Status.FAILED: "✗", Status.UNKNOWN: "?", Status.NOT_DONE: "·"}
_COLOUR = {Action.CREATE: "#1a7f37", Action.UPDATE: "#9a6700", Action.DELETE: "#cf222e"}
# The longest difference that is shown whole; the rest is in the files.
DETAIL_LINES = 60


def plan_text(plan: Plan) -> str:
    """The plan, a line a change, and under it what differs."""
    lines = [f"{plan.title}: {plan.summary}"]
    groups = grouped(plan.changes)
    width = max((len(_noun(group)) for group in groups), default=0)
    for group in groups:
        change = group[0]
        keys = ", ".join(one.key for one in group)
        lines.append(f"{_SIGN[change.action]} {_noun(group):<{width}}  {keys}  ({change.why})")
        lines += [f"    {name}: {text}" for name, text in field_lines(change) if len(group) == 1]
        lines += [f"    ! {remark}" for remark in remarks(change)]
        lines += [f"    | {line}" for line in _shortened(change.detail)]
    lines += [f"note: {note}" for note in plan.notes]
    if not plan.is_empty:
        lines.append(f"consent: {consent_words(plan)}")
    return "\n".join(lines)


def plan_html(plan: Plan) -> str:
    """The plan as a table that folds its details."""
    notes = "".join(f"<li>{escape(note)}</li>" for note in plan.notes)
    parts = [f'<div class="dialtone-plan"><p><b>{escape(plan.title)}</b>: {escape(plan.summary)}</p>']
    if not plan.is_empty:
        parts.append(_table(("", "what", "which", "why", "mind"), "".join(map(_group_row, grouped(plan.changes)))))
    if notes:
        parts.append(f"<p>Left alone, or to know:</p><ul>{notes}</ul>")
    if not plan.is_empty:
        parts.append(f"<p>Consent: {_marked(plan)}</p>")
    return "".join([*parts, "</div>"])


def applied_text(applied: Applied) -> str:
    """What came of a plan, a line a change."""
    lines = [applied.summary]
    for one in applied.outcomes:
        change = one.change
        lines.append(f"{_MARK[one.status]} {change.action} {change.kind} {change.key}: {_told(one)}")
    if applied.check is not None:
        lines.append(f"check: {applied.check.summary}")
    if applied.record is not None:
        lines.append(f"record: {applied.record.fingerprint}, in {record_folder(applied.plan)}/{RECORD}")
    return "\n".join([*lines, *applied.said])


def applied_html(applied: Applied) -> str:
    """What came of a plan as a table, with the check and the record under it."""
    parts = [f'<div class="dialtone-applied"><p><b>{escape(applied.summary)}</b></p>']
    if applied.outcomes:
        rows = "".join(
            f"<tr><td>{_MARK[one.status]}</td>{_cell(f'{one.change.action} {one.change.kind}')}"
            f"{_cell(one.change.key)}{_cell(_told(one))}</tr>"
            for one in applied.outcomes
        )
        parts.append(_table(("", "what", "which", "outcome"), rows))
    if applied.check is not None:
        parts.append(f"<p>Check, by planning once more: {escape(applied.check.summary)}.</p>")
        if not applied.check.is_empty:
            parts.append(plan_html(applied.check))
    if applied.record is not None:
        parts.append(
            f"<p>Record: {applied.record.fingerprint}, one line in {record_folder(applied.plan)}/{RECORD}.</p>"
        )
    parts += [f"<p>{escape(line)}</p>" for line in applied.said]
    return "".join([*parts, "</div>"])


def consent_words(plan: Plan) -> str:
    """What may be given as consent."""
    if plan.is_rehearsal:
        return f'"rehearsal", or this plan\'s fingerprint "{plan.fingerprint}"'
    if plan.is_protected:
        return f'this plan\'s fingerprint "{plan.fingerprint}" ({plan.environment} is protected)'
    return f'"{plan.environment}", or this plan\'s fingerprint "{plan.fingerprint}"'


def grouped(changes: Sequence[Change]) -> list[list[Change]]:
    """Changes that read as one: neighbours of one kind with nothing to tell apart but their names."""

    def likeness(change: Change) -> object:
        plain = change.kind is Kind.FUNCTION_VERSION or not field_lines(change)
        alone = () if plain and not change.detail else (change.key,)
        return change.action, change.kind, change.why, tuple(remarks(change)), alone

    return [list(group) for _, group in groupby(changes, likeness)]


def field_lines(change: Change) -> list[tuple[str, str]]:
    """The fields that a change sets, each with what was and what will be; a creation's empty fields are left out."""
    if change.action is Action.CREATE:
        return [(name, readable(value)) for name, value in change.after.items() if value not in ("", None, False)]
    if change.action is Action.DELETE:
        return []
    return [(name, f"{readable(change.before.get(name))} → {readable(value)}") for name, value in change.after.items()]


def remarks(change: Change) -> list[str]:
    """Money and danger, and how it is undone where that is not plain."""
    costs = [f"costs {change.cost}"] if change.cost else []
    warnings = [change.warning] if change.warning else []
    undo = [f"to undo: {change.undo}"] if warnings or costs else []
    return [*costs, *warnings, *undo]


def _group_row(group: Sequence[Change]) -> str:
    change = group[0]
    fields = field_lines(change) if len(group) == 1 else []
    rows = "".join(f"<div><code>{escape(name)}</code> {escape(text)}</div>" for name, text in fields)
    heading = f"{len(fields)} setting{'s' if len(fields) != 1 else ''}"
    folded = f"<details><summary>{heading}</summary>{rows}</details>" if fields else ""
    diff = _diff_html(change.detail) if change.detail else ""
    mind = "".join(f"<div>{escape(remark)}</div>" for remark in remarks(change))
    keys = "<br>".join(escape(one.key) for one in group)
    return (
        f'<tr><td style="color:{_COLOUR[change.action]};font-weight:700">{_SIGN[change.action]}</td>'
        f'{_cell(f"{change.action} {_noun(group)}")}<td style="text-align:left">{keys}{folded}{diff}</td>'
        f'{_cell(change.why)}<td style="text-align:left">{mind}</td></tr>'
    )


def _noun(group: Sequence[Change]) -> str:
    return f"{len(group)} {group[0].kind}s" if len(group) > 1 else str(group[0].kind)


def _diff_html(lines: tuple[str, ...]) -> str:
    colours = {"+": _COLOUR[Action.CREATE], "-": _COLOUR[Action.DELETE]}
    shown = "\n".join(
        f'<span style="color:{colours.get(line[:1], "inherit")}">{escape(line)}</span>' for line in _shortened(lines)
    )
    return f"<details><summary>what differs</summary><pre style='text-align:left;margin:0'>{shown}</pre></details>"


def _shortened(lines: tuple[str, ...]) -> list[str]:
    if len(lines) <= DETAIL_LINES:
        return list(lines)
    return [*lines[:DETAIL_LINES], f"… and {len(lines) - DETAIL_LINES} lines more"]


def _told(one: Outcome) -> str:
    return "; ".join([str(one.status), *([one.note] if one.note else []), *([one.error] if one.error else [])])


def _marked(plan: Plan) -> str:
    return escape(consent_words(plan)).replace(plan.fingerprint, f"<code>{plan.fingerprint}</code>")


def _cell(text: str) -> str:
    return f'<td style="text-align:left">{escape(text)}</td>'


def _table(columns: tuple[str, ...], rows: str) -> str:
    head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in columns)
    return f'<table class="dialtone-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
