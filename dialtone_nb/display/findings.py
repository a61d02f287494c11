"""Render findings: first what differs and what to change, then what is open, what holds, and what was not tried."""

from __future__ import annotations

from dialtone_nb.display.rendering import render
from dialtone_nb.probe.findings import Finding, Findings, Verdict

_MARK = {Verdict.DIFFERS: "✗", Verdict.OPEN: "?", Verdict.HOLDS: "✓", Verdict.LEFT_OUT: "~"}
# The roles of the style sheet.
_ROLE = {Verdict.DIFFERS: "failed", Verdict.OPEN: "unknown", Verdict.HOLDS: "done", Verdict.LEFT_OUT: "none"}


def findings_text(findings: Findings) -> str:
    """The findings for a terminal, one a line; under a difference, what to change."""
    lines = [findings.summary]
    for one in _ordered(findings):
        lines.append(f"  {_MARK[one.verdict]} {one.id}: {_told(one)}")
        lines += [f"      {one.change}"] if one.change else []
    return "\n".join([*lines, *findings.said])


def findings_html(findings: Findings) -> str:
    """The findings as a table."""
    return render("findings", findings=findings, rows=_ordered(findings), marks=_MARK, roles=_ROLE, told=_told)


def _ordered(findings: Findings) -> list[Finding]:
    return [one for verdict in _MARK for one in findings.of(verdict)]


def _told(one: Finding) -> str:
    if one.observed is None:
        return f"assumed {one.assumed}; {one.verdict}" + (f": {one.why}" if one.why else "")
    return f"assumed {one.assumed}, observed {one.observed}"
