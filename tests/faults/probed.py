"""Probe at Twilios of another hand: what it finds of their deviations, and what it believes behind obstacles."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialtone_nb.probe.findings import Verdict
from dialtone_nb.values.assumptions import load_assumptions
from tests.probe_by_others.bystanders import BYSTANDERS
from tests.probe_by_others.comparing import (
    FALSE,
    FOUND,
    LISTED,
    MISSED,
    OTHERWISE,
    UNFOUNDED,
    UNSETTLED,
    compare,
)
from tests.probe_by_others.deviating_twilio import TWILIOS
from tests.probe_by_others.obstacles import OBSTACLES
from tests.probe_by_others.probing import believed, probe_at

# What must not become of a row.
AMISS = (OTHERWISE, MISSED, FALSE, UNFOUNDED)


@dataclass(frozen=True)
class Probed:
    """A run of all probes at one Twilio: how many deviations it has, what became of rows, how many are open."""

    twilio: str
    deviations: int
    became: Mapping[str, Sequence[str]]
    open: int

    @property
    def amiss(self) -> list[str]:
        """A line for each row that was told wrongly."""
        return [f"{self.twilio}: {row}: {said}" for said in AMISS for row in self.became[said]]


def probe_all(on_run: Callable[[Probed], None] = lambda _: None) -> list[Probed]:
    """Every Twilio and every obstacle, each on an account of its own."""
    runs = []
    for twilio, names, listed in _twilios():
        with tempfile.TemporaryDirectory(prefix="probed-") as folder:
            findings = probe_at(Path(folder), twilio if twilio in TWILIOS else "deviating", names)
        became = compare(listed, believed(findings)) if listed else _nothing_deviates(believed(findings))
        run = Probed(twilio, _deviations(listed), became, len(findings.of(Verdict.OPEN)))
        runs.append(run)
        on_run(run)
    return runs


def _twilios() -> Iterator[tuple[str, list[str] | None, str]]:
    """What each is called, which of its deviations are there (all where None), and where it is listed."""
    yield from ((name, None, name) for name in TWILIOS)
    yield "as assumed, with all that is no deviation", list(BYSTANDERS), ""
    yield from ((name, [name], name) for name in OBSTACLES)


def _deviations(listed: str) -> int:
    return len(LISTED[listed] if listed in TWILIOS else LISTED["obstacles"].get(listed, {}).get("deviates", ()))


def _nothing_deviates(said: Mapping[str, object]) -> dict[str, list[str]]:
    false = [name for name, row in load_assumptions().items() if said.get(name, row.value) != row.value]
    return {one: [] for one in (FOUND, UNSETTLED, *AMISS)} | {FALSE: false}


def table_of_probed(runs: Sequence[Probed]) -> str:
    """A line for each run: found, wrong, missed, open and false."""
    heads = ("deviations", "found", "as another value", "missed", "not settled", "open in all", "false", "unfounded")
    lines = [
        f"| Twilio, or what is in the way | {' | '.join(heads)} |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in runs:
        counts = [len(one.became[said]) for said in (FOUND, OTHERWISE, MISSED, UNSETTLED)]
        cells = [one.twilio, one.deviations, *counts, one.open, len(one.became[FALSE]), len(one.became[UNFOUNDED])]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
