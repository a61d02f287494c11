"""`python -m dialtone_nb rehearsal`: the rehearsal as a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from dialtone_nb.cli.command_line import Parser, exit_code_of
from dialtone_nb.cli.fresh_account import STATE_VARIABLE
from dialtone_nb.rehearsal.assumptions import BEHAVIOUR_VARIABLE, BEHAVIOURS, RECORDED, choose_behaviour
from dialtone_nb.rehearsal.functions.fence import describe_fence
from dialtone_nb.rehearsal.server import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.sip.address import (
    DEFAULT,
    SIP_TLS_PORT,
    TrunkAddress,
    read_address,
    read_trunk,
    warning_of,
    warning_of_trunk,
)
from dialtone_nb.rehearsal.state.history import MOST_DAYS
from dialtone_nb.rehearsal.state.store import SEED
from dialtone_nb.values.assumptions import read_facts


def command(arguments: list[str] | None = None, lacks: Callable[[str], str] | None = None) -> int:
    """The console command `twilio-rehearsal`: its exit code, with every error told in its own lines."""
    given = sys.argv[1:] if arguments is None else arguments
    return exit_code_of(lambda: main(given), lacks or _lacks)


def _lacks(what: str) -> str:
    return f'{sys.executable} lacks {what}: run pip install "dialtone-nb[rehearsal]"'


def main(argv: list[str]) -> int:
    """0 once the rehearsal was told to stop, by SIGINT or SIGTERM, or once it has printed what was asked."""
    parser = build_parser()
    options = parser.parse_args(argv)
    for name, given in (("--trunk", options.trunk), ("--sip-tls", options.sip_tls)):
        if given is not None and options.sip is None:
            parser.error(f"{name} needs --sip: without a SIP server no phone and no call gets in or out")
    return print_coverage() if options.coverage else serve(options)


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m dialtone_nb rehearsal`."""
    parser = Parser(
        prog="python -m dialtone_nb rehearsal", description="A stand-in for Twilio on this machine; it is not Twilio."
    )
    parser.add_argument(
        "--port", type=read_port, default=0, help="where to listen on 127.0.0.1 (default: any free port)"
    )
    parser.add_argument(
        "--state", type=Path, default=Path(".rehearsal/state.db"), help="the file that holds the account"
    )
    parser.add_argument(
        "--seed", type=int, help=f"what all SIDs follow from (default: the state file's own; {SEED} for a new one)"
    )
    parser.add_argument(
        "--twilio",
        choices=tuple(BEHAVIOURS),
        metavar="|".join(BEHAVIOURS),
        help="which Twilio to rehearse where its pages and recordings of it disagree; kept in the state file "
        f"(default: what {BEHAVIOUR_VARIABLE} says, else {RECORDED.name})",
    )
    parser.add_argument(
        "--tls",
        type=read_port,
        metavar="PORT",
        help="answer with TLS as well, on this port of 127.0.0.1 (0: any free one), as every host of Twilio's",
    )
    parser.add_argument(
        "--sip",
        type=read_address,
        nargs="?",
        const=read_address(DEFAULT),
        metavar="HOST:PORT",
        help=f"let real phones register and call, over UDP and TCP, at this address of this machine ({DEFAULT})",
    )
    parser.add_argument(
        "--sip-tls",
        type=read_port,
        nargs="?",
        const=SIP_TLS_PORT,
        metavar="PORT",
        help=f"with --sip: let phones use TLS too, on this port of that address ({SIP_TLS_PORT}); SRTP is not modelled",
    )
    parser.add_argument(
        "--trunk",
        type=read_trunk,
        metavar="HOST:PORT",
        help="with --sip: where calls to SIP addresses outside of Twilio go, whatever host they name; over UDP, or TCP "
        "as in tcp:127.0.0.1:5080 (without it: to a built-in far side)",
    )
    parser.add_argument(
        "--history",
        type=read_days,
        metavar="DAYS",
        help="first fill the account with a past of so many days, as in 30d, and write the truth beside the state file",
    )
    parser.add_argument("--calls", type=read_count, default=2000, help="how many calls that past has (default: 2000)")
    parser.add_argument(
        "--node-modules",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="npm packages that deployed functions may load, before those of this project's service; of several "
        "folders the one that has the versions which a build names; may be repeated",
    )
    parser.add_argument(
        "--facts",
        type=Path,
        metavar="FILE",
        help="behave as a certain account did: a file of recorded facts that the runbook probe wrote",
    )
    parser.add_argument(
        "--eventual",
        type=int,
        default=0,
        metavar="READS",
        help="for this many reads, lists still show the account as it was before a creation or a deletion (default: 0)",
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="print each operation of the products it touches as modelled or refused, and end",
    )
    return parser


