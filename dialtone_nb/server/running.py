"""Starting the server: its socket, its workers, and how it ends."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from dialtone_nb.errors import DialtoneError
from dialtone_nb.server.metrics import SHARED_FOLDER
from dialtone_nb.server.server_settings import Settings
from dialtone_nb.server.spool import save_left_lines
from dialtone_nb.server.timeouts import PatientProtocol

if TYPE_CHECKING:
    from starlette.applications import Starlette

_BACKLOG: Final = 2048
# On a busy machine a worker needs more than uvicorn's five seconds to start: it would be killed, again and again.
_STARTING_S: Final = 60


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 is any free one. A `DialtoneError` where it can't be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # The protocol is named because asyncio sends small packets at once (TCP_NODELAY) only where it is.
        listening = socket.socket(family, kind, protocol or socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise DialtoneError(f"The server can't use port {port} of {host}: {error.strerror}") from error
    listening.listen(_BACKLOG)
    return listening


class Ending:
    """What SIGINT and SIGTERM do before uvicorn listens to them, and when it raises them once more after its end."""

    def __init__(self) -> None:
        self._is_asked = False
        self._end: Callable[[], object] = lambda: None

    def ask(self, *_: object) -> None:
        """Handle a signal."""
        self._is_asked = True
        self._end()

    def then(self, end: Callable[[], object]) -> None:
        """End so from now on, and at once if a signal has come already."""
        self._end = end
        if self._is_asked:
            end()


@contextlib.contextmanager
def ending_quietly() -> Iterator[Ending]:
    """Take the signals that end a server, from before it says that it is there until it has ended."""
    ending = Ending()
    before = {number: signal.signal(number, ending.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(settings: Settings, listening: socket.socket, ending: Ending, *, workers: int = 1) -> None:
    """Answer until SIGINT or SIGTERM, then finish what is under way; of several workers, one that dies is replaced."""
    _allow_many_connections()
    if workers == 1:
        server = uvicorn.Server(make_config(settings))
        ending.then(lambda: setattr(server, "should_exit", True))
        server.run(sockets=[listening])
        return
    with tempfile.TemporaryDirectory(prefix="dialtone-metrics-") as shared:
        # Workers inherit it, and look for it when they import prometheus_client.
        os.environ[SHARED_FOLDER] = shared
        supervisor = _Workers(make_config(settings, workers), sockets=[listening])
        ending.then(supervisor.should_exit.set)
        supervisor.run()
    # Whoever replaces a killed worker saves its events; nobody replaces one that is killed while all are stopping.
    with contextlib.suppress(OSError):
        save_left_lines(settings.events_folder)


class _Workers(Multiprocess):
    def keep_subprocess_alive(self) -> None:
        """Replace workers that are gone.

        uvicorn asks each twice a second whether it lives, and waits for the answer of one that dies just then, or still
        starts, while another that is gone is not replaced. So ask only where one is gone.
        """
        if not all(worker.process.is_alive() for worker in self.processes):
            super().keep_subprocess_alive()


def make_config(settings: Settings, workers: int = 1) -> uvicorn.Config:
    """How uvicorn runs the application."""
    return uvicorn.Config(
        partial(make_worker, settings, os.getpid() if workers > 1 else None),
        factory=True,
        workers=workers,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # Which proxies are believed is settled for each request, where it is checked.
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=_STARTING_S,
    )


def make_worker(settings: Settings, parent: int | None) -> Starlette:
    """The application of one process; with a parent that starts it anew where it dies, it does not outlive that."""
    from dialtone_nb.server.app import make_app

    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    return make_app(settings)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    # As a parent that could still ask would: finish what is under way.
    os.kill(os.getpid(), signal.SIGTERM)


def _allow_many_connections() -> None:
    """Each connection is an open file, and the customary 1,024 are soon held by somebody who means harm."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
