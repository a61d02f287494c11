"""Handing a phone its ready configuration: over HTTP on one's own network, once, while somebody waits for it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from dialtone_nb.devices import MODELS
from dialtone_nb.errors import Fault, InputError

Say = Callable[[str], None]
# How long a phone may take to close a connection whose end it has read.
CLOSING_S = 10.0


@dataclass(frozen=True, slots=True)
class Handout:
    """Files by name, the phone's model, and the address under which they are handed out."""

    files: Mapping[str, str]
    device: str
    address: str

    def find(self, path: str) -> str:
        """The name of the file that a path means; empty where it means none of them."""
        folder, _, name = path.rpartition("/")
        if folder != urlsplit(self.address).path:
            return ""
        if name in self.files:
            return name
        asked, meant = MODELS[self.device].own_name or ("", "")
        if asked and re.fullmatch(asked, name):
            return next((file for file in self.files if re.fullmatch(meant, file)), "")
        return ""


def hand_over(handout: Handout, *, within_s: float, say: Say, ready: Callable[[], None] = lambda: None) -> bool:
    """Whether every file was taken within this many seconds; each is handed out once, and its taker is shown.

    `ready` is called once phones are listened to. An `InputError` where the address is not ours, or is taken.
    """
    parts = urlsplit(handout.address)
    left, arrived, room = set(handout.files), set[str](), threading.Lock()
    taken = threading.Event()

    class FileHandler(BaseHTTPRequestHandler):
        """Answers with the files that are left, and with nothing else."""

        def do_GET(self) -> None:
            """Give a file away, once; one whose download was broken off is there for the next."""
            name = handout.find(urlsplit(self.path).path)
            with room:
                is_left = name in left
                left.discard(name)
            if not is_left:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            body = handout.files[name].encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if not self._arrives(body):
                with room:
                    left.add(name)
                say(f"{name} was not taken whole by {self.client_address[0]}, and is there once more")
                return
            say(f"{name} was taken by {self.client_address[0]}")
            with room:
                arrived.add(name)
                if len(arrived) == len(handout.files):
                    taken.set()

        def _arrives(self, body: bytes) -> bool:
            """Whether the phone has read the body to its end: it then closes the connection, and does not reset it."""
            try:
                self.connection.settimeout(CLOSING_S)
                self.wfile.write(body)
                self.connection.shutdown(socket.SHUT_WR)
                while self.connection.recv(1024):
                    pass
            except OSError:  # a time-out too
                return False
            return True

        def log_message(self, format: str, *args: object) -> None:
            """Log no line a request: what matters is said."""

    try:
        server = ThreadingHTTPServer((parts.hostname or "", parts.port or 80), FileHandler)
    except OSError as error:
        raise InputError(
            Fault(
                f"address {handout.address}",
                f"can't be listened at here ({error.strerror})",
                "name an address of this computer and a free port, such as --address http://192.0.2.20:8023",
            )
        ) from None
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ready()
        taken.wait(within_s)
        server.shutdown()
    return taken.is_set()


def is_own(address: str) -> bool:
    """Whether this computer can be reached by the host of an address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        try:
            tried.bind((urlsplit(address).hostname or "", 0))
        except OSError:
            return False
        return True


def own_address(port: int) -> str:
    """An address of this computer on its network, as a URL; of the machine itself where it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # nothing is sent: the system only chooses the way
            host = asked.getsockname()[0]
        except OSError:
            host = "127.0.0.1"
    return f"http://{host}:{port}"
