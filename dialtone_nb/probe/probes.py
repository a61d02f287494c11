"""probes.yaml: how each assumption is settled, what that costs, and which probes a budget allows.

controls.yaml: what has to be seen before anything is believed of a probe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from dialtone_nb.values.assumptions import ACCEPTED, NOTHING, Assumed, Assumption, load_assumptions

Needs = Literal["nothing", "calls", "number"]
MISSING = object()


@dataclass(frozen=True, slots=True)
class Control:
    """What has to be seen once a run: where something else is in the way, nothing is known of what comes after it."""

    id: str
    says: str
    do: tuple[str, ...]
    after: tuple[str, ...] = ()
    cost_usd: float = 0.0
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """How one assumption is settled."""

    settles: str
    do: tuple[str, ...]
    reads: str
    after: tuple[str, ...] = ()
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
        """What was read, in the words of the assumption, or that there was nothing; None where it can't be told."""
        if read is MISSING or read is None or read == "":
            return NOTHING if self.absent is None else self.absent
        if read == ACCEPTED:
            return ACCEPTED
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
        return cost_of(self.probes)


@cache
def load_probes() -> tuple[Probe, ...]:
    """Every probe, in the order in which they are carried out."""
    return tuple(Probe(**row) for row in _rows("probes.yaml"))


@cache
def load_controls() -> Mapping[str, Control]:
    """Every control by its id, each after those that it needs itself."""
    return {row["id"]: Control(**row) for row in _rows("controls.yaml")}


def _rows(name: str) -> list[dict[str, Any]]:
    from ruamel.yaml import YAML

    rows = YAML(typ="safe").load(Path(__file__).with_name(name))
    return [row | {"do": tuple(row["do"]), "after": tuple(row.get("after", ()))} for row in rows]


def controls_of(probes: Sequence[Probe]) -> list[Control]:
    """The controls that these probes need, each once."""
    wanted = {name for one in probes for name in one.after}
    for control in reversed(list(load_controls().values())):
        wanted |= set(control.after) if control.id in wanted else set()
    return [control for control in load_controls().values() if control.id in wanted]


def cost_of(probes: Sequence[Probe]) -> float:
    """What these probes cost at most, with their controls."""
    return round(sum(one.cost_usd for one in probes) + sum(one.cost_usd for one in controls_of(probes)), 2)


def choose_probes(allowed: Allowed, probes: tuple[Probe, ...] = ()) -> Choice:
    """The probes that are allowed and that the cap pays for.

    Those that need the number share it: they are carried out together, or none of them is.
    """
    chosen, left_out = list[Probe](), dict[str, str]()
    every = probes or load_probes()
    of_number = [one for one in every if one.needs == "number"]
    for one in every:
        wanted = [other for other in chosen if other.needs != "number"] + (of_number if one in of_number else [one])
        if one.needs == "calls" and not allowed.calls:
            left_out[one.settles] = "needs allow_calls"
        elif one.needs == "number" and not (allowed.calls and allowed.number):
            left_out[one.settles] = "needs allow_calls and allow_number"
        elif cost_of(wanted) > allowed.cap_usd:
            left_out[one.settles] = f"needs a cap of {cost_of(wanted):.2f} dollars"
        else:
            chosen.append(one)
    return Choice(tuple(chosen), left_out)
