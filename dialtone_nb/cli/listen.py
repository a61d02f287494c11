"""`python -m dialtone_nb listen`: what phones log of their registrations is kept, until it is stopped."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from dialtone_nb.account.account import beside_rehearsal
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.registrations.listener import PORT, Listener, open_socket, receive
from dialtone_nb.phones.registrations.store import FOLDER, Registration, keep_registrations
from dialtone_nb.runbooks.steps.opening import parameters_folder
from dialtone_nb.values.loopback import LOOPBACK

HERE: Final = "127.0.0.1"
LAST_PORT: Final = 65535


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `listen` is told on the command line."""
    parser.epilog = (
        f"Keeps a line for each change and renewal in {FOLDER}/, a file a day, and nothing of calls. "
        "Ends with 0; 1 where nothing came within the minutes; 5 where all that came was of unknown devices."
    )
    parser.add_argument("--address", default="", help="address to listen on (network.yaml's syslog, or 127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on, UDP (default: {PORT})")
    parser.add_argument(
        "--phone",
        dest="phones",
        metavar="NAME=ADDRESS",
        action="append",
        default=[],
        help="the address of a phone whose lines do not name it; nobody else may then speak for it",
    )
    parser.add_argument("--minutes", metavar="N", type=float, help="for how long at most (until stopped)")
    parser.add_argument("--rehearsal", action="store_true", help="phones of the rehearsal; kept beside its state")


def main(options: argparse.Namespace, project: Path, on_listening: Callable[[str], None] = lambda _: None) -> int:
    """0 once it was stopped, 1 where nothing came in time; an `InputError` where all that came is of strangers."""
    parameters = load_parameters(parameters_folder(project))
    clients = parameters.clients
    addresses = read_phones(options.phones, clients)
    if not 1 <= options.port <= LAST_PORT and options.port:
        raise InputError(Fault("--port", f"{options.port} is not a port", f"1 to {LAST_PORT}"))
    if options.minutes is not None and not options.minutes > 0:
        raise InputError(Fault("--minutes", f"{options.minutes:g} is no time to wait", "write such as 5"))
    folder = beside_rehearsal(project, FOLDER) if options.rehearsal else project / FOLDER
    host = options.address or parameters.network.syslog or HERE
    disk: Counter[str] = Counter()

    def count(result: str, number: int) -> None:
        disk[result] += number

    with open_socket(host, options.port) as opened, keep_registrations(folder, count) as keep, _ending() as ending:
        listener = Listener(lambda: clients, _telling(keep), _warn, addresses=addresses)
        port = opened.getsockname()[1]
        sys.stdout.write(f"listening on {host}:{port} (UDP), kept in {folder}; Ctrl+C ends it\n")
        if host in LOOPBACK:
            sys.stdout.write("Only this computer can be heard there: name its address on the phones' network.\n")
        sys.stdout.flush()
        on_listening(f"{host}:{port}")
        end = time.monotonic() + 60 * (options.minutes or float("inf"))
        while not ending.is_set() and time.monotonic() < end:
            receive(opened, listener)
    counts = listener.counts + Counter({"lost, the disk took none": disk["lost"]})
    sys.stdout.write(", ".join(f"{counts[name]:,} {name}" for name in ("lines", "kept", *_dropped(counts))) + "\n")
    if listener.unknown and not counts["kept"]:
        raise InputError([Fault(address, problem) for address, problem in listener.unknown.items()])
    return 1 if options.minutes and not counts["lines"] else 0


@contextlib.contextmanager
def listening_aside(host: str, port: int, names: Callable[[], Collection[str]], folder: Path) -> Iterator[str]:
    """Listen in a thread, for a server that does other things; what it listens on."""
    ended = threading.Event()
    with open_socket(host, port) as opened, keep_registrations(folder) as keep:
        listener = Listener(names, keep, _warn)

        def run() -> None:
            while not ended.is_set():
                receive(opened, listener)

        thread = threading.Thread(target=run, name="syslog", daemon=True)
        thread.start()
        try:
            yield f"{host}:{opened.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


def read_phones(texts: Collection[str], clients: Collection[str]) -> dict[str, str]:
    """The addresses of phones by name; an `InputError` with every fault."""
    faults: list[Fault] = []
    addresses: dict[str, str] = {}
    for text in texts:
        name, _, address = text.partition("=")
        place = f"--phone {text}"
        if not name or not address:
            faults.append(Fault(place, "names no phone and address", "write --phone lobby=192.0.2.31"))
        elif name not in clients:
            faults.append(Fault(place, f"there is no phone {name!r}", suggest(name, list(clients))))
        elif not _is_address(address):
            faults.append(Fault(place, f"{address!r} is not an address", "write it as digits, such as 192.0.2.31"))
        elif name in addresses:
            faults.append(Fault(place, f"{name} has the address {addresses[name]} already", "give it one"))
        elif address in addresses.values():
            problem = "is the address of another phone already: two behind one address can't be told apart by it"
            faults.append(Fault(place, problem, "leave both out; their lines name them where they log SIP"))
        else:
            addresses[name] = address
    if faults:
        raise InputError(faults)
    return addresses


def _is_address(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ip_address(text))
    return False


def _telling(keep: Callable[[Registration], None]) -> Callable[[Registration], None]:
    """Keep a registration, and say it where it is a change."""
    last: dict[str, tuple[str, str]] = {}

    def tell(one: Registration) -> None:
        keep(one)
        if last.get(one.client) != (said := (one.state.value, one.reason)):
            last[one.client] = said
            sys.stdout.write(
                f"{one.at:%H:%M:%S} UTC  {one.client}  {one.state}{f': {one.reason}' * bool(one.reason)}\n"
            )
            sys.stdout.flush()

    return tell


def _warn(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _dropped(counts: Mapping[str, int]) -> list[str]:
    return sorted(name for name in counts if name not in ("lines", "kept"))


@contextlib.contextmanager
def _ending() -> Iterator[threading.Event]:
    """What SIGINT and SIGTERM set."""
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
