"""Render a verification as text and as HTML: its checks by subject, and the repair of each fault."""

from __future__ import annotations

from itertools import groupby

from dialtone_nb.display.rendering import render
from dialtone_nb.verify.checks import CheckState, Verification

MARK = {CheckState.GOOD: "✓", CheckState.WRONG: "✗", CheckState.UNKNOWN: "?", CheckState.ACCEPTED: "~"}
# The roles of the style sheet.
ROLE = {
    CheckState.GOOD: "done",
    CheckState.WRONG: "failed",
    CheckState.UNKNOWN: "unknown",
    CheckState.ACCEPTED: "none",
}


def verification_text(verification: Verification) -> str:
    """The checks for a terminal, one a line; meaning and repair only for what is not good."""
    lines = [verification.summary]
    for subject, group in groupby(verification.checks, lambda check: check.subject):
        lines += ["", subject]
        for check in group:
            lines.append(f"  {MARK[check.state]} {check.label}: {check.found}")
            if check.state is not CheckState.GOOD:
                repair = [f"repair: {check.repair}"] if check.repair else []
                lines.append(f"      {'; '.join([check.meaning, *repair])}")
    return "\n".join([*lines, *(["", *verification.notes] if verification.notes else [])])


def verification_lines(verification: Verification) -> list[str]:
    """What a terminal shows beside the summary: each check that failed or is unknown, with its repair under it."""
    lines = []
    for check in verification.checks:
        if check.state in (CheckState.WRONG, CheckState.UNKNOWN):
            lines.append(f"{MARK[check.state]} {check.subject}, {check.label}: {check.found}")
            lines += [f"    repair: {check.repair}"] if check.repair else []
    return [*lines, *verification.notes]


def verification_html(verification: Verification) -> str:
    """The checks as a table, a block of rows for each subject."""
    subjects = [(name, list(group)) for name, group in groupby(verification.checks, lambda check: check.subject)]
    return render("checks", verification=verification, subjects=subjects, marks=MARK, roles=ROLE)
