"""`python -m dialtone_nb serve`: our own server, in the place of Twilio's functions, or of the rehearsal's."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dialtone_nb.account.account import SERVER, beside_rehearsal, open_account, read_environment
from dialtone_nb.account.rehearsal_control import lead_host
from dialtone_nb.cli.listen import HERE, listening_aside
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.phones.registrations.listener import PORT
from dialtone_nb.phones.registrations.store import FOLDER
from dialtone_nb.server.folder import noted_serving, read_serving, read_table
from dialtone_nb.server.server_settings import (
    AUTH_TOKEN,
    SECONDARY_TOKEN,
    SNS_TOPIC,
    TRUNK_PASSWORD,
    WEBHOOK,
    Settings,
    read_settings,
)
from dialtone_nb.values.loopback import LOOPBACK

DEFAULT_FOLDER: Final = Path("server")
MOST_WORKERS: Final = 64
LAST_PORT: Final = 65535
_LOOK_EVERY_S: Final = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `serve` is told on the command line; secrets come from the environment or .env alone."""
    parser.epilog = (
        f"From the environment or .env: {AUTH_TOKEN}; {SECONDARY_TOKEN}, while rotate changes it; {TRUNK_PASSWORD}, if "
        f"the trunk has one; {WEBHOOK}, which gets every event as JSON; {SNS_TOPIC}, a topic of AWS SNS that does. "
        "Events are kept in the folder, a file a day."
    )
    parser.add_argument("--environment", required=True, help="which environment to answer for, such as stage")
    parser.add_argument(
        "--folder", type=Path, default=DEFAULT_FOLDER, help="where deploy puts tables (default: server)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: 8080; 0: any free one)")
    parser.add_argument(
        "--base-url", default="", metavar="URL", help="where Twilio finds this server (default: as each request says)"
    )
    parser.add_argument(
        "--proxy",
        dest="proxies",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a proxy in front of it, or a network of them, whose X-Forwarded-… headers are believed",
    )
    parser.add_argument(
        "--rehearsal",
        action="store_true",
        help="answer the rehearsal on this machine, with its auth token, from the folder beside its state",
    )
    parser.add_argument(
        "--syslog",
        nargs="?",
        const=HERE,
        metavar="ADDRESS",
        help=f"keep what phones log of their registrations, too; where to listen, UDP port {PORT} (127.0.0.1)",
    )
    parser.add_argument("--workers", type=int, default=1, help="how many processes answer (default: 1)")


def main(
    options: argparse.Namespace,
    variables: Mapping[str, str] | None = None,
    on_listening: Callable[[str], None] = lambda address: None,
) -> int:
    """0 once the server was told to stop, by SIGINT or SIGTERM; an `InputError` where it can't be started so.

    `variables` stand for those of the environment and .env; `on_listening` is told the address before any request.
    """
    settings = read_settings(
        read_environment(Path.cwd()) if variables is None else variables,
        environment=options.environment,
        folder=options.folder.resolve(),
        base_url=options.base_url,
        proxies=tuple(options.proxies),
    )
    if not 1 <= options.workers <= MOST_WORKERS:
        raise InputError(Fault("--workers", f"{options.workers} is too few or too many", f"1 to {MOST_WORKERS}"))
    if not 0 <= options.port <= LAST_PORT:
        raise InputError(Fault("--port", f"{options.port} is not a port", f"0 to {LAST_PORT}"))
    # Looks at the folder before the port is taken, so that a bad name is told at once. Over a damaged note the server
    # starts all the same, and says so: by the newest table phones can call for help.
    version = noted_serving(settings.folder, settings.environment).version
    from dialtone_nb.server.running import ending_quietly, listen, log_to_terminal, serve

    log_to_terminal()
    with (
        listen(options.host, options.port) as listening,
        ending_quietly() as ending,
        _registrations(options.syslog, settings) as registrations,
    ):
        address, port = listening.getsockname()[:2]
        host = f"[{address}]" if ":" in address else address
        on_listening(f"http://{host}:{port}")
        what = f"table {version[:12]}" if version else "no table yet: deploy switches one on"
        sys.stdout.write(
            f"{settings.environment} at http://{host}:{port}, from {settings.folder}, {what}{registrations}\n"
        )
        sys.stdout.flush()
        serve(settings, listening, ending, workers=options.workers)
    return 0


