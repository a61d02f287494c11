"""assumptions.yaml: what is assumed of Twilio, row by row. The rehearsal does it; the runbook `probe` settles it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# What an assumption, or something that was observed, can be.
Assumed = bool | int | str


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that is assumed: what the rehearsal does, what Twilio may do as well, and what would tell."""

    id: str
    assumes: str
    value: Assumed
    alternatives: tuple[Assumed, ...]
    evidence: str
    decides: str
    documented: Assumed | None = None
    fact: str = ""  # the recorded fact that is doubtful, where one is

    @property
    def is_disputed(self) -> bool:
        """Whether Twilio's pages and recordings of it disagree."""
        return self.documented is not None


@cache
def load_assumptions() -> Mapping[str, Assumption]:
    """Every assumption by its id, in the order of the file."""
    from ruamel.yaml import YAML

    rows = YAML(typ="safe").load(Path(__file__).with_name("assumptions.yaml"))
    read = [Assumption(**{**row, "alternatives": tuple(row["alternatives"])}) for row in rows]
    return {one.id: one for one in read}
