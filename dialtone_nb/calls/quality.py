"""What was odd in the data: every row that was dropped, repaired or doubted is counted here under a name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of oddity: what, how often, what was done with it, and the first example."""

    what: str
    count: int
    treatment: str
    example: str = ""


@dataclass(slots=True)
class Quality:
    """A tally of findings, in the order in which they were first met."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, what: str, treatment: str, count: int = 1, example: str = "") -> None:
        """Count an oddity; nothing where the count is zero."""
        if count:
            self.counts[what, treatment] += count
            self.examples.setdefault((what, treatment), example[:120])

    def add(self, other: Quality) -> None:
        """Count what another tally found as well."""
        for finding in other.findings():
            self.note(finding.what, finding.treatment, finding.count, finding.example)

    def findings(self) -> tuple[Finding, ...]:
        """What was found, in the order of first meeting."""
        return tuple(
            Finding(what, count, treatment, self.examples[what, treatment])
            for (what, treatment), count in self.counts.items()
        )
