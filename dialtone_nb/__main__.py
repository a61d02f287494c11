"""python -m dialtone_nb run | watch | rehearse | new-network | serve | listen | hand-over | find-secrets …"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialtone_nb.cli.running.report_files import ReportFiles
    from dialtone_nb.cli.running.run import RunResult
    from dialtone_nb.errors import InputError
    from dialtone_nb.report.runs import Run


def _lacks(what: str) -> str:
    """What to do where this Python is the wrong one; it reads on any Python 3, with no package but its own."""
    return (
        f"{sys.executable} lacks {what}: run `make setup` once, then `. .venv/bin/activate` in each new shell, "
        "and `python` is the right one"
    )


if __name__ == "__main__" and sys.version_info[:2] < (3, 11):
    print(_lacks("what came with Python 3.11"), file=sys.stderr)
    sys.exit(5)


def _interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell of Ctrl+C in a word, where nobody else does: while modules are imported, most of a second."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


if __name__ == "__main__":
    sys.excepthook = _interrupted
    # Looking for plugins, pydantic would read what is said of every installed package: a tenth of a second, in each
    # kernel too.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    # Most of what is made here is modules, which last: garbage is looked for seldom.
    gc.set_threshold(50_000)
if __name__ == "__main__" and sys.argv[1:2] == ["rehearsal"]:
    # Other people's tests start it and wait for it: it goes without what runbooks need.
    from dialtone_nb.cli.rehearsal import command as rehearsal_command

    sys.exit(rehearsal_command(sys.argv[2:], _lacks))
AHEAD = ExitStack()
FORKS = None
if __name__ == "__main__" and sys.argv[1:2] == ["run"]:
    from dialtone_nb.cli.running.forked_kernels import forking

    # A kernel's imports take as long as those that follow here.
    FORKS = AHEAD.enter_context(forking())
try:
    from datetime import UTC, datetime

    from dialtone_nb.cli.arguments import build_parser, next_command, read_given
    from dialtone_nb.cli.command_line import exit_code_of
    from dialtone_nb.cli.fresh_account import changed_environment
    from dialtone_nb.cli.running.report_files import check_output, choose_report_files, report_files, run_of
    from dialtone_nb.cli.running.step_summary import add_step_summary, check_summary, in_a_step, step_summary
    from dialtone_nb.errors import disk_error
    from dialtone_nb.files.atomic_file import write_whole
    from dialtone_nb.files.reports_folder import REPORTS_VARIABLE, seen_from
    from dialtone_nb.runbooks.steps.opening import check_run, find_project, parameters_folder
    from dialtone_nb.runbooks.steps.parameters_cell import read_source
except ModuleNotFoundError as error:
    if __name__ != "__main__" or (error.name or "").startswith("dialtone_nb"):
        raise
    print(_lacks(f"the package {error.name}"), file=sys.stderr)
    sys.exit(5)


def main(arguments: Sequence[str]) -> int:
    """The exit code of a command; an error of ours is told in its own lines, without a traceback."""
    if arguments[:1] == ["rehearsal"]:
        from dialtone_nb.cli.rehearsal import main as serve_rehearsal

        return exit_code_of(lambda: serve_rehearsal(list(arguments[1:])), _lacks)
    # Only a part of the package may be installed, and another be asked for.
    return exit_code_of(lambda: run_command(build_parser().parse_args(arguments)), _lacks)


def run_command(parsed: argparse.Namespace) -> int:
    """The exit code of a command; each is imported for itself, since what one needs is slow, or may be missing."""
    # A match would be no Python to an old one, which is to read as far as what tells it that it is old.
    if parsed.command == "rehearse":
        return rehearse()
    if parsed.command == "run":
        return run(parsed)
    if parsed.command == "serve":
        from dialtone_nb.cli import serve

        return serve.serve_rehearsed(parsed, find_project(Path.cwd())) if parsed.rehearsal else serve.main(parsed)
    if parsed.command == "listen":
        from dialtone_nb.cli.listen import main as listen

        return listen(parsed, find_project(Path.cwd()))
    if parsed.command == "watch":
        from dialtone_nb.cli import watch

        project = find_project(Path.cwd())
        return watch.main(parsed, read_given(read_source(project, watch.RUNBOOK), parsed), project)
    if parsed.command == "new-network":
        from dialtone_nb.cli.new_network import main as command
    elif parsed.command == "hand-over":
        from dialtone_nb.cli.hand_over import main as command
    else:
        from dialtone_nb.cli.find_secrets import main as command
    return command(parsed, find_project(Path.cwd()))


def run(arguments: argparse.Namespace) -> int:
    """Run one runbook; everything that can be refused is refused before a kernel starts."""
    project = find_project(Path.cwd())
    source = read_source(project, arguments.runbook)
    given = read_given(source, arguments)
    values, declared = check_run(source, given, parameters_folder(project, source))
    check_output(arguments.output, project / "reports")
    check_summary(arguments.summary)
    files = (
        report_files(arguments.output, source.name)
        if arguments.output
        else choose_report_files(project / "reports", source.name, values, datetime.now(UTC))
    )
    where = [str(values[name]) for name in ("account", "environment") if values.get(name)]
    print(", ".join([source.title, *where, *(["the sample network"] if declared.is_sample else [])]))
    from dialtone_nb.cli.running.kernels import started_kernel, without_extras
    from dialtone_nb.cli.running.passing_line import passing_line

    started = datetime.now(UTC)
    # What takes long to import is imported while the kernel comes up and works; the page is made while it ends.
    with ExitStack() as running, ThreadPoolExecutor(1) as aside, passing_line() as say:
        running.enter_context(changed_environment(_reports_at(arguments.output, project)))
        kernel = running.enter_context(started_kernel(project, source.path, FORKS))
        with without_extras():
            from dialtone_nb.cli.running.run import run_runbook
        from dialtone_nb.report.page import ready_pages

        aside.submit(ready_pages)
        outcome = run_runbook(
            source,
            {name: values[name] for name in given},
            files.executed.resolve(),
            project=project,
            kernel=kernel,
            on_chapter=say,
        )
        folder = arguments.output or project / "reports"
        ran = run_of(
            source,
            values,
            project=project,
            declared=declared,
            started=started,
            seconds=(datetime.now(UTC) - started).total_seconds(),
            exit_code=outcome.exit_code,
            summary=" ".join(outcome.lines[:1]),
            page=files.html.relative_to(folder).as_posix(),
        )
        trouble = outcome.unsaved
        try:
            if trouble is None:
                _save(outcome, ran, files, folder, project)
            heading = ", ".join([source.title, *where])
            summary = step_summary(heading, outcome.lines, outcome.plan_text, outcome.next_consent or "")
            add_step_summary(summary, arguments.summary)
        except OSError as error:
            # What was done is told all the same, and by the run's own exit code.
            trouble = disk_error(error)
            if trouble is None:
                raise
    _tell(outcome, trouble, seen_from(Path.cwd(), files.html), arguments)
    return outcome.exit_code or int(trouble is not None)


def _save(outcome: RunResult, ran: Run, files: ReportFiles, folder: Path, project: Path) -> None:
    """Write the page, the run's line in the list of all runs, and its plan."""
    from dialtone_nb.report.page import write_html
    from dialtone_nb.report.run_index import save_run

    write_html(files.executed, files.html, ran, project=project)
    save_run(folder, ran)
    # A plan of a run before this one is no longer the plan.
    files.plan.unlink(missing_ok=True)
    if outcome.plan:
        write_whole(files.plan, outcome.plan)


