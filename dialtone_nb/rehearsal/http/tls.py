"""TLS: certificates made at each start, and a proxy for Twilio clients that insist on https and Twilio's host names."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from dialtone_nb.errors import DialtoneError

LOOPBACK = "127.0.0.1"
NAMES = ("*.twilio.com", "*.twil.io", "localhost", "rehearsal.localhost", LOOPBACK)
CHUNK = 1 << 16  # bytes
AS_TWILIO = Path(__file__).with_name("as_twilio.cjs")


class TlsProxy:
    """A reverse proxy on loopback that terminates TLS and passes every byte on to the rehearsal.

    Its certificate is signed by a certificate authority made for this one start: clients trust the file `authority`
    (NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE). The authority's key is never written to a file.
    """

    def __init__(self, rehearsal_url: str, authority: Path, *, port: int = 0) -> None:
        self.authority = authority
        self._behind = urlsplit(rehearsal_url).port
        self._wanted = port
        self._context = server_context(authority, NAMES)
        self._loop = asyncio.new_event_loop()
        self._carried: set[asyncio.Task[None]] = set()
        opened = Future[int]()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="rehearsal TLS", daemon=True)
        self._thread.start()
        try:
            self.port = opened.result()
        except OSError as error:
            self._thread.join()
            raise DialtoneError(
                f"The rehearsal can't use port {port} of {LOOPBACK} for TLS: {error.strerror}"
            ) from error
        self.url: str = f"https://{LOOPBACK}:{self.port}"

    def environment_of_node(self) -> dict[str, str]:
        """The environment variables by which a Node program's requests to Twilio reach this proxy."""
        return {
            "NODE_OPTIONS": f"--require {json.dumps(str(AS_TWILIO))}",
            "NODE_EXTRA_CA_CERTS": str(self.authority),
            "REHEARSAL_TLS_PORT": str(self.port),
        }

    def close(self) -> None:
        """Stop listening."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(self, opened: Future[int]) -> None:
        with contextlib.closing(self._loop):
            try:
                server = self._loop.run_until_complete(
                    asyncio.start_server(self._carry, LOOPBACK, self._wanted, ssl=self._context)
                )
            except OSError as error:
                opened.set_exception(error)
                return
            opened.set_result(server.sockets[0].getsockname()[1])
            self._loop.run_forever()
            self._loop.run_until_complete(self._shut(server))

    async def _shut(self, server: asyncio.Server) -> None:
        server.close()
        for task in self._carried:
            task.cancel()
        await asyncio.gather(*self._carried, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server's callback runs in a task
        self._carried.add(task)
        # A hang-up on either side closes both connections.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            behind_reader, behind_writer = await asyncio.open_connection(LOOPBACK, self._behind)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pour(reader, behind_writer))
                    both.create_task(_pour(behind_reader, writer))
            except* OSError:
                pass
            finally:
                behind_writer.close()
        writer.close()
        self._carried.discard(task)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.close()


def server_context(authority: Path, names: Sequence[str]) -> ssl.SSLContext:
    """A server context for TLS 1.2 and newer, as Twilio has it, with a certificate for these names.

    The certificate of the authority that signed it, which clients have to trust, is written to a file; its key is not.
    """
    import trustme  # imports a large library that only TLS needs

    made = trustme.CA(organization_name="dialtone_nb rehearsal, not Twilio")
    authority.parent.mkdir(parents=True, exist_ok=True)
    made.cert_pem.write_to_path(str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    made.issue_cert(*names).configure_cert(context)
    return context
