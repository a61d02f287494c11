"""The call report's own cells over a source, without a kernel: SOURCE [WORKERS]; prints the attempts by outcome.

With WORKERS a Dask cluster of this many processes counts an archive.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.display.outputs import figure_bundle
from dialtone_nb.parameters import load_parameters
from dialtone_nb.runbooks.steps.opening import sample_folder

ROOT = Path(__file__).parents[3]
OPENING = "open_runbook"


def report(source: str, engine: str = "") -> str:
    """Run the cells and render each result as a notebook would; print the attempts by outcome as JSON."""
    notebook = json.loads((ROOT / "notebooks" / "call_report.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    parameters: dict[str, Any] = {}
    tagged = next(cell for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    exec("".join(tagged["source"]), parameters)  # literals alone
    parameters |= {"source": source, "engine": engine}
    declared = load_parameters(sample_folder(ROOT))
    runbook = SimpleNamespace(parameters=SimpleNamespace(**parameters), declared=declared, project=ROOT)
    space: dict[str, Any] = {**parameters, "runbook": runbook}
    for cell in cells:
        text = "".join(cell["source"])
        if cell is not tagged and OPENING not in text:
            show(run(text, space))
    counts = space["calls"].tally().groupby("outcome")["attempts"].sum()
    return json.dumps({str(outcome): int(count) for outcome, count in counts.items()})


def run(text: str, space: dict[str, Any]) -> Any:
    """The value of a cell's last expression."""
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), space) if isinstance(last, ast.Expr) else None


def show(value: Any) -> None:
    """Render a value as the page would."""
    if isinstance(value, Figure):
        figure_bundle(value)
    elif hasattr(value, "_repr_html_"):
        value._repr_html_()


def report_by_cluster(source: str, workers: int) -> str:
    """The same by a Dask cluster on this machine."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        return report(source, cluster.scheduler_address)


if __name__ == "__main__":
    # Last of all: workers that are slow to end are told of before.
    print(report_by_cluster(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else report(sys.argv[1]))