def read_days(text: str) -> int:
    """The number of days in `30d` or `30`; an argparse error for anything else, and for none."""
    digits = text.removesuffix("d")
    if not digits.isascii() or not digits.isdigit() or not 1 <= int(digits) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1d to {MOST_DAYS}d")
    return int(digits)


def read_port(text: str) -> int:
    """A port, 0 to 65535; an argparse error for anything else."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def read_count(text: str) -> int:
    """A whole number, 1 or more; an argparse error for anything else."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of calls")
    return int(text)


def print_coverage() -> int:
    """0 once every documented operation is printed, modelled or refused."""
    from dialtone_nb.rehearsal.api.all_operations import OPERATIONS
    from dialtone_nb.rehearsal.openapi import compare_coverage, coverage_lines, list_operations, read_documents

    documented = [one for product, document in read_documents().items() for one in list_operations(product, document)]
    sys.stdout.writelines(f"{line}\n" for line in coverage_lines(compare_coverage(documented, OPERATIONS)))
    return 0


def open_tls(open_doors: contextlib.ExitStack, rehearsal: Rehearsal, options: argparse.Namespace) -> str:
    """The lines that say where TLS is answered, whom to trust for it, and how Twilio's programs for Node come here."""
    from dialtone_nb.rehearsal.http.tls import TlsProxy

    authority = options.state.resolve().with_name("authority.pem")
    door = open_doors.enter_context(TlsProxy(rehearsal.url, authority, port=options.tls))
    variables = door.environment_of_node() | {
        "TWILIO_ACCOUNT_SID": rehearsal.account_sid,
        "TWILIO_AUTH_TOKEN": rehearsal.auth_token,
    }
    node = shlex.join(["env", *(f"{name}={value}" for name, value in variables.items())])
    return f"TLS          {door.url}\nAuthority    {authority}\nFor Node     {node} COMMAND\n"


def open_sip(rehearsal: Rehearsal, options: argparse.Namespace) -> str:
    """The lines that say where phones find the rehearsal, where its trunk is, and where to see what phones do."""
    host, port = options.sip
    trunk: TrunkAddress | None = options.trunk
    authority = options.state.resolve().with_name("sip-authority.pem") if options.sip_tls is not None else None
    door = rehearsal.open_sip_door(
        host=host, port=port, trunk=trunk, tls_port=options.sip_tls or 0, authority=authority
    )
    lines = (
        f"SIP          {door.host}:{door.port}, UDP and TCP\nPhones       {rehearsal.url}/phones\n{warning_of(host)}"
    )
    if authority:
        lines += f"SIP, TLS     {door.host}:{door.tls_port}; phones are to trust {authority}\n"
    if trunk:
        lines += "Trunk        {}:{}, {}\n".format(*trunk.peer, trunk.transport) + warning_of_trunk(trunk)
    return lines


def start(options: argparse.Namespace) -> Rehearsal:
    """The rehearsal that was asked for."""
    return start_rehearsal(
        options.state,
        seed=options.seed,
        port=options.port,
        node_modules=options.node_modules,
        lag=options.eventual,
        twilio=options.twilio or "",
        otherwise=read_facts(options.facts) if options.facts else {},
    )


def serve(options: argparse.Namespace) -> int:
    """0 once the rehearsal was told to stop; until then it answers."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    if options.history is not None:
        from dialtone_nb.rehearsal.state.history import write_history

        truth = write_history(
            options.state,
            days=options.history,
            calls=options.calls,
            seed=SEED if options.seed is None else options.seed,
            behaviour=choose_behaviour(options.twilio or ""),
        )
        sys.stdout.write(f"{options.calls} calls of {options.history} days; the truth about them is in {truth}\n")
    with contextlib.ExitStack() as open_doors:
        rehearsal = open_doors.enter_context(start(options))
        rehearsal.be_the_only_server()
        tls = "" if options.tls is None else open_tls(open_doors, rehearsal, options)
        sip = "" if options.sip is None else open_sip(rehearsal, options)
        sys.stdout.write(
            "Rehearsal of Twilio, on this machine only. This is not Twilio: no call, no number and no charge is real.\n"
            f"URL          {rehearsal.url}\n"
            f"Account SID  {rehearsal.account_sid}\n"
            f"Auth token   {rehearsal.auth_token}\n"
            f"{tls}{sip}"
            f"Runbooks     find this account with {STATE_VARIABLE}={options.state.resolve()}\n"
            f"Functions    are kept in by {describe_fence()}\n"
            "Stop it with Ctrl-C.\n"
        )
        sys.stdout.flush()
        stopped.wait()
    return 0
