"""The application under test, served on a free port of this machine while a test runs."""

from __future__ import annotations

import inspect
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

LOOPBACK = "127.0.0.1"


@contextmanager
def serve_application(application: Callable[..., Any]) -> Iterator[str]:
    """The URL of an application while it is served: WSGI, as Flask's and Django's are, or ASGI, as FastAPI's is."""
    with _serve_asgi(application) if _is_asgi(application) else _serve_wsgi(application) as url:
        yield url


def _is_asgi(application: Callable[..., Any]) -> bool:
    return any(map(inspect.iscoroutinefunction, (application, getattr(application, "__call__", None))))  # noqa: B004


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log no request: a test's story has them."""

    def address_string(self) -> str:
        """The client's address; its name would be looked up."""
        return str(self.client_address[0])


@contextmanager
def _serve_wsgi(application: Callable[..., Any]) -> Iterator[str]:
    with make_server(LOOPBACK, 0, application, server_class=_Server, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _serve_asgi(application: Callable[..., Any]) -> Iterator[str]:
    from uvicorn import Config

    from dialtone_nb.rehearsal.http.server import Server

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind((LOOPBACK, 0))
        server = Server(Config(application, log_config=None, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.002)
        try:
            yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        finally:
            server.end()
            thread.join()
