"""probes.yaml: how each assumption is settled, what that costs, and which probes a budget allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from dialtone_nb.values.assumptions import Assumed, Assumption, load_assumptions

Needs = Literal["nothing", "calls", "number"]
MISSING = object()


@dataclass(frozen=True, slots=True)
class Probe:
    """How one assumption is settled."""

    settles: str
    do: tuple[str, ...]
    reads: str
    needs: Needs = "nothing"
    cost_usd: float = 0.0
    answers: Mapping[str, Any] = field(default_factory=dict)
    means: Mapping[str, Assumed] = field(default_factory=dict)
    present: Assumed | None = None
    absent: Assumed | None = None

    @property
    def assumption(self) -> Assumption:
        """What is settled."""
        return load_assumptions()[self.settles]

    def observed(self, read: object) -> Assumed | None:
        """What was read, in the words of the assumption; None where it tells nothing."""
        if read is MISSING or read is None or read == "":
            return self.absent
        if self.present is not None:
            return self.present
        if str(read) in self.means:
            return self.means[str(read)]
        if isinstance(self.assumption.value, int):
            return int(str(read)) if str(read).isdecimal() else None
        return str(read)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the person who runs the probes allows."""

    calls: bool = False
    number: bool = False
    cap_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The probes that will be carried out, and why each of the others will not."""

    probes: tuple[Probe, ...]
    left_out: Mapping[str, str]

    @property
    def cost_usd(self) -> float:
        """What they cost at most."""
        return round(sum(one.cost_usd for one in self.probes), 2)


@cache
def load_probes() -> tuple[Probe, ...]:
    """Every probe, in the order in which they are carried out."""
    from ruamel.yaml import YAML

    rows = YAML(typ="safe").load(Path(__file__).with_name("probes.yaml"))
    return tuple(Probe(**{**row, "do": tuple(row["do"])}) for row in rows)


def choose_probes(allowed: Allowed, probes: tuple[Probe, ...] = ()) -> Choice:
    """The probes that are allowed and that the cap pays for.

    Those that need the number share it: they are carried out together, or none of them is.
    """
    chosen, left_out, spent = list[Probe](), dict[str, str](), 0.0
    every = probes or load_probes()
    number_usd = sum(one.cost_usd for one in every if one.needs == "number")
    for one in every:
        cost = one.cost_usd
        if one.needs == "calls" and not allowed.calls:
            left_out[one.settles] = "needs allow_calls"
        elif one.needs == "number" and not (allowed.calls and allowed.number):
            left_out[one.settles] = "needs allow_calls and allow_number"
        elif one.needs == "number" and _before_number(chosen) + number_usd > allowed.cap_usd + 1e-9:
            left_out[one.settles] = f"needs a cap of {_before_number(chosen) + number_usd:.2f} dollars"
        elif one.needs != "number" and spent + cost > allowed.cap_usd + 1e-9:
            left_out[one.settles] = f"needs a cap of {spent + cost:.2f} dollars"
        else:
            chosen.append(one)
            spent += cost
    return Choice(tuple(chosen), left_out)


def _before_number(chosen: list[Probe]) -> float:
    return sum(one.cost_usd for one in chosen if one.needs != "number")
