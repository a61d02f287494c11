"""The call report's own cells over a source, without a kernel: SOURCE; prints the attempts by outcome."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dialtone_nb.calls.figures.figure import Figure
from dialtone_nb.display.outputs import figure_bundle

ROOT = Path(__file__).parents[3]
OPENING = "open_runbook"


def main(source: str) -> None:
    """Run the cells, and show what each ends in, as a notebook would."""
    notebook = json.loads((ROOT / "notebooks" / "call_report.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    parameters: dict[str, Any] = {}
    tagged = next(cell for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    exec("".join(tagged["source"]), parameters)  # literals alone
    parameters["source"] = source
    runbook = SimpleNamespace(parameters=SimpleNamespace(**parameters), project=ROOT)
    space: dict[str, Any] = {**parameters, "runbook": runbook}
    for cell in cells:
        text = "".join(cell["source"])
        if cell is not tagged and OPENING not in text:
            show(run(text, space))
    counts = space["calls"].tally().groupby("outcome")["attempts"].sum()
    print(json.dumps({str(outcome): int(count) for outcome, count in counts.items()}))


def run(text: str, space: dict[str, Any]) -> Any:
    """The value of a cell's last expression."""
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), space) if isinstance(last, ast.Expr) else None


def show(value: Any) -> None:
    """What the page would hold of it."""
    if isinstance(value, Figure):
        figure_bundle(value)
    elif hasattr(value, "_repr_html_"):
        value._repr_html_()


if __name__ == "__main__":
    main(sys.argv[1])
