"""A run's end in Markdown, for the summary of a workflow's step or a comment on a pull request.

Many people may read it there: it has phones by name and numbers by their last two digits, and leaves what a change
sets to the page. The fingerprint is of the whole plan all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.values.phone_numbers import hide_numbers

STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
# How plan_text indents what a change sets, and its warnings, which stay.
_FIELD, _REMARK = "    ", "    !"


def in_a_step() -> bool:
    """Whether this runs as a step of a GitHub workflow."""
    return bool(os.environ.get(STEP_SUMMARY))


def check_summary(path: Path | None) -> None:
    """Raise an `InputError` where there can be no such file."""
    if path and path.is_dir():
        raise InputError(Fault("--summary", f"{path} is a folder", "name a file"))
    if path and not path.parent.is_dir():
        raise InputError(Fault("--summary", f"{path.parent} is not a folder", "name a file in one that there is"))


def add_step_summary(text: str, also: Path | None) -> None:
    """Append to the summary of a GitHub step, where there is one, and to a file, where one is named."""
    of_the_step = os.environ.get(STEP_SUMMARY)
    for path in (Path(of_the_step) if of_the_step else None, also):
        if path:
            with path.open("a", encoding="utf-8") as page:
                page.write(text)


def step_summary(title: str, lines: Iterable[str], plan: str, fingerprint: str) -> str:
    """A heading, what the run says, and its plan; a fingerprint where one may be given as consent next."""
    said = [hide_numbers(line) for line in lines]
    changes = [line for line in plan.splitlines() if line.startswith(_REMARK) or not line.startswith(_FIELD)]
    parts = [f"### {title}", *said]
    if fingerprint:
        kept = "\n".join(hide_numbers(line) for line in changes)
        # No line of a plan can end the block, as each begins with a sign or with a word of ours.
        parts += [f"````text\n{kept}\n````", f"To apply it, give its fingerprint as consent: `{fingerprint}`"]
    return "\n\n".join([*parts, ""])
