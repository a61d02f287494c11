"""`make foreign`: other people's programs against the rehearsal, as one table; 1 where one of them fails."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.foreign.programs import PROGRAMS, Program, fill
from tests.foreign.stand import open_stand


@dataclass(frozen=True)
class Outcome:
    """The result of a program."""

    program: Program
    did: str
    took_s: float
    fault: str = ""


def run(program: Program) -> Outcome:
    """Run a program on its own stand, and catch every error."""
    started = time.monotonic()
    did, fault = "", ""
    try:
        with tempfile.TemporaryDirectory(prefix="foreign-") as folder, open_stand(Path(folder)) as stand:
            fill(stand)
            did = program.run(stand, program.version)
    except Exception as error:  # a program that fails must not hide the others
        fault = f"{type(error).__name__}: {error}"
    return Outcome(program, did, time.monotonic() - started, fault)


def table(outcomes: Iterable[Outcome]) -> str:
    """The outcomes as Markdown."""
    rows = (
        (one.program.name, one.program.version, one.program.registry, one.did or "**FAILED**", f"{one.took_s:.0f} s")
        for one in outcomes
    )
    heads = ("| program | version | from | what it did | took |", "| --- | --- | --- | --- | ---: |")
    return "\n".join((*heads, *(f"| {' | '.join(row)} |" for row in rows)))


def main(arguments: Sequence[str] | None = None, programs: Sequence[Program] = PROGRAMS) -> int:
    """Run the programs, print the table and return the exit code."""
    names = [one.name for one in programs]
    parser = argparse.ArgumentParser(prog="python -m tests.foreign", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="PROGRAM", help=f"which; else all: {', '.join(names)}")
    wanted = parser.parse_args(arguments).names or names
    if strangers := [name for name in wanted if name not in names]:
        parser.error(f"there is no program {strangers[0]!r}; there are {', '.join(names)}")
    outcomes = []
    for program in programs:
        if program.name in wanted:
            print(f"{program.name} {program.version} …", file=sys.stderr, flush=True)
            outcomes.append(run(program))
    print(table(outcomes), flush=True)
    for one in outcomes:
        if one.fault:
            print(f"{one.program.name}: {one.fault}", file=sys.stderr)
    return 1 if any(one.fault for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
