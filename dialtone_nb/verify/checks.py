"""A check: its subject, its state, what that means, and how to repair it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `name` is its own among all checks, and what accepted.yaml calls it by."""

    subject: str
    name: str
    state: CheckState
    found: str
    meaning: str
    repair: str = ""

    @property
    def label(self) -> str:
        """The name without its subject, such as "credential" for the phone lobby."""
        return self.name.removesuffix(f" of {self.subject.rpartition(' ')[2]}")


def good(subject: str, name: str, found: str, meaning: str) -> Check:
    """A check of something that is as it should be."""
    return Check(subject, name, CheckState.GOOD, found, meaning)


def wrong(subject: str, name: str, found: str, meaning: str, repair: str) -> Check:
    """A check of something that has to be repaired."""
    return Check(subject, name, CheckState.WRONG, found, meaning, repair)


def unknown(subject: str, name: str, found: str, meaning: str, repair: str = "") -> Check:
    """A check without a result; `found` says why."""
    return Check(subject, name, CheckState.UNKNOWN, found, meaning, repair)


@dataclass(frozen=True)
class Verification:
    """All checks of one environment, by subject; `notes` name the entries of accepted.yaml that mute nothing."""

    environment: str
    account: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    def of(self, state: CheckState) -> list[Check]:
        """The checks in one state."""
        return [check for check in self.checks if check.state is state]

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong, 2 otherwise; what is unknown or accepted counts as neither."""
        return 2 if self.of(CheckState.WRONG) else 0

    @property
    def summary(self) -> str:
        """One line: how many checks, how many of them good, and the names of the wrong ones."""
        bad = self.of(CheckState.WRONG)
        good_ones = len(self.of(CheckState.GOOD))
        others = [f"{len(self.of(state))} {state}" for state in (CheckState.UNKNOWN, CheckState.ACCEPTED)]
        counts = ", ".join([f"{good_ones} good", *(text for text in others if not text.startswith("0 "))])
        if not bad:
            return f"Verify {self.environment}: nothing wrong in {len(self.checks)} checks ({counts})"
        return f"Verify {self.environment}: {len(bad)} of {len(self.checks)} checks wrong: {list_names(bad)} ({counts})"


def list_names(checks: Sequence[Check]) -> str:
    """The names of these checks in one line; of many, the first."""
    names = [check.name for check in checks]
    return ", ".join(names) if len(names) <= 5 else f"{', '.join(names[:5])} and {len(names) - 5} more"
