"""Render a runbook's parameters: each with its value, who set it, and what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dialtone_nb.display.rendering import render


class Origin(StrEnum):
    """Who set a parameter."""

    NOTEBOOK = "the notebook"
    RUN = "this run"
    FORM = "the form"


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter as it stands: its value, who set it, and the help that its line in the tagged cell gives."""

    name: str
    value: object
    origin: Origin
    help: str


def settings_html(settings: Sequence[Setting]) -> str:
    """The parameters as a table, folded: the banner above it names those that are not the notebook's own."""
    return render("parameters", settings=settings, summary=_summary(settings), literal=repr)


def _summary(settings: Sequence[Setting]) -> str:
    count = f"{len(settings)} parameter{'' if len(settings) == 1 else 's'}"
    others = [
        f"{number} set by {origin}"
        for origin in (Origin.RUN, Origin.FORM)
        if (number := sum(one.origin is origin for one in settings))
    ]
    return f"{count}, {' and '.join(others) or 'as the notebook has them'}"
