"""A cold `require` of the deployed function's modules, and a decision, beside the same with a phone-number library."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import table_module
from dialtone_nb.parameters import load_parameters
from tests.benchmarks.child import ROOT, run_program
from tests.benchmarks.comparison import Better, Comparison, Size
from tests.contract.official import NODE

HERE = ROOT / "tests" / "benchmarks"
LIBRARY = HERE / "node_modules" / "google-libphonenumber"
PEER = "the same with google-libphonenumber"
RUNS = {Size.FULL: 9, Size.QUICK: 3}
LINES = {
    "cold": "cold require of the decision and its table",
    "firstDecision": "first decision after it",
    "decision": "a decision in a warm function",
}


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """The fastest of some starts of Node each."""
    for path in (ROOT / "dialtone_nb/service/functions").glob("*.private.js"):
        shutil.copy(path, folder)
    (folder / "table.private.js").write_text(
        table_module(compile_table(load_parameters(ROOT / "parameters" / "sample")))
    )
    ours, theirs = (
        [
            run_program([str(NODE), str(HERE / "programs/decide_once.js"), str(folder), *library]).said
            for _ in range(RUNS[size])
        ]
        for library in ((), (str(LIBRARY),))
    )
    for name, what in LINES.items():
        best = [min(run[name] for run in runs) for runs in (ours, theirs)]
        yield Comparison(what, "ms", best[0], PEER, best[1], Better(5))
