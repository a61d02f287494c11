"""Applies that are killed at a random moment while they hold the claim, then run again, with results.

The sweep's faults are at API calls; a kill can also come in between, while a file is written or the rehearsal saves.
The next run reports the claim's holder, and breaks it by that name, or waits until it expires. Probe holds no claim: it
is killed before one of its API calls, and the next run removes what is left.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialtone_nb.probe.findings import carry_out
from dialtone_nb.probe.leftovers import list_leftovers
from dialtone_nb.probe.probes import Allowed, Choice, choose_probes
from tests.faults.accounts import copied, make_account, open_desk
from tests.faults.applies import APPLIES, Apply
from tests.faults.cases import Case, Verdict
from tests.faults.children import run_in_child
from tests.faults.states import claims_in, read_state
from tests.faults.strikes import HELD, LOOK_EVERY_S, watch
from tests.faults.sweep import prepared, run_cases
from tests.faults.tables import as_table

KILLS = 100
SEED = 7
WORKERS = 2
# One apply of each runbook that makes any; the first is quickly prepared, for a small run.
KILLED = (
    "client, new password",
    "deploy, one function",
    "promote",
    "client, add",
    "delete, client",
    "protect",
    "rotate, next trunk password",
)
PROBE = "probe, at an API call"
# A few of its probes do: what a run leaves behind are the things that all of them share.
PROBES = 6


@dataclass(frozen=True)
class ProbeKill:
    """A probe killed before this API call: the resources that it left, and those that the next one left."""

    call: int
    left: tuple[str, ...]
    still_left: tuple[str, ...]
    # Whether the account is as it was before any of it.
    is_as_before: bool

    @property
    def is_good(self) -> bool:
        """Whether no probe resource is left, and no other was changed."""
        return not self.still_left and self.is_as_before


def kill_applies(
    kills: int, names: Sequence[str] = KILLED, on_verdict: Callable[[Verdict], None] = lambda _: None
) -> list[Verdict]:
    """Kill and rerun these applies in turn, this many times, at random moments by the seed."""
    applies = [one for name in names for one in APPLIES if one.name == name]
    drawn = random.Random(SEED)
    with prepared(applies, every=10**6) as ready:
        held = {one.name: _held_ms(one, ready.accounts[one.account]) for one in applies}
        cases = [
            Case(apply, HELD, drawn.randrange(held[apply.name] + 1))
            for apply in (applies[number % len(applies)] for number in range(kills))
        ]
        return run_cases(ready, cases, on_verdict, workers=WORKERS)


def _held_ms(apply: Apply, account: Path) -> int:
    """How long an undisturbed run of the apply holds the claim, in milliseconds."""
    with copied(account) as folder:
        ended = run_in_child(lambda: _apply_timed(apply, folder), folder.parent)
    assert ended.value is not None, ended
    return ended.value


def _apply_timed(apply: Apply, folder: Path) -> int:
    desk, seen = apply.prepare(open_desk(folder)), list[float]()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(LOOK_EVERY_S):
            if claims_in(folder / "state.db"):
                seen.append(time.monotonic())

    looking = threading.Thread(target=look)
    looking.start()
    desk.do(apply.propose(desk))
    is_over.set()
    looking.join()
    return round(1000 * (seen[-1] - seen[0]))


def kill_probes(kills: int) -> list[ProbeKill]:
    """Kill and rerun probe this many times, at random API calls by the seed."""
    with tempfile.TemporaryDirectory(prefix="killed-probes-") as name:
        account = Path(name) / "account"
        make_account(account, "stage")
        with copied(account) as folder:
            counted = run_in_child(lambda: _probe(folder), folder.parent)
            assert counted.value, counted
        drawn = random.Random(SEED)
        return [_kill_probe(account, drawn.randint(1, counted.value)) for _ in range(kills)]


def _kill_probe(account: Path, call: int) -> ProbeKill:
    with copied(account) as folder:
        before = read_state(folder).things
        struck = run_in_child(lambda: _probe(folder, call), folder.parent)
        assert struck.signal == signal.SIGKILL, struck
        left = run_in_child(lambda: list_leftovers(open_desk(folder).account), folder.parent).value
        run_in_child(lambda: _probe(folder), folder.parent)
        still = run_in_child(lambda: list_leftovers(open_desk(folder).account), folder.parent).value
        assert left is not None
        assert still is not None
        return ProbeKill(call, tuple(left), tuple(still), read_state(folder).things == before)


def _probe(folder: Path, killed_at: int = 0) -> int:
    """Run free probes and count their API calls; end the process before the given call, if one is given."""
    desk = open_desk(folder)
    desk.requests()

    def kill(number: int) -> None:
        if number == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    watch(desk, kill, lambda _: None)
    carry_out(desk.account, {}, Choice(choose_probes(Allowed()).probes[:PROBES], {}))
    return sum(desk.requests().values())


def table_of_kills(verdicts: Sequence[Verdict], probes: Sequence[ProbeKill]) -> str:
    """A row an apply: the results of its kills."""
    heads = [
        "apply",
        "killed",
        "its claim named, and broken or waited for",
        "nothing left to do, the claim runs out",
        "no claim in the way",
        "over before",
        "not converged",
        "doubled",
        "orphans",
        "lost",
        "bought twice",
        "released",
    ]
    groups: dict[str, list[Verdict]] = {}
    for one in verdicts:
        groups.setdefault(one.case.apply.name, []).append(one)
    rows: list[list[Any]] = [[name, *_cells(group)] for name, group in groups.items()]
    if probes:
        still = sum(len(one.still_left) for one in probes)
        changed = sum(not one.is_as_before for one in probes)
        rows.append([PROBE, len(probes), 0, 0, len(probes), 0, 0, 0, still, changed, 0, 0])
    return as_table(heads, [*rows, ["all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])]])


def _cells(verdicts: Sequence[Verdict]) -> list[int]:
    over = [one for one in verdicts if one.converged and not one.runs]
    named = [one for one in verdicts if one.was_held]
    running_out = [one for one in verdicts if one.is_held]
    free = [one for one in verdicts if one not in over and one not in named and one not in running_out]
    differences = [one.difference for one in verdicts]
    return [
        len(verdicts),
        *map(len, (named, running_out, free, over)),
        sum(not one.converged for one in verdicts),
        sum(len(one.duplicates) for one in differences),
        sum(len(one.orphans) for one in differences),
        sum(len(one.missing) + len(one.passwords) for one in differences),
        sum(len(one.bought_twice) for one in differences),
        sum(len(one.released) for one in differences),
    ]
