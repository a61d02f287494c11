"""A runbook's kernel imports the notebook's modules while it starts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dialtone_nb.cli.running.kernels import imports_ahead, started_kernel
from tests.cli.running.cells import printed

ROOT = Path(__file__).parents[3]


def printed_by(notebook: Path, cell: str) -> str:
    """What a cell prints in a kernel that was started for a notebook."""
    with started_kernel(ROOT, notebook) as manager:
        return printed(manager, cell).strip()


def test_a_kernel_has_imported_what_the_notebook_imports_before_its_first_cell_runs() -> None:
    """The session has none of their names, and the first cell has execution count 1."""
    cell = """
import sys
print('dialtone_nb.calls.load' in sys.modules, [name for name in dir() if name.startswith('load')], len(In))
"""
    assert printed_by(ROOT / "notebooks" / "call_report.ipynb", cell) == "True [] 2"


def test_a_notebook_whose_imports_fail_still_has_its_kernel(tmp_path: Path) -> None:
    """The cell with the import shows the error; importing in advance shows none."""
    notebook = tmp_path / "own.ipynb"
    cells = [{"cell_type": "code", "source": "from dialtone_nb import nothing_of_that_name"}]
    notebook.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert printed_by(notebook, "print(7)") == "7"


def test_a_kernel_has_no_debugger_and_looks_for_garbage_when_its_cells_run() -> None:
    """Both would take time as it starts; a cell can still import the debugger."""
    cell = """
import gc, sys
print("debugpy" in sys.modules, "_pydevd_bundle" in sys.modules, gc.isenabled(), gc.get_freeze_count() > 0)
import debugpy
"""
    assert printed_by(ROOT / "notebooks" / "deploy.ipynb", cell) == "False False True True"


def modules_after(*programs: str) -> list[set[str]]:
    """The top-level modules that a new Python has imported after each of these, which must print nothing."""
    shown = "\nimport sys\nprint(*{name.partition('.')[0] for name, it in sys.modules.items() if it})\n"
    program = "".join(one + shown for one in programs)
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return [set(line.split()) for line in run.stdout.splitlines()]


def test_papermill_comes_without_the_libraries_of_clouds_and_they_can_still_be_imported() -> None:
    """Importing them would take half a second of every run."""
    program = """
from dialtone_nb.cli.running.kernels import without_extras
with without_extras():
    import dialtone_nb.cli.running.run
"""
    found, used, imported = modules_after(program, "import requests; requests.get", "import pyarrow, isoduration")
    assert {"papermill", "nbclient"} <= found
    assert not {"boto3", "pyarrow", "isoduration", "urllib3"} & found
    assert "urllib3" in used
    assert {"pyarrow", "isoduration"} <= imported


FRAMES = frozenset({"pandas", "polars", "pyarrow", "numpy"})
# The slow packages that each runbook's imports may load; those not named here load none.
SLOW = dict.fromkeys(("call_report", "explore", "monitor", "phones", "troubleshoot", "walkthrough", "watch"), FRAMES)


def test_only_runbooks_about_many_calls_import_what_counts_them() -> None:
    """pandas and polars take most of a second, and a deploy has no use for them; figures are drawn without plotly."""
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"), key=lambda path: len(SLOW.get(path.stem, ())))
    # In one Python, for the sake of time: those that may load more come later.
    program = "import sys"
    for path in notebooks:
        program += f"""
{imports_ahead(path)}
print({path.stem!r}, *(name for name in {sorted(FRAMES | {"plotly", "IPython"})} if name in sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name: set(packages) for name, *packages in map(str.split, run.stdout.splitlines())}
    assert loaded.keys() == {path.stem for path in notebooks} > SLOW.keys()
    assert {name: more for name in loaded if (more := loaded[name] - SLOW.get(name, frozenset()))} == {}


def test_the_process_that_runs_a_runbook_and_makes_its_page_imports_nothing_that_counts_calls() -> None:
    """That is the kernel's work."""
    program = """
import dialtone_nb.__main__
from dialtone_nb.cli.running.kernels import without_extras
with without_extras():
    import dialtone_nb.cli.running.run
from dialtone_nb.report.page import ready_pages
from dialtone_nb.report.run_index import save_run
ready_pages()
"""
    (found,) = modules_after(program)
    assert "nbconvert" in found
    assert not {*FRAMES, "plotly", "IPython", "urllib3"} & found


def test_a_command_line_is_read_without_what_only_an_account_or_a_server_needs() -> None:
    """`run --help` must answer quickly."""
    program = """
from dialtone_nb.__main__ import build_parser
build_parser().parse_args(["run", "deploy"])
"""
    (found,) = modules_after(program)
    assert not {"requests", "twilio", "tenacity", "papermill", "uvicorn", "pandas"} & found


@pytest.mark.parametrize(
    ("source", "ahead"),
    [
        ("from dialtone_nb import open_runbook\nimport os", "from dialtone_nb import open_runbook"),
        ("%time 7", "pass"),
        ("from pathlib import Path", "pass"),
        ("os.remove('x')", "pass"),
    ],
)
def test_only_imports_of_this_package_run_ahead(source: str, ahead: str, tmp_path: Path) -> None:
    """Other statements of a cell run only in their turn."""
    notebook = tmp_path / "own.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}), encoding="utf-8")
    assert imports_ahead(notebook) == f"def load():\n    {ahead}\nload()\ndel load"
