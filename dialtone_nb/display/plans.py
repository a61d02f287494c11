"""Render a plan: text for a terminal, HTML for a page, the same facts in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from dialtone_nb.display.rendering import render
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.resources.model import Action, readable, shortened

SIGN = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "−"}
# A plan of fewer rows can be seen at a glance, and needs no filters.
FEW_ROWS = 5
# The longest difference shown whole (the rest is in the files), and the longest that is not folded.
DETAIL_LINES = 60
OPEN_LINES = 24
_DIFF_ROLE = {"+": "added", "-": "removed", "~": "place", "@": "place"}


def plan_text(plan: Plan) -> str:
    """The plan as text: one line a change, and under it what differs."""
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
    title, _, rest = heading(plan).partition(": ")
    groups = grouped(plan.changes)
    return render(
        "plan",
        plan=plan,
        title=title,
        rest=rest,
        filters=_filters(plan.changes, groups),
        is_long=len(groups) > FEW_ROWS,
        rooms=[_room(name, list(inside)) for name, inside in groupby(groups, lambda group: group[0].kind.group)],
        consent_words=consent_words(plan),
        asks=asks,
        searches=searches,
    )


def heading(plan: Plan) -> str:
    """One line: how many changes of which kind, and what they cost."""
    return f"{plan.title}: {'; '.join([plan.summary, *costs_of(plan.changes)])}"


def costs_of(changes: Iterable[Change]) -> list[str]:
    """What the changes cost together, one phrase for each price."""
    costs = Counter(change.cost for change in changes if change.cost)
    return [f"costs {f'{count} times ' if count > 1 else ''}{cost}" for cost, count in costs.items()]


def consent_words(plan: Plan) -> str:
    """What may be given as consent."""
    if plan.is_rehearsal:
        return f'"rehearsal", or this plan\'s fingerprint "{plan.fingerprint}"'
    if not plan.environment:
        return f'this plan\'s fingerprint "{plan.fingerprint}" (it is for the whole account)'
    if plan.is_protected:
        return f'this plan\'s fingerprint "{plan.fingerprint}" ({plan.environment} is protected)'
    if plan.grave:
        return f'this plan\'s fingerprint "{plan.fingerprint}" (it {" and ".join(plan.grave)})'
    return f'"{plan.environment}", or this plan\'s fingerprint "{plan.fingerprint}"'


def grouped(changes: Sequence[Change]) -> list[list[Change]]:
    """Changes that read as one: neighbours of one kind with nothing to tell apart but their names."""

    def likeness(change: Change) -> object:
        # A new version has nothing to show but its path; a change of who may call an old one matters.
        is_new_version = bool(change.kind.unread_fields) and change.action is Action.CREATE
        plain = is_new_version or not field_lines(change)
        alone = () if plain and not change.detail else (change.key,)
        return change.action, change.kind, change.why, tuple(remarks(change)), alone

    return [list(group) for _, group in groupby(changes, likeness)]


def noun(group: Sequence[Change]) -> str:
    """The noun for a group of changes, with their number if there are several."""
    return group[0].kind.counted(len(group))


def field_lines(change: Change) -> list[tuple[str, str, str]]:
    """The fields that a change sets: name, old value, new value; a creation has no old values and no empty fields."""
    fields = {name: value for name, value in change.after.items() if name not in change.kind.unread_fields}
    if change.action is Action.CREATE:
        return [(name, "", readable(value)) for name, value in fields.items() if value not in ("", None, False)]
    if change.action is Action.DELETE:
        return []
    return [(name, readable(change.before.get(name)), readable(value)) for name, value in fields.items()]


def remarks(change: Change) -> list[tuple[str, str]]:
    """Costs, warnings, and how to undo the change where that is not obvious; each with its CSS class."""
    costs = [("cost", f"costs {change.cost}")] if change.cost else []
    warnings = [("danger", change.warning)] if change.warning else []
    undo = [("undo", f"to undo: {change.undo}")] if warnings or costs else []
    return [*costs, *warnings, *undo]


class _PlanRow(NamedTuple):
    """Changes that read as one: what is said of all, and of the first if it is alone."""

    change: Change
    sign: str
    noun: str
    names: Sequence[str]
    fields: Sequence[tuple[str, str, str]]
    is_all_new: bool  # no field had a value before
    remarks: Sequence[tuple[str, str]]
    diff: Sequence[tuple[str, str]]  # each line with the class that marks it
    is_short: bool


class _PlanRoom(NamedTuple):
    name: str
    rows: Sequence[_PlanRow]
    changes: int
    costs: Sequence[str]
    warned: int


def _room(name: str, groups: Sequence[Sequence[Change]]) -> _PlanRoom:
    changes = [change for group in groups for change in group]
    warned = sum(bool(change.warning) for change in changes)
    return _PlanRoom(name, [_row(group) for group in groups], len(changes), costs_of(changes), warned)


def _row(group: Sequence[Change]) -> _PlanRow:
    change = group[0]
    fields = field_lines(change) if len(group) == 1 else []
    return _PlanRow(
        change,
        SIGN[change.action],
        noun(group),
        [shortened(one.key) for one in group],
        fields,
        not any(old for _, old, _ in fields),
        remarks(change),
        [(_DIFF_ROLE.get(line[:1], ""), line) for line in _shortened(change.detail)],
        len(change.detail) <= OPEN_LINES,
    )


def _filters(changes: Sequence[Change], groups: Sequence[Sequence[Change]]) -> list[tuple[str, str, bool]]:
    """Filter boxes by action and by warning: the class that the style sheet uses, the label, whether it is on.

    They are plain boxes, so that they work on a page that runs no script. There are none over a few rows.
    """
    if len(groups) <= FEW_ROWS:
        return []
    counts = Counter(change.action for change in changes)
    boxes = [
        (f"show-{action}", f"{counts[action]} to {action}", True)
        for action in Action
        if 0 < counts[action] < len(changes)
    ]
    if 0 < sum(bool(remarks(group[0])) for group in groups) < len(groups):
        boxes.append(("only-minded", "only what costs or has a warning", False))
    return boxes


def _told(old: str, new: str) -> str:
    return f"{old} → {new}" if old else new


def _shortened(lines: tuple[str, ...]) -> list[str]:
    if len(lines) <= DETAIL_LINES:
        return list(lines)
    return [*lines[:DETAIL_LINES], f"… and {len(lines) - DETAIL_LINES} more lines"]
