"""Runs a runbook by papermill in this process, tells its chapters as they pass, and reads how it ended."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from dialtone_nb.cli.running.kernels import ask_to_end
from dialtone_nb.display.outputs import LINES, PLAN, RESULT
from dialtone_nb.errors import ConsentError, DialtoneError, InputError, StalePlanError, disk_error
from dialtone_nb.runbooks.steps.parameters_cell import RunbookSource, Value

ENGINE = "dialtone"
# The share of a run's time for saving its copy, which papermill does before and after each cell.
SAVING_SHARE = 0.1
NO_CONSENT = 2
_REFUSALS = {ConsentError.__name__, StalePlanError.__name__}


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: its exit code, what the runbook says of it, and the error's lines where there was one."""

    exit_code: int
    summary: str
    error: tuple[str, ...]
    executed: Path
    # The plan as JSON, by plan_schema.json; empty where nothing was planned.
    plan: str = ""
    # The class of the error, by name.
    error_name: str = ""
    # The plan as text, to be read; without what may be given as consent, which is the last thing that is said.
    plan_text: str = ""
    # What its outputs have for the terminal, in their order: numbers that were found, checks that failed.
    shown: tuple[str, ...] = ()
    # Why the executed copy could not be written to its end.
    unsaved: InputError | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What there is to say of how it ended."""
        return self.error or ((self.summary,) if self.summary else ())

    @property
    def next_consent(self) -> str | None:
        """What the same run takes as consent next: the plan's fingerprint, none to plan anew; None for other ends."""
        if not self.plan or not (self.exit_code == NO_CONSENT or self.error_name in _REFUSALS):
            return None
        return "" if self.error_name == StalePlanError.__name__ else str(json.loads(self.plan)["fingerprint"])


def run_runbook(
    source: RunbookSource,
    given: Mapping[str, Value],
    executed: Path,
    *,
    project: Path,
    kernel: AsyncKernelManager,
    on_chapter: Callable[[str], None] = lambda heading: None,
) -> RunResult:
    """Run a runbook with the values given to its parameters; the executed copy is written as it goes.

    Where the disk refuses its end, how the run ended is told all the same: a plan may have been applied.
    """
    executed.parent.mkdir(parents=True, exist_ok=True)
    papermill_engines.register(ENGINE, _ChapterEngine)
    begun: list[NotebookNode] = []
    unsaved: InputError | None = None
    try:
        execute_notebook(
            source.path,
            executed,
            parameters=dict(given),
            engine_name=ENGINE,
            kernel_name="python3",
            progress_bar=False,
            cwd=project,
            km=kernel,
            on_chapter=on_chapter,
            on_begin=begun.append,
        )
    except PapermillExecutionError as error:
        return _failed(begun[0], executed, error.ename, error.evalue)
    except DeadKernelError:
        return RunResult(1, "", ("the kernel died; the executed copy shows how far it came",), executed)
    except OSError as error:
        unsaved = disk_error(error)
        if not begun or unsaved is None:
            raise
    return replace(_result(begun[0], executed), unsaved=unsaved)


def exit_code_of(error_name: str) -> int:
    """The exit code of an error, by the name of its class; 1 for an error that is not one of ours."""
    return _exit_codes(DialtoneError).get(error_name, 1)


def error_lines(name: str, message: str) -> tuple[str, ...]:
    """What the terminal shows of an error: ours say it all, of others the class matters too."""
    lines = tuple(message.splitlines()) or (name,)
    return lines if name in _exit_codes(DialtoneError) else (f"{name}: {lines[0]}",)


def _exit_codes(family: type[DialtoneError]) -> dict[str, int]:
    codes = {family.__name__: family.exit_code}
    for child in family.__subclasses__():
        codes |= _exit_codes(child)
    return codes


def _result(notebook: NotebookNode, executed: Path) -> RunResult:
    """What the last output that carries a result says; a runbook without one is done and has nothing to add."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        if output.output_type == "error":
            return _failed(notebook, executed, output.ename, output.evalue)
    plan, text = _plan(notebook)
    found = _outputs(notebook, RESULT)
    if not found:
        return RunResult(0, "", (), executed, plan, plan_text=text, shown=_shown(notebook))
    code, summary = int(found[-1][RESULT]["exit_code"]), str(found[-1][RESULT]["summary"])
    return RunResult(code, summary, (), executed, plan, plan_text=text, shown=_shown(notebook))


def _failed(notebook: NotebookNode, executed: Path, name: str, message: str) -> RunResult:
    plan, text = _plan(notebook)
    code, lines = exit_code_of(name), error_lines(name, message)
    return RunResult(code, "", lines, executed, plan, name, text, _shown(notebook))


def _plan(notebook: NotebookNode) -> tuple[str, str]:
    """The plan that a reader was asked about, which is the last one shown: as JSON, and to be read."""
    plans = _outputs(notebook, PLAN)
    if not plans:
        return "", ""
    text, _, _ = str(plans[-1]["text/plain"]).partition("\nconsent: ")
    return json.dumps(plans[-1][PLAN], indent=1, ensure_ascii=False) + "\n", text


def _shown(notebook: NotebookNode) -> tuple[str, ...]:
    """The lines that outputs have for the terminal."""
    return tuple(str(line) for data in _outputs(notebook, LINES) for line in data[LINES])


def _outputs(notebook: NotebookNode, mime: str) -> list[Any]:
    """What those outputs of a notebook show that have something of one MIME type, in their order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output.data for output in outputs if mime in output.get("data", {})]


def chapter_of(cell: Mapping[str, Any]) -> str:
    """The heading that a markdown cell opens a chapter with; empty where it opens none."""
    heading = re.search(r"^##\s+(.+?)\s*#*\s*$", cell["source"], re.M) if cell["cell_type"] == "markdown" else None
    return heading[1] if heading else ""


def seldom(save: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """The same, left out as often as it takes to keep to its share of the time: a small copy is always up to date."""
    free_at = clock()

    def save_if_due() -> None:
        nonlocal free_at
        started = clock()
        if started >= free_at:
            save()
            ended = clock()
            free_at = ended + (ended - started) / SAVING_SHARE

    return save_if_due


class _ChapterEngine(Engine):
    """papermill's engine on a kernel that is started already; it tells of the notebook, and of each chapter in turn.

    A copy that can't be saved on the way ends no run: papermill saves the last one itself, and raises what is wrong.
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        km: AsyncKernelManager,
        on_chapter: Callable[[str], None],
        on_begin: Callable[[NotebookNode], None],
        **kwargs: Any,
    ) -> None:
        """Execute the notebook's cells, and ask the kernel to end."""
        on_begin(nb_man.nb)
        start_cell = nb_man.cell_start

        def tell_and_start(cell: NotebookNode, cell_index: int | None = None, **more: Any) -> None:
            if heading := chapter_of(cell):
                on_chapter(heading)
            start_cell(cell, cell_index, **more)

        save = nb_man.save

        def save_or_go_on() -> None:
            with suppress(OSError):
                save()

        nb_man.cell_start, nb_man.save = tell_and_start, seldom(save_or_go_on)
        client = PapermillNotebookClient(nb_man, km=km, kernel_name=kernel_name, timeout=None, startup_timeout=60)
        try:
            client.execute(cleanup_kc=False)
        finally:
            nb_man.save = save  # for the last time
            # It ends while the page is made.
            if client.kc:
                client.kc.stop_channels()
            ask_to_end(km)