def _tell(outcome: RunResult, trouble: InputError | None, page: str, arguments: argparse.Namespace) -> None:
    """Print how a run ended, where its page is or why there is none, and the command that goes on."""
    for line in outcome.shown:
        print(line)
    # A workflow's log may be everybody's to read: there the summary has the plan, without numbers and addresses.
    if outcome.next_consent and not in_a_step():
        print(outcome.plan_text)
    for line in outcome.lines:
        print(line, file=sys.stderr if outcome.error else sys.stdout)
    print(trouble or f"see {page}", file=sys.stderr if trouble else sys.stdout)
    if outcome.next_consent is not None:
        # Alone on its line, the last: it is taken whole by three clicks, however often the terminal wraps it.
        print("to apply it:" if outcome.next_consent else "to plan anew:")
        print(next_command(arguments, outcome.next_consent))


def _reports_at(output: Path | None, project: Path) -> dict[str, str | None]:
    """What has the runbook's own files (record, journal, sheets) follow its page to another folder."""
    return {REPORTS_VARIABLE: str(seen_from(project.resolve(), output.resolve()))} if output else {}


def rehearse() -> int:
    """Run the main job on the rehearsal."""
    from dialtone_nb.cli.running.kernels import without_extras

    with without_extras():
        from dialtone_nb.cli.rehearse import rehearse_main_job

    return rehearse_main_job(find_project(Path.cwd()))


if __name__ == "__main__":
    with AHEAD:
        code = main(sys.argv[1:])
    # Python looks through all objects as it ends, a third of a second; the system takes them back anyway.
    gc.freeze()
    sys.exit(code)
