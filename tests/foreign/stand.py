"""A rehearsed network with HTTP and SIP servers, and proxies through which unmodified programs find it."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from dialtone_nb.rehearsal.http.tls import TlsProxy
from tests.foreign.cache import NODE
from tests.rehearsal.sip.network import Network, open_network

CHUNK = 1 << 16  # bytes
# What else a variable of the caller's could lead astray.
KEPT = ("PATH", "LANG", "TMPDIR")


class Proxy(ThreadingTCPServer):
    """A CONNECT proxy on loopback that connects every tunnel to one port, whatever host is requested."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.leads_to = port
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """The value of HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Tunnel(StreamRequestHandler):
    """One connection through the proxy."""

    server: Proxy

    def handle(self) -> None:
        """Answer CONNECT, and copy bytes both ways until either side closes."""
        words = self.rfile.readline().decode("latin-1").split()
        while self.rfile.readline().strip():
            pass
        if words[:1] != ["CONNECT"]:
            self.wfile.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
            return
        self.server.asked.append(words[1].partition(":")[0])
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.leads_to)) as behind:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            other = {behind: self.connection, self.connection: behind}
            while True:
                for side in select.select(list(other), (), ())[0]:
                    if not (chunk := side.recv(CHUNK)):
                        return
                    other[side].sendall(chunk)


@dataclass(frozen=True)
class Stand:
    """A network with its proxies."""

    network: Network
    tls: TlsProxy
    proxy: Proxy
    folder: Path

    @property
    def account(self) -> tuple[str, str]:
        """Account SID and auth token."""
        return self.network.rehearsal.account_sid, self.network.rehearsal.auth_token

    def environment(self, **more: str) -> Mapping[str, str]:
        """Environment for a program that finds api.twilio.com by a proxy and trusts the CA named in variables."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        authority = str(self.tls.authority)
        trusting = {"REQUESTS_CA_BUNDLE": authority, "SSL_CERT_FILE": authority}
        return {**kept, "HOME": str(self.folder), "HTTPS_PROXY": self.proxy.url, **trusting, **more}

    def environment_of_node(self) -> Mapping[str, str]:
        """Environment for a Node program."""
        path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "CI": "true", **self.tls.environment_of_node()}


@contextmanager
def open_stand(folder: Path) -> Iterator[Stand]:
    """Start a stand with an empty account, on loopback only."""
    with (
        open_network(folder / "state.db") as network,
        TlsProxy(network.rehearsal.url, folder / "authority.pem") as tls,
        Proxy(tls.port) as proxy,
    ):
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield Stand(network, tls, proxy, folder)
        finally:
            proxy.shutdown()
            thread.join()
