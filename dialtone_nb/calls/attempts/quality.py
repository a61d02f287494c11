"""Data quality: rows that were dropped, repaired or doubtful are counted here under a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Final

from dialtone_nb.values.phone_numbers import mask_numbers
from dialtone_nb.values.sids import SID, short_sid

# The longest example shown, in characters: a line of the table has no room for more.
EXAMPLE_LETTERS: Final = 200
MOST_KEYS: Final = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of oddity: its name, how often it was met, what was done with it, and the first example."""

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
        """Count an oddity, with an example that is safe to show; a count of zero notes nothing."""
        if count:
            self.counts[what, treatment] += count
            if (what, treatment) not in self.examples:
                self.examples[what, treatment] = _safe(example)

    def add(self, other: Quality) -> None:
        """Add another tally's findings."""
        for finding in other.findings():
            self.note(finding.what, finding.treatment, finding.count, finding.example)

    def findings(self) -> tuple[Finding, ...]:
        """The findings, in the order in which they were first met."""
        return tuple(
            Finding(what, count, treatment, self.examples[what, treatment])
            for (what, treatment), count in self.counts.items()
        )


def describe_row(row: object) -> str:
    """A row described by its keys only, because its values may be somebody's number or name."""
    if isinstance(row, Mapping):
        keys = sorted(map(str, row))
        more = f" and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else ""
        return f"an object of {', '.join(keys[:MOST_KEYS])}{more}" if keys else "an empty object"
    kinds = {str: "a text", bool: "a truth value", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(row), "nothing" if row is None else "a value")


def _safe(example: str) -> str:
    """The example on one line, with phone numbers and account SIDs masked, shortened at a word boundary."""
    shown = SID.sub(lambda sid: sid[0] if sid[0].startswith("CA") else short_sid(sid[0]), example)
    return shorten(mask_numbers(shown), EXAMPLE_LETTERS, placeholder=" …")
