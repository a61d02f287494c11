"""The attempts of a report, with their source, the findings about data quality, and the tallies of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from html import escape
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl

from dialtone_nb.calls.attempts.outcomes import OUTCOMES
from dialtone_nb.calls.attempts.parts import EVERYTHING, Attempts, Counted, Selection, count_selected, merge_counted
from dialtone_nb.calls.attempts.quality import Finding
from dialtone_nb.calls.attempts.schema import DIRECTIONS, attempts_of, pandas_of
from dialtone_nb.calls.measures.tally import COUNTED, Counts, count_attempts, merge_counts
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.values.sip import without_separators

Tally = TypeVar("Tally")
AS_ASKED: Final = "left out, as asked"
YEARS: Final = range(1970, 2200)


@dataclass(frozen=True)
class CallData:
    """Attempts, their source, and findings about data quality; days are days of the time zone."""

    attempts: Attempts
    source: str
    findings: tuple[Finding, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    time_zone: str = "UTC"
    read: str = ""  # what an archive's sync fetched, in words
    as_of: datetime | None = None  # when the account was read; None for files

    @classmethod
    def of(cls, frame: pd.DataFrame, source: str, *more: Any) -> CallData:
        """The attempts of a frame."""
        return cls(Attempts.of(attempts_of(frame)), source, *more)

    @property
    def frame(self) -> pd.DataFrame:
        """All attempts, one row each, oldest first. Reports use tallies instead, because there may be millions."""
        return self.attempts.load()

    @cached_property
    def counts(self) -> Counts:
        """All tallies of a report, made in one pass."""
        return self.gather(partial(count_attempts, time_zone=self.time_zone), merge_counts, COUNTED)

    def tally(self) -> pd.DataFrame:
        """The attempts counted by day of the time zone and by all columns that a rate can be grouped by."""
        return self._tally

    @cached_property
    def _tally(self) -> pd.DataFrame:
        return pandas_of(self.counts.tally)

    def hours(self) -> pd.DataFrame:
        """The attempts counted by day and hour of the time zone, direction and outcome."""
        return pandas_of(self.counts.hours)

    def overlaps(self) -> pd.DataFrame:
        """The tally of simultaneous answered calls, by direction and day."""
        return pandas_of(self.counts.overlaps)

    def signs(self) -> pd.DataFrame:
        """The signs of life of each phone, by UTC day."""
        return pandas_of(self.counts.signs)

    def gather(
        self,
        tally: Callable[[pl.DataFrame], Tally],
        merge: Callable[[Sequence[Tally]], Tally],
        columns: Sequence[str] = EVERYTHING,
    ) -> Tally:
        """Any other tally: `tally` counts the attempts of whole UTC days, `merge` combines such counts."""
        return self.attempts.gather(tally, merge, columns)

    def latest(self, most: int = 20) -> pd.DataFrame:
        """The newest attempts, at most `most`, oldest first."""
        return self.attempts.latest(most)

    def select(self, *, environment: str = "", since: str = "", until: str = "") -> CallData:
        """The attempts of one environment and of the days `since` to `until`, both included; "" is no limit."""
        first, last = parse_day("since", since), parse_day("until", until)
        if not (environment or first or last):
            return self
        begin = self._midnight(first) if first else None
        end = self._midnight(last + timedelta(days=1)) if last else None
        count = partial(count_selected, selection=Selection(environment, begin, end))
        counts = self.gather(count, merge_counted, ("started_at", "environment"))
        findings = [*self.findings, *_findings_of(counts, environment)]
        if not counts.told:
            environment = ""  # the source has no environments, so all attempts are kept
        return replace(
            self,
            attempts=self.attempts.select(environment=environment, since=begin, until=end),
            findings=tuple(finding for finding in findings if finding.count),
            # Days beyond those of the source are reported too: they have no attempt.
            first_day=first or (self.first_day and min(self.first_day, last or self.first_day)),
            last_day=last or (self.last_day and max(self.last_day, first or self.last_day)),
        )

    @property
    def partial_day(self) -> date | None:
        """The last day if it was not over when the account was read, else None."""
        today = self.as_of.astimezone(ZoneInfo(self.time_zone)).date() if self.as_of else None
        return today if today and (self.last_day is None or self.last_day >= today) else None

    def narrow(
        self, *, client: str = "", direction: str = "", outcome: str = "", reason: str = "", number: str = ""
    ) -> CallData:
        """The attempts of one phone, direction, outcome or reason, or with one other party; "" is no limit."""
        for name, value, known in (("direction", direction, DIRECTIONS), ("outcome", outcome, OUTCOMES)):
            if value and value not in known:
                raise InputError(Fault(f"parameter {name}", f"is {value!r}", f"use one of {', '.join(known)}"))
        wanted = {"client": client, "direction": direction, "outcome": outcome, "reason": reason}
        where: list[tuple[str, tuple[str, ...]]] = [(name, (value,)) for name, value in wanted.items() if value]
        if number:
            where.append(("other_party", _spellings(number)))
        if not where:
            return self
        kept = replace(self, attempts=self.attempts.select(where=tuple(where)))
        all_of_them, own = (one.gather(len, _total, ("outcome",)) for one in (self, kept))
        left_out = all_of_them - own
        asked = " and ".join(name for name, value in [*wanted.items(), ("number", number)] if value)
        finding = Finding(f"attempts of any other {asked}", left_out, AS_ASKED)
        return replace(kept, findings=(*self.findings, finding) if left_out else self.findings)

    def _midnight(self, day: date) -> pd.Timestamp:
        """The beginning of a day of the time zone, in UTC."""
        return pd.Timestamp(day, tz=self.time_zone).tz_convert("UTC")

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align: left">{escape(name)}</th><td style="text-align: left">{escape(text)}</td></tr>'
            for name, text in self._facts()
        )
        return f'<table class="dialtone-table"><tbody>{rows}</tbody></table>'

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self._facts())

    def _facts(self) -> list[tuple[str, str]]:
        days = f"{self.first_day or 'the first'} to {self.last_day or 'the last'}, days of {self.time_zone}"
        tally = self.tally()
        environments = ", ".join(sorted(set(tally["environment"]) - {""})) or "not told by the source"
        return [
            ("source", self.source),
            *([("archive", self.read)] if self.read else []),
            ("days", f"{days}; {self.partial_day} is not over" if self.partial_day else days),
            ("environments", environments),
            ("phones", f"{len(set(tally['client']) - {''}):,}"),
            ("attempts", f"{tally['attempts'].sum():,}"),
            ("oddities", f"{len(self.findings)} kinds, listed under data quality" if self.findings else "none"),
        ]


def _total(counts: Sequence[int]) -> int:
    return sum(counts)


def _spellings(number: str) -> tuple[str, ...]:
    """The ways in which a typed number may be stored as other party; 503-555-0199 may be +15035550199."""
    plain = without_separators(number.strip())
    digits = plain.removeprefix("+")
    return tuple(dict.fromkeys([number.strip(), plain, digits, f"+{digits}", f"+1{digits}"]))


def _findings_of(counts: Counted, environment: str) -> list[Finding]:
    outside = "attempts outside the days that were asked for"
    if environment and counts.told:
        elsewhere = f"attempts outside the environment {environment!r}"
        return [
            Finding(elsewhere, counts.attempts - counts.in_environment, "left out"),
            Finding(outside, counts.in_environment - counts.in_both, AS_ASKED),
        ]
    untold = counts.attempts if environment else 0
    return [
        Finding(
            "attempts of which the source tells no environment", untold, f"kept, though {environment!r} was asked for"
        ),
        Finding(outside, counts.attempts - counts.in_days, AS_ASKED),
    ]


def parse_day(name: str, text: str) -> date | None:
    """The day in a parameter such as 2025-01-31, None for ""; raises InputError for other text."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError(Fault(f"parameter {name}", f"is not a day: {text!r}", "write it as 2025-01-31")) from None
    # The days around it are counted with, and times are kept to the microsecond.
    if day.year not in YEARS:
        years = f"a year from {YEARS[0]} to {YEARS[-1]}"
        raise InputError(Fault(f"parameter {name}", f"is too far away: {text!r}", f"write {years}, or leave it empty"))
    return day
