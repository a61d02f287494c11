"""How a verification looks: its checks by subject, what is wrong with its repair; the same as text and as HTML."""

from __future__ import annotations

from html import escape
from itertools import groupby

from dialtone_nb.verify.checks import Check, CheckState, Verification

_MARK = {CheckState.GOOD: "✓", CheckState.WRONG: "✗", CheckState.UNKNOWN: "?", CheckState.ACCEPTED: "~"}
_COLOUR = {
    CheckState.GOOD: "#1a7f37",
    CheckState.WRONG: "#cf222e",
    CheckState.UNKNOWN: "#9a6700",
    CheckState.ACCEPTED: "#6e7781",
}
_COLUMNS = ("", "check", "found", "what it means", "repair")


def verification_text(verification: Verification) -> str:
    """The checks for a terminal, a line each; meaning and repair only where something is not good."""
    lines = [verification.summary]
    for subject, group in groupby(verification.checks, lambda check: check.subject):
        lines += ["", subject]
        for check in group:
            lines.append(f"  {_MARK[check.state]} {check.name}: {check.found}")
            if check.state is not CheckState.GOOD:
                lines.append(f"      {'; '.join([check.meaning, *_repair(check)])}")
    return "\n".join([*lines, *(["", *verification.notes] if verification.notes else [])])


def verification_html(verification: Verification) -> str:
    """The checks as a table, a block of rows for each subject."""
    head = "".join(f'<th style="text-align:left">{name}</th>' for name in _COLUMNS)
    rows = "".join(
        f'<tr><th colspan="{len(_COLUMNS)}" style="text-align:left">{escape(subject)}</th></tr>'
        + "".join(map(_row, group))
        for subject, group in groupby(verification.checks, lambda check: check.subject)
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in verification.notes)
    return (
        f'<div class="dialtone-checks"><p><b>{escape(verification.summary)}</b></p>'
        f'<table class="dialtone-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}</div>'
    )


def _row(check: Check) -> str:
    weight = "700" if check.state is CheckState.WRONG else "400"
    mark = f'<td style="color:{_COLOUR[check.state]};font-weight:700" title="{check.state}">{_MARK[check.state]}</td>'
    cells = (check.name, check.found, check.meaning, check.repair if check.state is not CheckState.GOOD else "")
    return (
        f'<tr style="font-weight:{weight}">{mark}'
        + "".join(f'<td style="text-align:left">{escape(text)}</td>' for text in cells)
        + "</tr>"
    )


def _repair(check: Check) -> list[str]:
    return [f"repair: {check.repair}"] if check.repair else []
