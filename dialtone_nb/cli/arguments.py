"""What is typed on the terminal -> the values of a run; a parameter takes its declared type, whatever it looks like."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dialtone_nb.cli.command_line import Parser
from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.parameters.yaml_files import YamlFile
from dialtone_nb.runbooks.steps.opening import find_project
from dialtone_nb.runbooks.steps.parameters_cell import (
    Declared,
    Given,
    RunbookSource,
    read_list,
    read_source,
    runbook_names,
)

EXIT_CODES = (
    "  0  nothing to do, or all done",
    "  1  anything else went wrong",
    "  2  differences without consent, or verify found something wrong",
    "  3  consent was refused",
    "  4  partly applied; run again to resume",
    "  5  bad input",
)
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def build_parser() -> Parser:
    """The parser of `python -m dialtone_nb`."""
    parser = Parser(prog="python -m dialtone_nb", description="Runs runbooks, and the rehearsal of Twilio.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run one runbook, and write its executed copy and its HTML page to reports/",
    )
    run.ending = run_help
    run.add_argument("runbook", metavar="RUNBOOK", help="a notebook in notebooks/, such as deploy")
    _add_parameters(run)
    run.add_argument("--consent", metavar="X", help="the plan's fingerprint, or what else consents")
    run.add_argument("--output", metavar="DIR", type=Path, help="where to write instead of reports/")
    run.add_argument(
        "--summary",
        metavar="FILE",
        type=Path,
        help="append to this file too what a GitHub step's summary gets: how it ended, and the plan, in Markdown",
    )
    commands.add_parser("rehearse", help="the main job on the rehearsal, from deploy to delete; no account needed")
    new_network = commands.add_parser(
        "new-network",
        help="write a network of your own into parameters/; what no flag answers is asked",
        epilog="Nothing that is there is overwritten. Without a terminal every flag but --country has to be given.",
    )
    new_network.options_of = "dialtone_nb.cli.new_network"
    hand_over = commands.add_parser(
        "hand-over", help="let a phone fetch its ready configuration from this computer, once"
    )
    hand_over.add_argument("client", metavar="CLIENT", help="the phone, by its name in clients.yaml")
    hand_over.add_argument("--address", metavar="URL", help="this computer's address, instead of network.yaml's")
    hand_over.add_argument("--minutes", metavar="N", type=float, default=10, help="for how long at most (10)")
    hand_over.add_argument("--rehearsal", action="store_true", help="a phone of the rehearsal")
    find = commands.add_parser("find-secrets", help="look for secrets in what is to be shared, such as a report")
    find.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="files and folders (reports/ and notebooks/)")
    find.add_argument(
        "--people", action="store_true", help="look for telephone numbers and for the addresses of clients.yaml too"
    )
    server = commands.add_parser("serve", help="our own server in the place of Twilio's functions, until it is stopped")
    server.options_of = "dialtone_nb.cli.serve"
    listen = commands.add_parser("listen", help="keep what phones log of their registrations, until it is stopped")
    listen.options_of = "dialtone_nb.cli.listen"
    watch = commands.add_parser("watch", help="look once for alarms, and tell whom parameters/watch.yaml names")
    _add_parameters(watch)
    watch.options_of = "dialtone_nb.cli.watch"
    commands.add_parser("rehearsal", add_help=False, help="serve the rehearsal of Twilio on this machine")
    return parser


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    """What gives values to a runbook's parameters."""
    parser.add_argument(
        "--with", dest="files", metavar="FILE", action="append", default=[], type=Path, help="a YAML file of parameters"
    )
    for option, words in (("-p", "a parameter"), ("-r", "a parameter, as text")):
        name = {"-p": "typed", "-r": "raw"}[option]
        pair = ("NAME", "VALUE")
        parser.add_argument(option, dest=name, metavar=pair, nargs=2, action="append", default=[], help=words)


def run_help() -> str:
    """The runbooks, a line each (what to type, and the title, where it can be read), and the exit codes in order."""
    project, titles = find_project(Path.cwd()), dict[str, str]()
    for name in runbook_names(project):
        try:
            titles[name] = read_source(project, name).title
        except ParametersError:
            titles[name] = ""
    width = max(map(len, titles), default=0)
    runbooks = [f"  {name:<{width}}  {title}".rstrip() for name, title in titles.items()]
    return "\n".join(["", "runbooks:", *runbooks, "", "ends with:", *EXIT_CODES, ""])


def read_given(source: RunbookSource, arguments: argparse.Namespace) -> dict[str, Given]:
    """What files and options give to the parameters, later ones over earlier; a `ParametersError` for a bad file."""
    declared = {parameter.name: parameter for parameter in source.declared}
    given: dict[str, Given] = {}
    faults: list[Fault] = []
    for file in arguments.files:
        try:
            given |= _read_file(file)
        except ParametersError as error:
            faults += error.faults
    if faults:
        raise ParametersError(faults)
    for option, pairs in (("-p", arguments.typed), ("-r", arguments.raw)):
        for name, text in pairs:
            parameter = declared.get(name)
            value = _typed(text, parameter) if option == "-p" else text
            if parameter and parameter.type is list:
                # Each option gives one entry more; they replace what a file says.
                earlier = given.get(name)
                value = [*(earlier.value if earlier and earlier.place[:2] in ("-p", "-r") else ()), *_listed(text)]
            given[name] = Given(value, f"{option} {name}")
    if getattr(arguments, "consent", None) is not None:
        given["consent"] = Given(arguments.consent, "--consent")
    return given


def next_command(arguments: argparse.Namespace, consent: str) -> str:
    """The command of this run once more, with this consent in the place of what it was given; to be pasted as it is."""
    words = [arguments.runbook]
    for file in arguments.files:
        words += ["--with", str(file)]
    for option, given in (("-p", arguments.typed), ("-r", arguments.raw)):
        words += [word for name, text in given if name != "consent" for word in (option, name, text)]
    if arguments.output:
        words += ["--output", str(arguments.output)]
    # Without it, a consent of a file would hold.
    words += ["--consent", consent] if consent or "consent" in _in_files(arguments) else []
    return shlex.join([*_program(), "run", *words])


def _in_files(arguments: argparse.Namespace) -> set[str]:
    return {name for file in arguments.files for name in _read_file(file)}


def _program() -> list[str]:
    """How this program was started: the interpreter as it was named, and the module."""
    words = sys.orig_argv
    started = words[: words.index("-m") + 2] if "-m" in words else []
    return started if started[-1:] == ["dialtone_nb"] else ["python", "-m", "dialtone_nb"]


def _read_file(path: Path) -> Mapping[str, Given]:
    file = YamlFile(path)
    content = {} if file.content is None else file.content
    if not isinstance(content, Mapping):
        raise ParametersError(Fault(file.name, "holds no parameters", "write lines such as environment: stage"))
    return {str(name): Given(_plain(value), file.place(name)) for name, value in content.items()}


def _plain(value: Any) -> Any:
    """A value without the wrapper by which ruamel remembers how a number was written."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _listed(text: str) -> list[Any]:
    value = read_list(text)
    return value if isinstance(value, list) else [value]


def _typed(text: str, parameter: Declared | None) -> Any:
    """The text as the declared type; as it stands where it can't be, for the check to refuse."""
    try:
        match parameter.type.__name__ if parameter else "str":
            case "bool":
                return _TRUTH.get(text.lower(), text)
            case "int":
                return int(text)
            case "float":
                return float(text)
    except ValueError:
        pass
    return text
