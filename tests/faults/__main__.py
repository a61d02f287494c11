"""`python -m tests.faults [PARTS]`: the reliability tables as Markdown; 1 where anything is amiss."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialtone_nb.rehearsal.assumptions import BEHAVIOUR_VARIABLE, BEHAVIOURS, RECORDED
from tests.faults.attacks import amiss as amiss_of_attacks
from tests.faults.attacks import run_attacks, table_of_attacks
from tests.faults.cases import Verdict
from tests.faults.faulted_calls import amiss, table_of_calls, try_calls
from tests.faults.faulted_calls import list_cases as list_faulted
from tests.faults.fuzzing import READERS, TEXTS, fuzz, table_of_fuzzing
from tests.faults.kills import KILLED, KILLS, kill_applies, kill_probes, table_of_kills
from tests.faults.long_run import BOUND_MB, CALLS, run_long
from tests.faults.planted_causes import amiss as amiss_of_causes
from tests.faults.planted_causes import list_cases as list_planted
from tests.faults.planted_causes import table_of_causes, try_causes
from tests.faults.probed import probe_all, table_of_probed
from tests.faults.registrations import (
    run_month,
    table_of_alarms,
    table_of_faults,
    table_of_lines,
    table_of_time,
    wrong_for_too_long,
)
from tests.faults.served_load import EVERY_S, LASTS_S, serve_under_load
from tests.faults.spellings import SPELLINGS, table_of_spellings, try_spellings
from tests.faults.suites import run_suites, table_of_suites
from tests.faults.sweep import SEED, Prepared, list_cases, prepared, run_cases, sample_cases
from tests.faults.tables import table_by_apply, table_by_fault
from tests.faults.toll_fraud import DIALLED, sample_table, table_of_dialling, try_dialling
from tests.faults.watched_year import SEEDS as YEARS
from tests.faults.watched_year import missed, run_years, table_of_year
from tests.faults.whole_notebooks import CASES, break_all_off, table_of_breaks
from tests.pages import renew
from tests.service.node import Functions

# Where only a sample runs, calls are placed at so many API calls' distance.
SAMPLED_EVERY = 12
# How often whoever waits for all cases is told how far they are.
TOLD_EVERY = 100
# With how many seeds each cause is planted.
SEEDS = 3


@dataclass(frozen=True)
class Part:
    """The result of one part: its tables, and a line for each problem."""

    tables: tuple[str, ...]
    amiss: tuple[str, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _options().parse_args(arguments)
    # Whatever starts a rehearsal from now on, here or in a process of its own.
    os.environ[BEHAVIOUR_VARIABLE] = options.twilio
    # Told to end, it ends as with Ctrl-C, and takes its processes along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    is_good = True
    for name in options.parts:
        heading, run = PARTS[name]
        started = time.monotonic()
        part = run(options)
        print("\n\n".join((f"**{heading}**", *part.tables)))
        print(f"\n{time.monotonic() - started:.0f} s\n", flush=True)
        if options.write:
            renew(options.write, name, heading, "\n\n".join(part.tables))
        for line in part.amiss:
            print(line, file=sys.stderr)
        is_good = is_good and not part.amiss
    return 0 if is_good else 1


def _sweep(options: argparse.Namespace) -> Part:
    sample = options.sample
    with prepared(every=SAMPLED_EVERY if sample else 1) as ready:
        verdicts = _run(ready, sample, options.seed)
        tables = table_by_apply(verdicts, ready.undisturbed), table_by_fault(verdicts)
        wrong = [
            f"{name}, undisturbed: {call}" for name, usual in ready.undisturbed.items() for call in usual.misrouted
        ]
    return Part(tables, tuple([_told(verdict) for verdict in verdicts if not verdict.is_good] + wrong))


def _run(ready: Prepared, sample: int, seed: int) -> list[Verdict]:
    every = list_cases(ready)
    cases = sample_cases(every, sample, seed) if sample else every
    print(f"{len(cases):,} of {len(every):,} cases" + (f", chosen by seed {seed}" if sample else ""), flush=True)
    done = 0

    def tell(_: Verdict) -> None:
        nonlocal done
        done += 1
        if done % TOLD_EVERY == 0:
            print(f"{done:,} of {len(cases):,} cases", file=sys.stderr, flush=True)

    return run_cases(ready, cases, tell)


def _told(verdict: Verdict) -> str:
    parts = {name: value for name, value in vars(verdict.difference).items() if value}
    parts |= {"misrouted": verdict.misrouted} if verdict.misrouted else {}
    parts |= {"error": verdict.error} if verdict.error else {}
    ended = "converged" if verdict.converged else "not converged"
    return f"{verdict.case}: {ended} after {verdict.runs} more runs; {parts}"


def _whole_notebooks(_: argparse.Namespace) -> Part:
    verdicts = break_all_off(CASES)
    amiss = ("\n".join((f"{one.case}: {one.codes}", *one.secrets, *one.said)) for one in verdicts if not one.is_good)
    return Part((table_of_breaks(verdicts),), tuple(amiss))


def _kills(options: argparse.Namespace) -> Part:
    kills = options.sample or KILLS
    probes = kill_probes(kills // 8)
    verdicts = kill_applies(
        kills, KILLED[:kills], on_verdict=lambda verdict: print(verdict.case, file=sys.stderr, flush=True)
    )
    told = [_told(verdict) for verdict in verdicts if not verdict.is_good]
    return Part((table_of_kills(verdicts, probes),), tuple(told + [str(one) for one in probes if not one.is_good]))


def _probe(_: argparse.Namespace) -> Part:
    runs = probe_all(lambda run: print(run.twilio, file=sys.stderr, flush=True))
    return Part((table_of_probed(runs),), tuple(line for run in runs for line in run.amiss))


def _attacks(_: argparse.Namespace) -> Part:
    held = run_attacks()
    return Part((table_of_attacks(held),), tuple(amiss_of_attacks(held)))


def _dialling(_: argparse.Namespace) -> Part:
    tried = try_dialling(DIALLED)
    return Part((table_of_dialling(tried),), tuple(tried.wrong))


def _fuzzing(_: argparse.Namespace) -> Part:
    fuzzed = [fuzz(name, TEXTS) for name in READERS]
    with tempfile.TemporaryDirectory() as folder, Functions(table := sample_table(), Path(folder)) as functions:
        spelled = try_spellings(table, functions.decide, SPELLINGS)
    broken = (broken for one in fuzzed for broken in one.broken)
    return Part((table_of_fuzzing(fuzzed), table_of_spellings(spelled)), (*broken, *spelled.wrong))


def _calls(_: argparse.Namespace) -> Part:
    verdicts = try_calls(list_faulted(), lambda verdict: print(verdict.case, file=sys.stderr, flush=True))
    return Part((table_of_calls(verdicts),), tuple(amiss(verdicts)))


def _causes(options: argparse.Namespace) -> Part:
    cases = list_planted(seeds=range(options.seed, options.seed + SEEDS))
    verdicts = try_causes(cases, lambda verdict: print(verdict.case, file=sys.stderr, flush=True))
    return Part((table_of_causes(verdicts),), tuple(amiss_of_causes(verdicts)))


def _tests(_: argparse.Namespace) -> Part:
    held = run_suites()
    return Part((table_of_suites(held),), tuple(failed for one in held for failed in one.failed))


def _registrations(_: argparse.Namespace) -> Part:
    month = run_month()
    tables = table_of_faults(month), table_of_time(month), table_of_alarms(month), table_of_lines(month)
    return Part(tables, tuple(wrong_for_too_long(month)))


def _watch(_: argparse.Namespace) -> Part:
    ours, fixed = run_years(YEARS)
    return Part((table_of_year(ours, fixed),), tuple(missed(ours)))


def _serve(options: argparse.Namespace) -> Part:
    load = serve_under_load(options.minutes * 60, tell=lambda line: print(line, file=sys.stderr, flush=True))
    lasted = f"In {load.seconds / 60:.0f} minutes, with a fault every {EVERY_S:.0f} s, each for half of that."
    return Part((load.table(), lasted), load.amiss)


def _long_run(_: argparse.Namespace) -> Part:
    run = run_long(CALLS)
    return Part((run.row(),), () if run.is_good else (f"{run.placed} were placed, {run.reported} reported",))


PARTS: Mapping[str, tuple[str, Callable[[argparse.Namespace], Part]]] = {
    "sweep": ("Every fault at every API call of every apply", _sweep),
    "kills": ("Applies killed at a random moment while they hold the claim, and run again", _kills),
    "probe": ("Probe at Twilios that deviate, and with something in its way", _probe),
    "attacks": ("Attack by attack, before and after", _attacks),
    "notebooks": ("Whole runbooks, broken off and run again", _whole_notebooks),
    "calls": ("Calls while something is broken, without and with what keeps them from being lost", _calls),
    "causes": ("Causes that are planted, and those that troubleshoot names", _causes),
    "tests": ("What single tests hold", _tests),
    "dialling": ("Generated calls, put to the dial plan", _dialling),
    "fuzzing": ("Damaged texts, put to whoever reads what strangers send; spellings of what is dialled", _fuzzing),
    "registrations": ("A simulated month of phones that log their registrations", _registrations),
    "watch": ("Simulated years with planted faults, watched by the default rules and by fixed thresholds", _watch),
    "serve": ("Our own server under load, with one fault after the other", _serve),
    "long-run": (f"A long run, with room for {BOUND_MB} MB more at its end", _long_run),
}


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="?",
        type=_parts,
        default=list(PARTS),
        help=f"with commas between them; else all: {', '.join(PARTS)}",
    )
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="sweep, or kill, so many cases, not all")
    parser.add_argument("--write", type=Path, metavar="FILE", help="renew the tables of this page")
    parser.add_argument("--minutes", type=float, default=LASTS_S / 60, help="how long the server is under load")
    parser.add_argument(
        "--twilio",
        choices=list(BEHAVIOURS),
        default=RECORDED.name,
        help="which Twilio is rehearsed, where recordings and documentation disagree (default: recorded)",
    )
    parser.add_argument("--seed", type=int, default=SEED, help="which ones")
    return parser


def _parts(names: str) -> list[str]:
    parts = names.split(",")
    if strangers := [name for name in parts if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"there is no part {strangers[0]!r}; there are {', '.join(PARTS)}")
    return parts


if __name__ == "__main__":
    sys.exit(main())
