"""python -m dialtone_nb watch: one look for alarms, told to whom watch.yaml names; for cron, a timer or a workflow."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook, check_run, parameters_folder
from dialtone_nb.runbooks.steps.parameters_cell import Given, read_source
from dialtone_nb.values.printable import printable_lines

RUNBOOK = "watch"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What this command takes beside the parameters of its runbook."""
    parser.epilog = (
        "The exit code is 0 if all is quiet, 2 while an alarm goes on whose rule asks for that, 4 if a message "
        "was not delivered (the next run tries again), 1 if something could not be checked, 5 for bad input."
    )
    parser.add_argument("--show", action="store_true", help="only show what is wrong: tell nobody, record nothing")
    parser.add_argument(
        "--test", action="store_true", help="send a test message over each channel, and look at nothing"
    )
    parser.add_argument("--prometheus", action="store_true", help="print the rules for Prometheus, and look at nothing")


def open_watch(arguments: argparse.Namespace, given: dict[str, Given], project: Path) -> Runbook:
    """The runbook with these values; from the command line it tells, unless it is asked to show."""
    source = read_source(project, RUNBOOK)
    told = {} if arguments.show else {"tell": Given(True, "watch")}
    values, declared = check_run(source, told | given, parameters_folder(project, source))
    return Runbook(source, ParameterValues(values), declared, project)


def main(arguments: argparse.Namespace, given: dict[str, Given], project: Path) -> int:
    """The exit code of one look, of a test, or of the rules for Prometheus."""
    from dialtone_nb.runbooks.watch import look_for_alarms, read_rules, send_test

    runbook = open_watch(arguments, given, project)
    if arguments.prometheus:
        from dialtone_nb.alarms.prometheus import prometheus_rules

        sys.stdout.write(prometheus_rules(read_rules(runbook), runbook.declared, runbook.environment))
        return 0
    if arguments.test:
        results = list(send_test(runbook))
        for channel, error in results:
            _say(f"{channel}: {error or 'the message was taken'}", is_fault=bool(error))
        if not results:
            _say("watch.yaml has no channel beside the exit code: there is nothing to test")
        return 1 if any(error for _, error in results) else 0
    from dialtone_nb.display.alarms import look_lines

    look = look_for_alarms(runbook)
    _say(look.summary)
    for line in look_lines(look):
        _say(line)
    return look.exit_code


def _say(line: str, *, is_fault: bool = False) -> None:
    (sys.stderr if is_fault else sys.stdout).write(printable_lines(line) + "\n")
