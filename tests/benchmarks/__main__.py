"""`make bench`: measure every figure and its peer's, and print one table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.comparison import Comparison, Size
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.registry import FIGURES, measure_of
from tests.benchmarks.table import markdown_table, text_table
from tests.pages import renew


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 if every figure could be measured, whether its aim was met or not, else 1."""
    wanted = _parse(arguments)
    machine = describe_machine()
    lines: list[Comparison] = []
    failed: list[str] = []
    for name in wanted.figures:
        print(f"{name}: {FIGURES[name]} …", file=sys.stderr, flush=True)
        try:
            with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
                lines += measure_of(name)(wanted.size, Path(folder))
        except Exception as error:  # one figure that can't be measured must not hide the others
            failed.append(f"{name} could not be measured: {type(error).__name__}: {error}")
    print(f"\n{text_table(lines)}\n\nsize {wanted.size}; {machine}")
    for line in failed:
        print(line, file=sys.stderr)
    if wanted.write:
        renew(wanted.write, "figures", "Figures", f"{markdown_table(lines)}\n\nSize {wanted.size}. {machine}.")
    return 1 if failed else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    known = "\n".join(f"  {name:<10} {about}" for name, about in FIGURES.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=f"Measures us beside our peers.\n\nfigures:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "figures", nargs="?", default=",".join(FIGURES), help="names with commas between them; else all"
    )
    parser.add_argument("--size", type=Size, choices=list(Size), default=Size.FULL, help="how much is measured")
    parser.add_argument("--write", type=Path, metavar="FILE", help="renew the table of this page")
    wanted = parser.parse_args(arguments)
    wanted.figures = [name for name in wanted.figures.split(",") if name]
    strangers = [name for name in wanted.figures if name not in FIGURES]
    if strangers:
        parser.error(f"no figure: {', '.join(strangers)}; there are {', '.join(FIGURES)}")
    return wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
