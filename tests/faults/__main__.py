"""`python -m tests.faults`: the reliability tables as Markdown, of all cases or a sample; 1 where anything is amiss."""

from __future__ import annotations

import argparse
import itertools
import signal
import sys
import time
from collections.abc import Sequence

from .cases import Verdict
from .fuzzing import READERS, TEXTS, fuzz, table_of_fuzzing
from .long_run import CALLS, run_long
from .sweep import SEED, Prepared, list_cases, prepared, run_cases, sample_cases
from .tables import table_by_apply, table_by_fault
from .toll_fraud import DIALLED, table_of_dialling, try_dialling
from .whole_notebooks import CASES, break_all_off, table_of_breaks

# Where only a sample runs, calls are placed at so many API calls' distance.
SAMPLED_EVERY = 12
# How often whoever waits for all cases is told how far they are.
TOLD_EVERY = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _options().parse_args(arguments)
    # Told to end, it ends as with Ctrl-C, and takes its processes along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()
    with prepared(every=SAMPLED_EVERY if options.sample else 1) as ready:
        verdicts = _sweep(ready, options.sample, options.seed)
        bad = any(not verdict.is_good for verdict in verdicts)
        wrong = [(name, call) for name, usual in ready.undisturbed.items() for call in usual.misrouted]
        print(f"\n{table_by_apply(verdicts, ready.undisturbed)}\n\n{table_by_fault(verdicts)}\n")
    for name, call in wrong:
        print(f"{name}, undisturbed: {call}", file=sys.stderr)
    print(f"{len(verdicts):,} cases in {time.monotonic() - started:.0f} s\n", flush=True)
    return max(
        1 if bad or wrong else 0,
        _break_off(options.notebooks),
        _dial(options.dialled),
        _fuzz(options.texts),
        _run_long(options.calls),
    )


def _break_off(notebooks: int) -> int:
    if not notebooks:
        return 0
    verdicts = break_all_off(CASES[:notebooks])
    print(f"{table_of_breaks(verdicts)}\n", flush=True)
    bad = [verdict for verdict in verdicts if not verdict.is_good]
    for verdict in bad:
        print("\n".join((f"{verdict.case}: {verdict.codes}", *verdict.secrets, *verdict.said)), file=sys.stderr)
    return 1 if bad else 0


def _dial(calls: int) -> int:
    if not calls:
        return 0
    tried = try_dialling(calls)
    print(f"{table_of_dialling(tried)}\n", flush=True)
    for wrong in tried.wrong:
        print(wrong, file=sys.stderr)
    return 1 if tried.wrong else 0


def _fuzz(texts: int) -> int:
    if not texts:
        return 0
    fuzzed = [fuzz(name, texts) for name in READERS]
    print(f"{table_of_fuzzing(fuzzed)}\n", flush=True)
    for broken in itertools.chain.from_iterable(one.broken for one in fuzzed):
        print(broken, file=sys.stderr)
    return 1 if any(one.broken for one in fuzzed) else 0


def _run_long(calls: int) -> int:
    if not calls:
        return 0
    run = run_long(calls)
    print(run.row())
    return 0 if run.is_good else 1


def _sweep(ready: Prepared, sample: int, seed: int) -> list[Verdict]:
    every = list_cases(ready)
    cases = sample_cases(every, sample, seed) if sample else every
    print(f"{len(cases):,} of {len(every):,} cases" + (f", chosen by seed {seed}" if sample else ""), flush=True)
    done = 0

    def tell(verdict: Verdict) -> None:
        nonlocal done
        done += 1
        if not verdict.is_good:
            print(f"{verdict.case}: {_told(verdict)}", file=sys.stderr, flush=True)
        if done % TOLD_EVERY == 0:
            print(f"{done:,} of {len(cases):,} cases", file=sys.stderr, flush=True)

    return run_cases(ready, cases, tell)


def _told(verdict: Verdict) -> str:
    parts = {name: value for name, value in vars(verdict.difference).items() if value}
    parts |= {"misrouted": verdict.misrouted} if verdict.misrouted else {}
    parts |= {"error": verdict.error} if verdict.error else {}
    return f"{'converged' if verdict.converged else 'not converged'} after {verdict.runs} more runs; {parts}"


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="run so many cases, not all")
    parser.add_argument(
        "--notebooks", type=int, default=len(CASES), metavar="N", help="how many whole runbooks are broken off"
    )
    parser.add_argument(
        "--dialled", type=int, default=DIALLED, help="how many generated calls the dial plan is tried with"
    )
    parser.add_argument("--texts", type=int, default=TEXTS, metavar="N", help="how many texts each reader is given")
    parser.add_argument("--calls", type=int, default=CALLS, metavar="N", help="how long the long run is; 0 for none")
    parser.add_argument("--seed", type=int, default=SEED, help="which ones")
    return parser


if __name__ == "__main__":
    sys.exit(main())