def serve_rehearsed(options: argparse.Namespace, project: Path) -> int:
    """The exit code of a server that answers the rehearsal which shares this project's state file.

    It has the rehearsal's auth token and folder, and the name that network.yaml has for it leads to it.
    """
    # Where only the server's part of the package is installed, there are no runbooks.
    from dialtone_nb.infrastructure.resources.account_secrets import kept_token
    from dialtone_nb.runbooks.steps.opening import parameters_folder

    server = load_parameters(parameters_folder(project)).network.server
    base_url = server.base_urls.get(options.environment, "") if server else ""
    if not base_url:
        place, repair = f"network.yaml server.base_urls.{options.environment}", "say where Twilio will find it"
        raise InputError(Fault(place, "is not there", repair))
    account = open_account("rehearsal", project)
    options.folder, options.base_url = beside_rehearsal(project, SERVER), base_url

    def lead_here(address: str) -> None:
        host = urlsplit(base_url).hostname
        if host not in LOOPBACK:
            lead_host(account, str(host), address)

    tokens = {
        AUTH_TOKEN: account.credentials.auth_token,
        SECONDARY_TOKEN: kept_token(beside_rehearsal(project, "private")),
    }
    variables = {**read_environment(project), **tokens}
    return main(options, variables, lead_here)


@contextmanager
def serving(project: Path, parameters: Parameters, folder: Path) -> Iterator[None]:
    """Our own server of each environment, a process each, until leaving; none where Twilio's functions answer.

    What each logs goes into a file in `folder`.
    """
    environments = tuple(parameters.network.environments) if parameters.network.hosting == "self_hosted" else ()
    command = (sys.executable, "-m", "dialtone_nb", "serve", "--rehearsal", "--port", "0", "--environment")
    running: list[subprocess.Popen[bytes]] = []
    try:
        # One after the other: the first may make the account that all of them answer.
        for environment in environments:
            log = folder / f"server-{environment}.log"
            with log.open("wb") as messages:
                server = subprocess.Popen((*command, environment), cwd=project, stdout=subprocess.PIPE, stderr=messages)
            running.append(server)
            # Its first line says that it listens; where it can't, it ends without one and has logged why.
            if not (server.stdout and server.stdout.readline()):
                *_, why = ["nothing was logged", *log.read_text(errors="replace").split("\n")[:-1]]
                raise InputError(Fault(str(log), f"our own server did not start: {why}", "repair that, and run again"))
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            with process:
                process.wait()


@contextlib.contextmanager
def _registrations(address: str | None, settings: Settings) -> Iterator[str]:
    """Keep what phones log, where that is wanted; words about it."""
    if address is None:
        yield ""
        return
    host, _, port = address.partition(":") if address.count(":") == 1 else (address, "", "")
    if not host or (port and not (port.isdecimal() and len(port) <= len(str(LAST_PORT)) and int(port) <= LAST_PORT)):
        problem = f"{address!r} is not an address and port"
        raise InputError(Fault("--syslog", problem, f"write such as 192.0.2.20, or 192.0.2.20:{PORT}"))
    with listening_aside(host, int(port or PORT), _served_phones(settings), settings.folder / FOLDER) as listening:
        yield f", syslog at {listening}"


def _served_phones(settings: Settings) -> Callable[[], Collection[str]]:
    """The phones of the table that is served; a new one counts some seconds later."""
    looked_at, version = -_LOOK_EVERY_S, ""

    @cache
    def phones_of(version: str) -> Collection[str]:
        environments = read_table(settings.folder, version).environments if version else {}
        return frozenset(environments[settings.environment].clients) if settings.environment in environments else ()

    def phones() -> Collection[str]:
        nonlocal looked_at, version
        if time.monotonic() - looked_at >= _LOOK_EVERY_S:
            looked_at = time.monotonic()
            # What can't be read is complained of by those who serve it.
            with contextlib.suppress(InputError):
                version = read_serving(settings.folder, settings.environment).version
        try:
            return phones_of(version)
        except InputError:
            return ()

    return phones
