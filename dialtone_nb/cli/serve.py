"""`python -m dialtone_nb serve`: our own server, in the place of Twilio's functions."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from dialtone_nb.account.account import read_environment
from dialtone_nb.cli.listen import HERE, listening_aside
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.phones.registrations.listener import PORT
from dialtone_nb.phones.registrations.store import FOLDER
from dialtone_nb.server.folder import read_serving, read_table
from dialtone_nb.server.settings import AUTH_TOKEN, SNS_TOPIC, TRUNK_PASSWORD, WEBHOOK, Settings, read_settings

DEFAULT_FOLDER: Final = Path("server")
MOST_WORKERS: Final = 64
LAST_PORT: Final = 65535
_LOOK_EVERY_S: Final = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `serve` is told on the command line; secrets come from the environment or .env alone."""
    parser.epilog = (
        f"From the environment or .env: {AUTH_TOKEN}; {TRUNK_PASSWORD}, if the trunk has one; {WEBHOOK}, which gets "
        f"every event as JSON; {SNS_TOPIC}, a topic of AWS SNS that does. Events are kept in the folder, a file a day."
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
        raise InputError(Fault("--port", f"{options.port} is no port", f"0 to {LAST_PORT}"))
    # Looks at the folder before the port is taken: a bad name or a damaged file is told at once.
    version = read_serving(settings.folder, settings.environment).version
    from dialtone_nb.server.running import ending_quietly, listen, serve

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    # It warns of every request that is no HTTP: whoever sends many of them would fill the log.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
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


@contextlib.contextmanager
def _registrations(address: str | None, settings: Settings) -> Iterator[str]:
    """Keep what phones log, where that is wanted; words about it."""
    if address is None:
        yield ""
        return
    host, _, port = address.partition(":") if address.count(":") == 1 else (address, "", "")
    if not host or (port and not (port.isdecimal() and len(port) <= len(str(LAST_PORT)) and int(port) <= LAST_PORT)):
        problem = f"{address!r} is no address and port"
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
