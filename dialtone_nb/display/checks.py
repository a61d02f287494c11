"""How a verification looks: its checks by subject, what is wrong with its repair; the same as text and as HTML."""

from __future__ import annotations

from html import escape
from itertools import groupby

from dialtone_nb.display.tables import body, name_html, row, table
from dialtone_nb.verify.checks import Check, CheckState, Verification

_MARK = {CheckState.GOOD: "✓", CheckState.WRONG: "✗", CheckState.UNKNOWN: "?", CheckState.ACCEPTED: "~"}
# The roles of the style sheet.
_ROLE = {
    CheckState.WRONG: "failed",
    CheckState.UNKNOWN: "unknown",
    CheckState.ACCEPTED: "none",
}
_COLUMNS = ("check", "found", "what it means, and what repairs it")


def verification_text(verification: Verification) -> str:
    """The checks for a terminal, a line each; meaning and repair only where something is not good."""
    lines = [verification.summary]
    for subject, group in groupby(verification.checks, lambda check: check.subject):
        lines += ["", subject]
        for check in group:
            lines.append(f"  {_MARK[check.state]} {check.label}: {check.found}")
            if check.state is not CheckState.GOOD:
                repair = [f"repair: {check.repair}"] if check.repair else []
                lines.append(f"      {'; '.join([check.meaning, *repair])}")
    return "\n".join([*lines, *(["", *verification.notes] if verification.notes else [])])


def verification_html(verification: Verification) -> str:
    """The checks as a table, a block of rows for each subject."""
    bodies = [
        body(map(_row, group), subject, columns=len(_COLUMNS))
        for subject, group in groupby(verification.checks, lambda check: check.subject)
    ]
    role = "good" if verification.exit_code == 0 else "danger"
    notes = "".join(f"<p>{escape(note)}</p>" for note in verification.notes)
    return (
        f'<div class="dialtone dialtone-checks"><p><b class="{role}">{escape(verification.summary)}</b></p>'
        f"{table(_COLUMNS, bodies)}{notes}</div>"
    )


def _row(check: Check) -> str:
    name = f'<span class="sign" title="{check.state}">{_MARK[check.state]}</span>{name_html(check.label)}'
    if check.state is CheckState.GOOD:
        return row((name, name_html(check.found), f'<span class="quiet">{escape(check.meaning)}</span>'), "done")
    repair = f"<div><b>Repair:</b> {escape(check.repair)}</div>" if check.repair else ""
    return row((name, name_html(check.found), f"{escape(check.meaning)}{repair}"), _ROLE[check.state])
