"""The sweep: every fault at every API call of every apply, spread over the processors."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from tests.faults.accounts import make_accounts
from tests.faults.applies import APPLIES, Apply
from tests.faults.cases import Case, Undisturbed, Verdict, apply_undisturbed, run_case
from tests.faults.strikes import FAULTS

SEED = 7
# While one waits for an answer that doesn't come, or for functions to start, another can work.
WORKERS_A_PROCESSOR = 2


@dataclass(frozen=True)
class Prepared:
    """The accounts that applies start from, and each apply's undisturbed result."""

    accounts: Mapping[str, Path]
    undisturbed: Mapping[str, Undisturbed]


@contextmanager
def prepared(applies: Sequence[Apply] = APPLIES, every: int = 1) -> Iterator[Prepared]:
    """Prepare all that cases need, for the block; calls are placed at every few API calls."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        accounts = make_accounts(Path(folder), [one.account for one in applies])
        yield Prepared(accounts, {one.name: apply_undisturbed(one, accounts[one.account], every) for one in applies})


def list_cases(ready: Prepared, applies: Iterable[Apply] = APPLIES) -> list[Case]:
    """Every case."""
    return [
        Case(apply, fault, call)
        for apply, fault in itertools.product(applies, FAULTS)
        if apply.builds or not fault.is_of_builds
        for call in ([1] if fault.is_of_builds else range(1, ready.undisturbed[apply.name].requests + 1))
    ]


def sample_cases(cases: Sequence[Case], most: int, seed: int = SEED) -> list[Case]:
    """A random sample of the cases by the seed, with each apply and each fault about equally often."""
    chosen = random.Random(seed).sample(range(len(cases)), min(most, len(cases)))
    return [cases[index] for index in sorted(chosen)]


def run_cases(
    ready: Prepared, cases: Sequence[Case], on_verdict: Callable[[Verdict], None] = lambda _: None, workers: int = 0
) -> list[Verdict]:
    """The result of each case."""
    context = multiprocessing.get_context("fork")
    todo: SimpleQueue[int] = context.SimpleQueue()
    verdicts: SimpleQueue[tuple[int, Verdict]] = context.SimpleQueue()

    def work() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.nice(5)
        while True:
            index = todo.get()
            case = cases[index]
            verdicts.put(
                (index, run_case(case, ready.accounts[case.apply.account], ready.undisturbed[case.apply.name]))
            )

    working = [context.Process(target=work) for _ in range(workers or WORKERS_A_PROCESSOR * (os.cpu_count() or 1))]
    for process in working:
        process.start()
    try:
        found = _hand_out(len(cases), 2 * len(working), todo, verdicts, on_verdict)
    finally:
        for process in working:
            process.terminate()
            process.join()
    return [found[index] for index in range(len(cases))]


def _hand_out(
    cases: int,
    ahead: int,
    todo: SimpleQueue[int],
    verdicts: SimpleQueue[tuple[int, Verdict]],
    on_verdict: Callable[[Verdict], None],
) -> dict[int, Verdict]:
    """The verdicts; a few cases are always queued for the next idle worker."""
    found: dict[int, Verdict] = {}
    waiting = iter(range(cases))
    for index in itertools.islice(waiting, ahead):
        todo.put(index)
    while len(found) < cases:
        index, verdict = verdicts.get()
        for following in itertools.islice(waiting, 1):
            todo.put(following)
        found[index] = verdict
        on_verdict(verdict)
    return found
