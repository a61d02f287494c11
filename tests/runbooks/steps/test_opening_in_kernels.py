"""The opening call in a real kernel, run by plain papermill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import papermill
import pytest

from dialtone_nb.cli.running.kernels import started_kernel
from dialtone_nb.cli.running.run import run_runbook
from dialtone_nb.runbooks.steps.parameters_cell import read_source
from tests.runbooks.conftest import Write


def execute(project: Path, folder: str, **parameters: object) -> None:
    """Plain papermill, started in a folder of the project."""
    notebook, executed = project / "notebooks" / "small.ipynb", project / "executed.ipynb"
    papermill.execute_notebook(notebook, executed, parameters, progress_bar=False, cwd=project / folder)


def outputs_of(project: Path, name: str = "executed.ipynb") -> list[Any]:
    """All outputs of an executed copy."""
    cells = json.loads((project / name).read_text())["cells"]
    return [output for cell in cells for output in cell.get("outputs", ())]


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_a_runbook_opens_in_the_root_and_in_notebooks(project: Path, write_runbook: Write, folder: str) -> None:
    """papermill's kernel starts in the caller's folder, JupyterLab's and nbval's beside the notebook."""
    write_runbook("small", "print(runbook.project, runbook.environment, runbook.attended)")
    execute(project, folder, environment="prod")
    assert outputs_of(project)[-1]["text"] == [f"{project} prod False\n"]


def test_every_bad_parameter_is_one_line_in_the_cell_and_nothing_after_it_runs(
    project: Path, write_runbook: Write
) -> None:
    """papermill itself accepts all three: an unknown one, a guessed number, an undeclared environment."""
    write_runbook("small", "open('ran', 'w').close()")
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        execute(project, ".", enviroment="prod", consent=float("inf"), environment="prd")
    assert caught.value.ename == "ParametersError"
    (shown,) = [output for output in outputs_of(project) if output["output_type"] == "error"]
    first, *others = shown["traceback"]
    assert first.startswith("ParametersError: parameter enviroment of small: small has no parameter 'enviroment'; did")
    assert others == [
        "  parameter consent of small: inf is not text; put it in quotes, or pass it with -r consent VALUE",
        "  parameter environment of small: the environment 'prd' is not declared in network.yaml; did you mean 'prod'?",
    ]
    assert not (project / "ran").exists()


def test_nobody_is_asked_though_the_command_was_started_from_a_notebook(
    project: Path, write_runbook: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process started in JupyterLab inherits the session's name, but its own kernels have no user."""
    monkeypatch.setenv("JPY_SESSION_NAME", "deploy.ipynb")
    write_runbook("small", "runbook.attended")
    with started_kernel(project) as kernel:
        source = read_source(project, "small")
        run_runbook(source, {}, project / "executed.ipynb", project=project, kernel=kernel)
    assert outputs_of(project)[-1]["data"]["text/plain"] == ["False"]


def test_a_figure_is_kept_as_its_json(project: Path, write_runbook: Write) -> None:
    """The opening call sets plotly's renderer without importing plotly."""
    cell = "import sys\nassert 'plotly' not in sys.modules\nimport plotly.graph_objects as go\ngo.Figure()"
    write_runbook("small", cell)
    execute(project, ".")
    assert set(outputs_of(project)[-1]["data"]) == {"application/vnd.plotly.v1+json", "text/plain"}
