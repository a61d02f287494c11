"""What probes found: where Twilio differs from what is assumed, what to change then, and the facts that remain."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import FailedError
from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.probe.leftovers import list_leftovers, sweep
from dialtone_nb.probe.probes import Choice, Probe
from dialtone_nb.probe.stage import IN_THE_WAY, Stage
from dialtone_nb.values.assumptions import ACCEPTED, NOTHING, Assumed, load_assumptions

ROWS = "dialtone_nb/values/assumptions.yaml"
WORDS = frozenset({ACCEPTED, NOTHING})
# What tells whose account it was, or whose number: never a fact about Twilio.
PRIVATE = re.compile(
    r"[A-Z]{2}[0-9a-f]{32}|\+?\d{7,}|\d+\.\d+\.\d+\.\d+|https?://\S+|\S+@\S+|\S+\.twil\.io|\S+\.twilio\.com"
)


class Verdict(StrEnum):
    """What a probe says of its assumption."""

    HOLDS = "holds"
    DIFFERS = "differs"
    OPEN = "not settled"
    LEFT_OUT = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """One assumption after its probe: what was assumed, what was observed, or why nothing was."""

    id: str
    assumes: str
    assumed: Assumed
    verdict: Verdict
    observed: Assumed | None = None
    is_known: bool = True  # whether what was observed is among the alternatives
    why: str = ""
    fact: str = ""

    @property
    def change(self) -> str:
        """What to change where Twilio differs."""
        if self.verdict is not Verdict.DIFFERS:
            return ""
        told = f"set value of {self.id} to {_yaml(self.observed)} in {ROWS}"
        if type(self.observed) is not type(self.assumed) or (self.observed in WORDS and not self.is_known):
            told = f"no value of {self.id} says so in {ROWS}; nobody thought of it: the rehearsal has to be changed"
        elif not self.is_known:
            told += "; nobody thought of it: the rehearsal may need more than the value"
        return told + (f"; the doubtful fact {self.fact} is settled" if self.fact else "")


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of a run: a finding for each assumption, and what could not be taken out."""

    account: str
    findings: tuple[Finding, ...]
    left: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    was_carried_out: bool = True

    def of(self, verdict: Verdict) -> list[Finding]:
        """The findings of one verdict."""
        return [one for one in self.findings if one.verdict is verdict]

    @property
    def exit_code(self) -> int:
        """0 where all that was tried holds, 2 where anything differs or nothing was done, 4 where things are left."""
        if self.left:
            return 4
        return 2 if self.of(Verdict.DIFFERS) or not self.was_carried_out else 0

    @property
    def summary(self) -> str:
        """One line: how many hold, differ, and are open."""
        if not self.was_carried_out:
            return "Probe: nothing was done: no consent"
        counts = ", ".join(f"{len(self.of(one))} {one}" for one in Verdict if self.of(one))
        left = f"; not taken out: {', '.join(self.left)}" if self.left else "; everything was taken out again"
        return f"Probe {self.account}: {len(self.findings)} assumptions: {counts}{left}"


def carry_out(
    account: Account, address: Mapping[str, str], choice: Choice, before_each: Callable[[], None] = lambda: None
) -> Findings:
    """Settle what the choice allows, and take everything out again, whatever happens.

    `before_each` is called before each probe; whatever it raises ends the run there.
    """
    sweep(account)
    stage, settled = Stage(account, address), dict[str, Finding]()
    try:
        stage.prepare(choice.probes)
        for probe in choice.probes:
            before_each()
            settled[probe.settles] = _settle(stage, probe)
        stage.hold_again()
        settled |= {one.settles: _open(one, why) for one in choice.probes if (why := stage.why_not(one))}
    finally:
        with suppress(OSError):
            stage.close()
        left = sweep(account)
    left += [one for one in list_leftovers(account) if not any(other.startswith(one) for other in left)]
    findings = tuple(settled.get(one) or _left_out(one, choice.left_out.get(one, "")) for one in load_assumptions())
    return Findings(account.label, findings, tuple(left))


def _settle(stage: Stage, probe: Probe) -> Finding:
    row = probe.assumption
    try:
        observed = probe.observed(stage.carry_out(probe))
    except IN_THE_WAY as error:
        told = f"{error}" if isinstance(error, FailedError) else f"{type(error).__name__}: {error}"
        return _open(probe, stage.account.transport.redact(told))
    if observed is None:
        return Finding(row.id, row.assumes, row.value, Verdict.OPEN, why="what came tells nothing of it", fact=row.fact)
    if observed == row.value:
        return Finding(row.id, row.assumes, row.value, Verdict.HOLDS, observed, fact=row.fact)
    is_known = observed in row.alternatives
    return Finding(row.id, row.assumes, row.value, Verdict.DIFFERS, scrubbed(observed), is_known, fact=row.fact)


def _open(probe: Probe, why: str) -> Finding:
    row, told = probe.assumption, scrub(f"could not be tried, because {why}")
    return Finding(row.id, row.assumes, row.value, Verdict.OPEN, why=told, fact=row.fact)


def _left_out(name: str, why: str) -> Finding:
    row = load_assumptions()[name]
    return Finding(row.id, row.assumes, row.value, Verdict.LEFT_OUT, why=why, fact=row.fact)


def scrub(text: str) -> str:
    """The text without SIDs, numbers, addresses and hosts."""
    return PRIVATE.sub("…", text)


def scrubbed(value: Assumed) -> Assumed:
    """A value without any of that."""
    return scrub(value) if isinstance(value, str) else value


def facts_of(findings: Findings, probes: Sequence[Probe], age: str) -> dict[str, Any]:
    """What was observed, as recorded facts: the lines with their names in braces, never what these stood for."""
    by_name = {one.settles: one for one in probes}
    facts = [
        {
            "id": f"P-{one.id}",
            "says": one.assumes,
            "source": "the runbook probe",
            "age": age,
            "sure": "certain",
            "settles": one.id,
            "observed": one.observed,
            "do": list(by_name[one.id].do),
            "reads": by_name[one.id].reads,
        }
        for one in findings.findings
        if one.verdict in {Verdict.HOLDS, Verdict.DIFFERS}
    ]
    return {"facts": facts}


def save_facts(file: Path, facts: Mapping[str, Any]) -> None:
    """Write the facts as YAML."""
    from io import StringIO

    from ruamel.yaml import YAML

    text, yaml = StringIO(), YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(dict(facts), text)
    write_whole(file, text.getvalue())


def _yaml(value: Assumed | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
