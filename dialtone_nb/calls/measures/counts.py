"""All that a report counts of attempts, in one pass over them: tallies of parts merge into those of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from dialtone_nb.calls.measures import concurrency, last_seen, tally
from dialtone_nb.calls.measures.concurrency import merge_overlaps, tally_overlaps
from dialtone_nb.calls.measures.last_seen import merge_signs, tally_signs
from dialtone_nb.calls.measures.tally import merge_hours, merge_tallies, tally_attempts, tally_hours

# What of the attempts is looked at.
COUNTED: Final = tuple(
    dict.fromkeys((*tally.COUNTED, *tally.COUNTED_BY_HOUR, *concurrency.COUNTED, *last_seen.COUNTED))
)


@dataclass(frozen=True, slots=True)
class Counts:
    """The tallies of some attempts, each as the module of its name defines it."""

    tally: pl.DataFrame
    hours: pl.DataFrame
    overlaps: pl.DataFrame
    signs: pl.DataFrame


def count_attempts(attempts: pl.DataFrame, time_zone: str = "UTC") -> Counts:
    """The counts of attempts of whole UTC days; days and hours are those of the time zone."""
    return Counts(
        tally_attempts(attempts, time_zone),
        tally_hours(attempts, time_zone),
        tally_overlaps(attempts),
        tally_signs(attempts),
    )


def merge_counts(counts: Sequence[Counts]) -> Counts:
    """The counts of all parts together."""
    return Counts(
        merge_tallies(one.tally for one in counts),
        merge_hours(one.hours for one in counts),
        merge_overlaps(one.overlaps for one in counts),
        merge_signs(one.signs for one in counts),
    )
