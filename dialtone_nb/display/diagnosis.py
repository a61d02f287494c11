"""Render a diagnosis: the conclusion or the question, the evidence, the repair, and the checks in their order."""

from __future__ import annotations

from dialtone_nb.display.checks import MARK, ROLE
from dialtone_nb.display.rendering import render
from dialtone_nb.verify.checks import list_names
from dialtone_nb.verify.diagnosis import Diagnosis


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """The diagnosis for a terminal, with every check that was made."""
    lines = [diagnosis.summary, *diagnosis_lines(diagnosis)]
    if diagnosis.went_through:
        lines += ["", "Checked, in this order"]
        lines += [f"  {MARK[one.state]} {one.name}: {one.found}" for one in diagnosis.went_through]
    return "\n".join(lines)


def diagnosis_lines(diagnosis: Diagnosis) -> list[str]:
    """What a terminal shows beside the summary: evidence, repair and words; or how each answer is given."""
    if diagnosis.question:
        return ["Run one of these:", *(f"    {command}" for command in diagnosis.commands)]
    evidence = [f"{MARK[one.state]} {one.name}: {one.found}" for one in diagnosis.evidence]
    besides = [f"wrong as well: {list_names(diagnosis.besides)}"] if diagnosis.besides else []
    return [
        *evidence,
        f"    repair: {diagnosis.repair}",
        *(f"    {command}" for command in diagnosis.commands),
        f"    tell the person at the phone: {diagnosis.tell}",
        *besides,
    ]


def diagnosis_html(diagnosis: Diagnosis) -> str:
    """The diagnosis as HTML, with the checks as a table."""
    return render("diagnosis", diagnosis=diagnosis, marks=MARK, roles=ROLE)
