"""The transport layer (RFC 3261, 18): UDP, and TCP and TLS connections split into messages; a flow leads to a peer."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from dialtone_nb.errors import DialtoneError

HostPort = tuple[str, int]
Transport = Literal["UDP", "TCP", "TLS"]

LARGEST_HEADERS = 16 * 1024
LARGEST_BODY = 64 * 1024
MOST_CONNECTIONS = 2000
IDLE_S = 7200.0  # an idle connection is closed after twice the longest registration
CONNECT_S = 4.0
PONG = b"\r\n"  # the answer to a keep-alive over TCP (RFC 5626, 4.4.1)


@dataclass(frozen=True, slots=True)
class Flow:
    """A way to a peer (RFC 5626): the same UDP socket and address, or the same connection."""

    transport: Transport
    peer: HostPort
    local: HostPort
    write: Callable[[bytes, HostPort], None] = field(repr=False, compare=False)

    def send(self, data: bytes, to: HostPort | None = None) -> None:
        """Send bytes, over UDP perhaps to another port of the peer; what can't be sent is lost, as on a network."""
        self.write(data, to or self.peer)


Receive = Callable[[bytes, Flow], None]


@dataclass(frozen=True, slots=True)
class TlsPort:
    """A port for TLS; `context` has the certificate."""

    port: int
    context: ssl.SSLContext


class TransportLayer(asyncio.DatagramProtocol):
    """UDP and TCP on one port, and perhaps TLS on another; each message is passed to `receive`."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._udp: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []
        self._connections: dict[HostPort, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.local: HostPort = ("", 0)
        self.secured: HostPort = ("", 0)  # the address for TLS; port 0 without TLS

    async def open(self, host: str, port: int, tls: TlsPort | None = None) -> None:
        """Listen; port 0 takes any that is free for both UDP and TCP. Raises DialtoneError if a port is taken."""
        loop = asyncio.get_running_loop()
        try:
            bound = await self._serve_at(host, port, "TCP")
            self._udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=bound)
            port = tls.port if tls else 0
            self.secured = await self._serve_at(host, port, "TLS", tls.context) if tls else ("", 0)
        except OSError as error:
            await self.close()
            # asyncio's strerror repeats the address.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            is_taken = error.errno == errno.EADDRINUSE
            repair = "stop what uses it, or name another port, such as 5070" if is_taken else "name another address"
            raise DialtoneError(f"The SIP server can't use port {port} of {host}: {why}; {repair}") from error
        self.local = bound

    async def _serve_at(
        self, host: str, port: int, transport: Transport, context: ssl.SSLContext | None = None
    ) -> HostPort:
        accept = partial(self._accept, transport)
        server = await asyncio.start_server(accept, host, port, limit=LARGEST_HEADERS, ssl=context)
        self._servers.append(server)
        return host, int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, and close all connections."""
        if self._udp:
            self._udp.close()
        for task in self._tasks:
            task.cancel()
        for writer in list(self._connections.values()):
            writer.close()
        for server in self._servers:
            server.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 1)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def udp(self, peer: HostPort) -> Flow:
        """The flow to an address over UDP."""
        return Flow("UDP", peer, self.local, self._send_by_udp)

    def _send_by_udp(self, data: bytes, to: HostPort) -> None:
        if self._udp and not self._udp.is_closing():
            # A forged header can contain an address to which nothing can be sent.
            with contextlib.suppress(OSError, ValueError, UnicodeError, OverflowError):
                self._udp.sendto(data, to)

    def datagram_received(self, data: bytes, addr: HostPort) -> None:
        """Handle a message over UDP."""
        self._receive(data, self.udp(addr[:2]))

    def error_received(self, exc: Exception) -> None:
        """Ignore that a phone is switched off: requests to it time out."""

    # --- TCP, and TLS over it ---

    def is_open(self, flow: Flow) -> bool:
        """Whether a flow can still be used: a TCP connection may be gone."""
        return flow.transport == "UDP" or flow.peer in self._connections

    async def connect(self, peer: HostPort) -> Flow | None:
        """The TCP flow to a peer, over the existing connection or a new one; None if it can't be connected."""
        if peer not in self._connections:
            try:
                reader, writer = await asyncio.wait_for(
                    asyncio.open_connection(*peer, limit=LARGEST_HEADERS), timeout=CONNECT_S
                )
            except (OSError, TimeoutError):
                return None
            task = asyncio.get_running_loop().create_task(self._serve("TCP", reader, writer, peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._connections[peer] = writer
        return self._flow("TCP", peer)

    def _flow(self, transport: Transport, peer: HostPort) -> Flow:
        return Flow(transport, peer, self.secured if transport == "TLS" else self.local, self._send_by_tcp)

    def _send_by_tcp(self, data: bytes, to: HostPort) -> None:
        writer = self._connections.get(to)
        if writer and not writer.is_closing():
            writer.write(data)

    async def _accept(self, transport: Transport, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: HostPort = writer.get_extra_info("peername")[:2]
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._connections[peer] = writer
        await self._serve(transport, reader, writer, peer)

    async def _serve(
        self, transport: Transport, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: HostPort
    ) -> None:
        flow = self._flow(transport, peer)
        try:
            while data := await asyncio.wait_for(read_framed(reader), IDLE_S):
                if data.strip():
                    self._receive(data, flow)
                else:
                    writer.write(PONG)
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the peer does not speak SIP, or is gone
        finally:
            if self._connections.get(peer) is writer:
                del self._connections[peer]
            writer.close()


async def read_framed(reader: asyncio.StreamReader) -> bytes:
    """One message from a TCP connection, by its Content-Length; blank for a keep-alive, empty at the end."""
    head = await reader.readline()
    if not head.strip():
        return head
    while not head.endswith(b"\r\n\r\n"):
        line = await reader.readline()
        head += line
        if not line or len(head) > LARGEST_HEADERS:
            raise ValueError("headers without an end")
    length = _content_length(head)
    return head + await reader.readexactly(length) if length else head


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in {b"content-length", b"l"}:
            length = int(value)
            if not 0 <= length <= LARGEST_BODY:
                raise ValueError("a body without an end")
            return length
    return 0
