"""What came of a plan: an outcome for each change, the check and the record."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.errors import ApplyError
from dialtone_nb.infrastructure.apply import Outcome, Status
from dialtone_nb.infrastructure.plan import Plan
from dialtone_nb.infrastructure.record import Record


@dataclass(frozen=True)
class Applied:
    """What came of a plan: nothing yet, or an outcome for each change, the check and the record."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    check: Plan | None = None
    record: Record | None = None
    # What else was written, such as a device sheet.
    said: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every change was done and planning once more finds nothing."""
        done = all(one.status is Status.DONE for one in self.outcomes)
        return self.plan.is_empty or (bool(self.outcomes) and done and self.check is not None and self.check.is_empty)

    @property
    def exit_code(self) -> int:
        """0 nothing to do or all done and checked, 2 not consented to, 4 partly applied."""
        if self.is_complete:
            return 0
        return ApplyError.exit_code if self.outcomes else 2

    @property
    def summary(self) -> str:
        """One line of what happened."""
        if self.plan.is_empty:
            return f"{self.plan.title}: nothing to do"
        if not self.outcomes:
            return f"{self.plan.title}: {self.plan.summary}; nothing was done: no consent to {self.plan.fingerprint}"
        done = sum(one.status is Status.DONE for one in self.outcomes)
        if self.is_complete:
            every = f"all {done} changes" if done > 1 else "the one change"
            return f"{self.plan.title}: {every} done, the check found nothing left to do"
        if self.check is not None and done == len(self.outcomes):
            return f"{self.plan.title}: all {done} changes done, but the check finds {self.check.summary}"
        return f"{self.plan.title}: {done} of {len(self.outcomes)} changes done; run again to go on"
