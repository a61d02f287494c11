"""The sweep's verdicts as Markdown: a row an apply, and a row a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.faults.cases import Undisturbed, Verdict

COLUMNS: Mapping[str, Callable[[Verdict], int]] = {
    "cases": lambda _: 1,
    "in the same run": lambda verdict: verdict.converged and not verdict.runs,
    "run again": lambda verdict: verdict.converged and verdict.runs > 0,
    "not": lambda verdict: not verdict.converged,
    "doubled": lambda verdict: len(verdict.difference.duplicates),
    "orphans": lambda verdict: len(verdict.difference.orphans),
    "lost": lambda verdict: len(verdict.difference.missing) + len(verdict.difference.passwords),
    "bought twice": lambda verdict: len(verdict.difference.bought_twice),
    "released": lambda verdict: len(verdict.difference.released),
    "calls placed": lambda verdict: verdict.placed,
    "misrouted": lambda verdict: len(verdict.misrouted),
}
PLACED, WRONG = list(COLUMNS).index("calls placed"), list(COLUMNS).index("misrouted")


def table_by_apply(verdicts: Sequence[Verdict], undisturbed: Mapping[str, Undisturbed]) -> str:
    """A row an apply, with its API calls; calls placed during the undisturbed apply count too."""
    groups = _grouped(verdicts, lambda verdict: verdict.case.apply.name)
    rows = []
    for name, usual in undisturbed.items():
        counts = _counts(groups.get(name, []))
        counts[PLACED] += usual.placed
        counts[WRONG] += len(usual.misrouted)
        rows.append([name, usual.requests, *counts])
    return as_table(["apply", "API calls", *COLUMNS], [*rows, _sums(rows)])


def table_by_fault(verdicts: Sequence[Verdict]) -> str:
    """A row a fault."""
    rows: list[list[Any]] = [
        [name, *_counts(group)] for name, group in _grouped(verdicts, lambda verdict: verdict.case.fault.name).items()
    ]
    return as_table(["fault", *COLUMNS], [*rows, _sums(rows)])


def _grouped(verdicts: Sequence[Verdict], key: Callable[[Verdict], str]) -> dict[str, list[Verdict]]:
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(key(verdict), []).append(verdict)
    return groups


def _counts(verdicts: Sequence[Verdict]) -> list[int]:
    return [sum(map(count, verdicts)) for count in COLUMNS.values()]


def _sums(rows: Sequence[Sequence[Any]]) -> list[Any]:
    return ["all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])]


def as_table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table with thousands separators and right-aligned numbers."""
    lines = [heads, ["---:" if isinstance(cell, int) else "---" for cell in rows[0]], *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in line) + " |" for line in lines
    )
