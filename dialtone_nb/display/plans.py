"""How a plan looks: text for a terminal, HTML for a page, the same facts in both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from dialtone_nb.display.plan_filters import filters_html
from dialtone_nb.display.tables import body, detail_row, names_html, row, table
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.resources.model import Action, readable, shortened

SIGN = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "−"}
# Pages of reports run no script; an output in JupyterLab may. Where it may not, its onclick is gone, and the button
# stays hidden: then a click on the fingerprint selects all of it. Over plain HTTP there is no clipboard to write to.
_COPY = (
    "const text = this.previousElementSibling, copied = () => { this.textContent = 'copied' };"
    " getSelection().selectAllChildren(text);"
    " const select = () => document.execCommand('copy') && copied();"
    " navigator.clipboard ? navigator.clipboard.writeText(text.textContent).then(copied, select) : select()"
)
# The longest difference that is shown whole, the rest is in the files; and the longest that need not be unfolded.
DETAIL_LINES = 60
OPEN_LINES = 24


def plan_text(plan: Plan) -> str:
    """The plan, a line a change, and under it what differs."""
    lines = [heading(plan)]
    groups = grouped(plan.changes)
    width = max((len(noun(group)) for group in groups), default=0)
    for group in groups:
        change = group[0]
        keys = ", ".join(shortened(one.key) for one in group)
        lines.append(f"{SIGN[change.action]} {noun(group):<{width}}  {keys}  ({change.why})")
        lines += [f"    {name}: {_told(old, new)}" for name, old, new in field_lines(change) if len(group) == 1]
        lines += [f"    ! {remark}" for _, remark in remarks(change)]
        lines += [f"    | {line}" for line in _shortened(change.detail)]
    lines += [f"note: {note}" for note in plan.notes]
    if not plan.is_empty:
        lines.append(f"consent: {consent_words(plan)}")
    return "\n".join(lines)


def plan_html(plan: Plan, *, asks: bool = True, searches: bool = False) -> str:
    """The plan as tables that fold and filter; `asks` adds what may be given as consent.

    `searches` adds a field for words and a button that copies the fingerprint. Both need a script, which a page of
    reports does not run; folding and the other filters need none.
    """
    first, _, rest = heading(plan).partition(": ")
    parts = [f'<div class="dialtone dialtone-plan"><p><b>{escape(first)}</b>: {escape(rest)}</p>']
    groups = grouped(plan.changes)
    minded = sum(bool(remarks(group[0])) for group in groups)
    parts.append(filters_html(plan.changes, len(groups), minded, searches=searches))
    parts += _rooms_html(groups)
    if plan.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in plan.notes)
        parts.append(f'<p class="quiet">Left alone, or to know:</p><ul class="quiet">{notes}</ul>')
    if asks and not plan.is_empty:
        parts.append(f"<p>To agree to it: {consent_html(plan, copies=searches)}.</p>")
    return "".join([*parts, "</div>"])


def heading(plan: Plan) -> str:
    """One line: how much of what, and what it costs."""
    return f"{plan.title}: {'; '.join([plan.summary, *costs_of(plan.changes)])}"


def costs_of(changes: Iterable[Change]) -> list[str]:
    """What changes cost together, a phrase a price."""
    costs = Counter(change.cost for change in changes if change.cost)
    return [f"costs {f'{count} times ' if count > 1 else ''}{cost}" for cost, count in costs.items()]


def consent_words(plan: Plan) -> str:
    """What may be given as consent."""
    if plan.is_rehearsal:
        return f'"rehearsal", or this plan\'s fingerprint "{plan.fingerprint}"'
    if plan.is_protected:
        return f'this plan\'s fingerprint "{plan.fingerprint}" ({plan.environment} is protected)'
    if plan.grave:
        return f'this plan\'s fingerprint "{plan.fingerprint}" (it {" and ".join(plan.grave)})'
    return f'"{plan.environment}", or this plan\'s fingerprint "{plan.fingerprint}"'


def consent_html(plan: Plan, *, copies: bool = False) -> str:
    """The same words, with what is to be typed set apart; `copies` adds a button that copies the fingerprint."""
    words = re.sub("&quot;(.+?)&quot;", r"<code>\1</code>", escape(consent_words(plan)))
    shown = f'<code class="fingerprint">{plan.fingerprint}</code>'
    if copies:
        # JupyterLab's own shortcuts would take Enter and the space bar from a button in an output.
        shown += (
            ' <button type="button" class="copy" hidden aria-live="polite" data-lm-suppress-shortcuts="true"'
            f' onclick="{escape(_COPY)}">copy</button>'
        )
    return words.replace(f"<code>{plan.fingerprint}</code>", shown)


def grouped(changes: Sequence[Change]) -> list[list[Change]]:
    """Changes that read as one: neighbours of one kind with nothing to tell apart but their names."""

    def likeness(change: Change) -> object:
        # Of a new version there is nothing to tell but its path; who may ask for an old one is no small matter.
        is_new_version = bool(change.kind.unread_fields) and change.action is Action.CREATE
        plain = is_new_version or not field_lines(change)
        alone = () if plain and not change.detail else (change.key,)
        return change.action, change.kind, change.why, tuple(remarks(change)), alone

    return [list(group) for _, group in groupby(changes, likeness)]


def noun(group: Sequence[Change]) -> str:
    """What a group is of, counted where it is of several."""
    return group[0].kind.counted(len(group))


def field_lines(change: Change) -> list[tuple[str, str, str]]:
    """The fields that a change sets: name, what was and what will be; a creation has no past, nor empty fields."""
    fields = {name: value for name, value in change.after.items() if name not in change.kind.unread_fields}
    if change.action is Action.CREATE:
        return [(name, "", readable(value)) for name, value in fields.items() if value not in ("", None, False)]
    if change.action is Action.DELETE:
        return []
    return [(name, readable(change.before.get(name)), readable(value)) for name, value in fields.items()]


def remarks(change: Change) -> list[tuple[str, str]]:
    """Money and danger, and how it is undone where that is not plain; each with the class that marks it."""
    costs = [("cost", f"costs {change.cost}")] if change.cost else []
    warnings = [("danger", change.warning)] if change.warning else []
    undo = [("undo", f"to undo: {change.undo}")] if warnings or costs else []
    return [*costs, *warnings, *undo]


def _rooms_html(groups: Iterable[Sequence[Change]]) -> Iterator[str]:
    """Each room folds by itself; what it costs and endangers stands on it, for nobody to overlook what is folded."""
    for number, (room, inside) in enumerate(groupby(groups, lambda group: group[0].kind.group)):
        rows = list(inside)
        changes = [change for group in rows for change in group]
        told = [f"{len(changes)} change{'s' if len(changes) > 1 else ''}"]
        told += [f'<span class="cost">{escape(cost)}</span>' for cost in costs_of(changes)]
        warned = sum(bool(change.warning) for change in changes)
        told += [f'<span class="danger">{warned} with a warning</span>'] if warned else []
        bodies = (body([_group_row(group)], role=_role(group)) for group in rows)
        shown = table(("change", "which", "why, and what to mind"), bodies, repeats=number > 0)
        summary = f'<b class="room-name">{escape(room)}</b> {" · ".join(told)}'
        yield f'<details class="fold" open><summary>{summary}</summary>{shown}</details>'


def _role(group: Sequence[Change]) -> str:
    return f"change {group[0].action}{' minded' if remarks(group[0]) else ''}"


def _group_row(group: Sequence[Change]) -> str:
    change = group[0]
    sign = f'<span class="sign">{SIGN[change.action]}</span>{change.action} {noun(group)}'
    fields = field_lines(change) if len(group) == 1 else []
    mind = "".join(f'<div class="{role}">{escape(remark)}</div>' for role, remark in remarks(change))
    which = names_html([shortened(one.key) for one in group]) + _fields_html(fields)
    cells = sign, which, f'<div class="quiet">{escape(change.why)}</div>{mind}'
    if not change.detail:
        return row(cells, str(change.action))
    return row(cells, f"{change.action} has-detail") + detail_row(_diff_html(change.detail))


def _fields_html(fields: Sequence[tuple[str, str, str]]) -> str:
    """What is set; folded where it is all new, in sight where something was there before."""
    if not fields:
        return ""
    lines = "".join(
        f'<div class="field"><span>{escape(name.replace("_", " "))}</span><span>{_told_html(old, new)}</span></div>'
        for name, old, new in fields
    )
    if any(old for _, old, _ in fields):
        return lines
    return f"<details><summary>{len(fields)} setting{'s' if len(fields) != 1 else ''}</summary>{lines}</details>"


def _told(old: str, new: str) -> str:
    return f"{old} → {new}" if old else new


def _told_html(old: str, new: str) -> str:
    return f"<del>{escape(old)}</del> → <ins>{escape(new)}</ins>" if old else escape(new)


def _diff_html(lines: tuple[str, ...]) -> str:
    shown = "".join(f"<span{_diff_class(line)}>{escape(line)}</span>" for line in _shortened(lines))
    unfolded = " open" if len(lines) <= OPEN_LINES else ""
    return f'<details{unfolded}><summary>what differs</summary><pre class="diff">{shown}</pre></details>'


def _diff_class(line: str) -> str:
    role = {"+": "added", "-": "removed", "~": "place", "@": "place"}.get(line[:1], "")
    return f' class="{role}"' if role else ""


def _shortened(lines: tuple[str, ...]) -> list[str]:
    if len(lines) <= DETAIL_LINES:
        return list(lines)
    return [*lines[:DETAIL_LINES], f"… and {len(lines) - DETAIL_LINES} more lines"]
