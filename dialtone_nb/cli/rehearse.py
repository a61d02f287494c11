"""The main job: the whole life of a service on the rehearsal, each step a runbook run by papermill."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dialtone_nb.cli.fresh_account import fresh_account
from dialtone_nb.cli.running.forked_kernels import IMPORT_RUNBOOKS, forking
from dialtone_nb.cli.running.kernels import started_kernel
from dialtone_nb.cli.running.report_files import REHEARSAL_FOLDER, ReportFiles, report_files, run_of
from dialtone_nb.cli.running.run import RunResult, run_runbook
from dialtone_nb.cli.serve import serving
from dialtone_nb.files.reports_folder import seen_from
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.report.page import write_html
from dialtone_nb.report.run_index import INDEX, save_run
from dialtone_nb.report.runs import Run
from dialtone_nb.runbooks.steps.opening import check_run, parameters_folder
from dialtone_nb.runbooks.steps.parameters_cell import Given, RunbookSource, Value, read_source


@dataclass(frozen=True, slots=True)
class JobStep:
    """One runbook of the main job, with the parameters that differ from their defaults."""

    title: str
    runbook: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    # The exit codes after which the job goes on: verify ends with 2 where phones are still to be set up.
    goes_on: tuple[int, ...] = (0,)


CONSENT = {"consent": "rehearsal"}


def main_job(parameters: Parameters) -> tuple[JobStep, ...]:
    """The steps for a network: its code goes through all of its environments, and the last that has phones is tried.

    Two phones are set up there, or the one that there is, and take part in the calls.
    """
    first, *later = parameters.network.environments
    with_phones = [name for name in (first, *later) if parameters.clients_in(name)]
    tried = with_phones[-1] if with_phones else ""
    phones = list(parameters.clients_in(tried))[:2]
    numbers = {name: parameters.clients[name].caller_id for name in phones}
    last = later[-1] if later else first
    promotions = zip((first, *later), later, strict=False)
    return (
        JobStep(f"deploy {first}", "deploy", {"environment": first, **CONSENT}),
        JobStep(f"verify {first}", "verify", {"environment": first}, goes_on=(0, 2)),
        *(
            JobStep(f"promote {source} to {name}", "promote", {"environment": name, "source": source, **CONSENT})
            for source, name in promotions
        ),
        *(
            JobStep(
                f"set up the phone {name}",
                "client_setup",
                {"environment": tried, "client": name, "buy_number": number, **CONSENT},
            )
            for name, number in numbers.items()
        ),
        *([JobStep("place calls", "test_calls", {"environment": tried})] if phones else []),
        JobStep("report on the calls", "call_report", {"source": "twilio"}),
        *([JobStep(f"verify {last}", "verify", {"environment": last}, goes_on=(0, 2))] if later else []),
        *(
            JobStep(
                f"delete {name}" if name != last else f"delete {name} and the service",
                "delete",
                {
                    "environment": name,
                    "what": "service" if name == last else "environment",
                    "release_numbers": " ".join(dict.fromkeys(numbers.values())) if name == tried else "",
                    **CONSENT,
                },
            )
            for name in (first, *later)
        ),
    )


@dataclass(frozen=True, slots=True)
class Done:
    """A step that ran: what it said, how long it took, and its files."""

    step: JobStep
    outcome: RunResult
    seconds: float
    files: ReportFiles
    run: Run


def rehearse_main_job(project: Path, steps: Sequence[JobStep] = ()) -> int:
    """The exit code of the main job, from a fresh account to an empty one; progress and summary go to stdout."""
    network = load_parameters(parameters_folder(project))
    steps = steps or main_job(network)
    folder = project / "reports" / REHEARSAL_FOLDER
    for old in folder.glob("[0-9][0-9]-*"):
        old.unlink()
    of = "the sample network" if network.is_sample else f"the network in {network.folder.name}/"
    _tell(f"The main job on the rehearsal, for {of}: {len(steps)} runbooks, no account needed, nothing costs money")
    with fresh_account(project / ".rehearsal" / "main-job") as state, serving(project, network, state.parent):
        done = run_steps(project, steps, folder, tell=_tell)
    for one in done:
        save_run(folder.parent, one.run)
    _tell(summary_of(done, Path.cwd()))
    last = done[-1]
    return 0 if last.outcome.exit_code in last.step.goes_on else last.outcome.exit_code


def run_steps(project: Path, steps: Sequence[JobStep], folder: Path, *, tell: Callable[[str], None]) -> list[Done]:
    """Run the steps in order until one ends as it should not; all of them are checked before the first starts.

    The next step's kernel comes up, and the last step's page is written, while a step works. Kernels are forked off one
    process where that can be done.
    """
    checked = [check_step(project, step) for step in steps]
    width = max(len(step.title) for step in steps)
    done: list[Done] = []
    with forking(IMPORT_RUNBOOKS) as forks, ExitStack() as kernels, ThreadPoolExecutor(1) as writer:
        upcoming = kernels.enter_context(started_kernel(project, checked[0][0].path, forks))
        pages = []
        for number, (step, (source, values, declared)) in enumerate(zip(steps, checked, strict=True), 1):
            kernel = upcoming
            if number < len(steps):
                upcoming = kernels.enter_context(started_kernel(project, checked[number][0].path, forks))
            files = report_files(folder, f"{number:02}-{step.title.replace(' ', '-')}")
            begun, started = time.perf_counter(), datetime.now(UTC)
            outcome = run_runbook(source, values, files.executed, project=project, kernel=kernel)
            if outcome.unsaved:
                raise outcome.unsaved
            seconds = time.perf_counter() - begun
            run = run_of(
                source,
                values,
                project=project,
                declared=declared,
                started=started,
                seconds=seconds,
                exit_code=0 if outcome.exit_code in step.goes_on else outcome.exit_code,
                summary=" ".join(outcome.lines[:1]),
                page=f"{folder.name}/{files.html.name}",
            )
            done.append(Done(step, outcome, seconds, files, run))
            tell(f"{number:4}/{len(steps)}  {step.title:<{width}} {done[-1].seconds:5.1f} s  {_said(outcome)}".rstrip())
            pages.append(writer.submit(write_html, files.executed, files.html, run, project=project))
            if outcome.exit_code not in step.goes_on:
                break
        for page in pages:
            page.result()
    return done


def check_step(project: Path, step: JobStep) -> tuple[RunbookSource, dict[str, Value], Parameters]:
    """A step's runbook, what it is given, on the rehearsal, and its network.

    A `ParametersError` where they don't fit.
    """
    source = read_source(project, step.runbook)
    given = {"account": "rehearsal", **step.parameters}
    _, declared = check_run(
        source,
        {name: Given(value, f"the step {step.title!r}, {name}") for name, value in given.items()},
        parameters_folder(project, source),
    )
    return source, given, declared


def summary_of(done: Sequence[Done], folder: Path) -> str:
    """How it all went, and where the pages are, as seen from `folder`."""
    last = done[-1]
    seconds = sum(one.seconds for one in done)
    report = next((one for one in done if one.step.runbook == "call_report"), last)
    if last.outcome.exit_code not in last.step.goes_on:
        return (
            f"Stopped at the step {last.step.title!r} after {seconds:.0f} s: see {seen_from(folder, last.files.html)}"
        )
    return (
        f"Done in {seconds:.0f} s: {len(done)} runbooks, each an executed notebook and a page in "
        f"{seen_from(folder, last.files.html.parent)}, listed in "
        f"{seen_from(folder, last.files.html.parent.parent / INDEX)}\n"
        f"The call report: {seen_from(folder, report.files.html)}"
    )


def _said(outcome: RunResult) -> str:
    return "\n        ".join(outcome.error) or outcome.summary


def _tell(line: str) -> None:
    print(line, flush=True)
