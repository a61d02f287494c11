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
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dialtone_nb.errors import DialtoneError
from dialtone_nb.server.metrics import SHARED_FOLDER
from dialtone_nb.server.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

_BACKLOG: Final = 2048


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


def serve(settings: Settings, listening: socket.socket, *, workers: int = 1) -> None:
    """Answer until SIGINT or SIGTERM, then finish what is under way; of several workers, one that dies is replaced."""
    _allow_many_connections()
    with _ending_quietly():
        if workers == 1:
            _make_server(settings).run(sockets=[listening])
            return
        with tempfile.TemporaryDirectory(prefix="dialtone-metrics-") as shared:
            # Workers inherit it, and look for it when they import prometheus_client.
            os.environ[SHARED_FOLDER] = shared
            from uvicorn.supervisors import Multiprocess

            Multiprocess(make_config(settings, workers), sockets=[listening]).run()


def make_config(settings: Settings, workers: int = 1) -> Any:
    """How uvicorn runs the application."""
    import uvicorn

    from dialtone_nb.server.patience import PatientProtocol

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


def _make_server(settings: Settings) -> Any:
    import uvicorn

    return uvicorn.Server(make_config(settings))


def _allow_many_connections() -> None:
    """Each connection is an open file, and the customary 1,024 are soon held by somebody who means harm."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def _ending_quietly() -> Iterator[None]:
    """uvicorn ends well on these signals and then raises them once more, for whoever handled them before: nobody."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
