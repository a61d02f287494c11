"""Starting the server: its socket, its workers, how long they wait for a client, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from dialtone_nb.errors import DialtoneError
from dialtone_nb.server.metrics import SHARED_FOLDER
from dialtone_nb.server.server_settings import Settings
from dialtone_nb.server.spool import memory_folder, save_left_lines
from dialtone_nb.values.printable import printable_lines

# Twilio gives a request fifteen seconds in all, and sends it in one piece.
REQUEST_WITHIN_S: Final = 10.0
# The largest body that is read, and what headers a proxy may add to it.
LARGEST_REQUEST: Final = 128 * 1024
_BACKLOG: Final = 2048
# On a busy machine a worker needs more than uvicorn's five seconds to start: it would be killed, again and again.
_STARTING_S: Final = 60


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, with an end to waiting: uvicorn itself gives a slow request all the time it wants."""

    _deadline: asyncio.TimerHandle | None = None
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request, or hang up where it never ends."""
        self._received += len(data)
        if self._received > LARGEST_REQUEST:
            self.transport.abort()
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest."""
        super().on_message_begin()
        self._expect()

    def on_message_complete(self) -> None:
        """Wait no more: the request is here, and its answer is our own affair."""
        super().on_message_complete()
        self._received = 0
        self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timer with the connection."""
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_WITHIN_S, self._give_up)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self, *_: Any) -> None:
        self._deadline = None
        # Not close(): a client that reads nothing would hold even that.
        self.transport.abort()


if TYPE_CHECKING:
    from starlette.applications import Starlette

    from dialtone_nb.server.app import LastTold


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


class _PrintableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The line, without anything that a terminal would obey: strangers choose some of its words."""
        return printable_lines(super().format(record))


def log_to_terminal() -> None:
    """Log as every process of a server does, its workers too, which start with nothing of what their parent set up."""
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_PrintableFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[terminal])
    # It warns of every request that is no HTTP: whoever sends many of them would fill the log.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


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
        config = make_config(settings)
        config.load()
        gc.freeze()  # as in make_worker
        server = uvicorn.Server(config)
        ending.then(lambda: setattr(server, "should_exit", True))
        server.run(sockets=[listening])
        return
    # In memory: on a full disk no temporary folder can be made, and a worker that counts there would die of it.
    with tempfile.TemporaryDirectory(prefix="dialtone-metrics-", dir=memory_folder()) as shared:
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
    # Bare memory: a worker that is killed would keep a lock for ever. Two lines instead of one do no harm.
    told = multiprocessing.get_context("spawn").RawValue("d", -inf) if workers > 1 else None
    return uvicorn.Config(
        partial(make_worker, settings, os.getpid() if workers > 1 else None, told),
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


def make_worker(settings: Settings, parent: int | None, told: LastTold | None = None) -> Starlette:
    """The application of one process; with a parent that starts it anew where it dies, it does not outlive that."""
    from dialtone_nb.server.app import make_app

    if parent is not None:
        log_to_terminal()
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    app = make_app(settings, told)
    if parent is not None:
        # In a process of ours all objects of the start stay alive: the garbage collector need not scan them while a
        # call waits, nor now.
        gc.freeze()
    return app


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
