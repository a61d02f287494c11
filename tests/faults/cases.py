"""One case of the sweep: an apply on a copied account meets a fault at one of its API calls, and is run again."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field, replace
from pathlib import Path

from tenacity import wait_none

from dialtone_nb.account import transport
from dialtone_nb.errors import DialtoneError, HeldError
from dialtone_nb.infrastructure.claim import LASTS
from tests.faults.accounts import OPERATOR, copied, open_desk
from tests.faults.applies import Apply
from tests.faults.calls import Routing, misrouted, place_calls
from tests.faults.children import run_in_child
from tests.faults.states import AccountState, Difference, claims_in, compare_accounts, read_state
from tests.faults.strikes import Fault, strike, watch
from tests.infrastructure.desk import Desk, lines, told

RUNS = 3


@dataclass(frozen=True)
class Undisturbed:
    """An apply without a fault: its number of API calls, the final state, and how calls end before and after it."""

    requests: int
    state: AccountState
    before: Routing
    after: Routing
    # Calls that came out wrongly, of those placed while it is under way.
    misrouted: tuple[str, ...]
    placed: int


@dataclass(frozen=True)
class Case:
    """One fault at one API call of one apply."""

    apply: Apply
    fault: Fault
    call: int

    def __str__(self) -> str:
        return f"{self.apply.name}, {self.fault.name}, call {self.call}"


@dataclass(frozen=True)
class Verdict:
    """The result of a case; `runs` is how often it was run again until its plan was empty."""

    case: Case
    runs: int = 0
    converged: bool = False
    difference: Difference = field(default_factory=Difference)
    misrouted: tuple[str, ...] = ()
    placed: int = 0
    error: str = ""
    # Whether a dead run's claim was in the way when it was run again, and whether it is there in the end.
    was_held: bool = False
    is_held: bool = False

    @property
    def is_good(self) -> bool:
        """Whether it converged without a lost or duplicated resource or a misrouted call."""
        return self.converged and not (self.difference or self.misrouted or self.error)


def apply_undisturbed(apply: Apply, account: Path, every: int = 1) -> Undisturbed:
    """Run the apply without a fault, placing calls before it, every few API calls, and after it."""
    with copied(account) as folder:
        ended = run_in_child(lambda: _apply_while_calls_are_placed(apply, folder, every), folder.parent)
        if ended.value is None:
            raise AssertionError(f"{apply.name} does not even go well undisturbed: {ended.error}")
        requests, (before, *meanwhile, after) = ended.value
        wrong = [line for found in meanwhile for line in misrouted(found, before, after, apply.calls)]
        placed = len(meanwhile) * len(apply.calls)
        return Undisturbed(requests, read_state(folder), before, after, tuple(wrong), placed)


def run_case(case: Case, account: Path, usual: Undisturbed) -> Verdict:
    """Run the case: a process with the fault, then another without."""
    with copied(account) as folder:
        struck = run_in_child(lambda: _apply_struck(case, folder), folder.parent)
        if struck.signal not in (0, signal.SIGKILL):
            return Verdict(
                case, error="took too long" if struck.signal == signal.SIGABRT else f"signal {struck.signal}"
            )
        if struck.error:
            return Verdict(case, error=f"struck: {struck.error}")
        verdict = Verdict(case, converged=bool(struck.value))
        if not struck.value:
            again = run_in_child(lambda: _run_again(case, folder, usual), folder.parent)
            if again.value is None:
                return Verdict(case, error=f"run again: {again.error or again.signal}")
            verdict = again.value
        is_held = bool(claims_in(folder / "state.db"))
        return replace(verdict, difference=compare_accounts(folder, usual.state), is_held=is_held)


def _apply_while_calls_are_placed(apply: Apply, folder: Path, every: int) -> tuple[int, list[Routing]]:
    """The number of the apply's API calls, and how calls ended before it, meanwhile and after it."""
    desk, callers = apply.prepare(_open(folder)), _open(folder)
    found = [place_calls(desk, apply.calls)]

    def call(number: int) -> None:
        if number % every == 0:
            found.append(place_calls(callers, apply.calls))

    desk.requests()
    watch(desk, call, lambda _: None)
    applied = desk.carry_out(apply.propose(desk))
    requests = sum(desk.requests().values())
    if not applied.is_complete:
        raise AssertionError(told(applied))
    return requests, [*found, place_calls(desk, apply.calls)]


def _apply_struck(case: Case, folder: Path) -> bool:
    """Whether the apply succeeded despite the fault."""
    desk = case.apply.prepare(_open(folder))
    strike(desk, case.fault, case.call)
    try:
        return desk.carry_out(case.apply.propose(desk)).is_complete
    except DialtoneError:
        return False


def _run_again(case: Case, folder: Path, usual: Undisturbed) -> Verdict:
    """Run again without faults until the plan is empty, and return the result."""
    desk = case.apply.prepare(_open(folder))
    found = place_calls(desk, case.apply.calls)
    wrong = misrouted(found, usual.before, usual.after, case.apply.calls)
    was_held = False
    for runs in range(1, RUNS + 1):
        proposal = case.apply.propose_again(desk)
        if proposal.plan.is_empty:
            return Verdict(case, runs, True, misrouted=wrong, placed=len(found), was_held=was_held)
        try:
            applied = desk.carry_out(proposal)
        except HeldError as held:
            was_held = True
            applied = desk.carry_out(proposal, break_claim=_settle_claim(desk, held, case))
        if applied.is_complete:
            return Verdict(case, runs, True, misrouted=wrong, placed=len(found), was_held=was_held)
    return Verdict(case, RUNS, False, misrouted=wrong, placed=len(found), error="; ".join(lines(proposal.plan)))


def _settle_claim(desk: Desk, held: HeldError, case: Case) -> str:
    """Break the dead run's claim by name; every second time wait until it expires instead."""
    if held.holder != OPERATOR:
        raise AssertionError(f"the claim is said to be {held.holder}'s")
    if case.call % 2:
        return held.holder
    desk.account.wait(LASTS.total_seconds() + 1)
    return ""


def _open(folder: Path) -> Desk:
    # Backing off is tried elsewhere; here it would only take time.
    vars(transport)["wait_random_exponential"] = lambda **_: wait_none()
    return open_desk(folder)
