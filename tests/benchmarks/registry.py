"""Every figure of the bench by name. To add one: write figures/NAME.py, and a line here.

Each module has one function, `measure(size, folder)`, which yields a `Comparison` a line; `folder` is empty and
temporary. At `Size.QUICK` slow figures use less data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

from tests.benchmarks.comparison import Comparison, Size

FIGURES: Final[Mapping[str, str]] = {
    "fetch": "calls fetched into the archive at 150 ms a page",
    "report": "the full call report over millions of events, from files and from an archive",
    "totals": "Futel's attempts by year and outcome, beside a plain count",
    "deploy": "requests and seconds of a deploy, beside the serverless toolkit",
    "decision": "a cold start and a decision of the deployed function",
    "runbook": "what a runbook costs beyond papermill itself",
    "rehearsal": "how fast the rehearsal starts and answers",
    "sip_door": "the SIP door: registrations, calls, the wait before ringing, memory",
    "testing": "the rehearsal in other people's tests, beside the stand-in that npm has",
    "server": "our own server under load, beside Flask and beside the functions on Node",
}


class Measure(Protocol):
    """The function that a figure's module has."""

    def __call__(self, size: Size, folder: Path) -> Iterator[Comparison]: ...


def measure_of(name: str) -> Measure:
    """The function that measures a figure."""
    measure: Measure = import_module(f"tests.benchmarks.figures.{name}").measure
    return measure
