"""uvicorn's server without its pauses: it shuts down as soon as it is told to, instead of at the next tick."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import uvicorn


class Server(uvicorn.Server):
    """A server in a thread of its own that another thread can stop.

    uvicorn checks ten times a second whether it should exit, and pauses a tenth of a second as it does. That is too
    long here, because each test and each runbook starts a server of its own.
    """

    _ended: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop

    async def main_loop(self) -> None:
        """Serve until `end`."""
        # The first tick sets the default headers of all responses.
        await self.on_tick(0)
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        if not self.should_exit:
            await self._ended.wait()

    def end(self) -> None:
        """Stop the server from another thread, without waiting for idle connections."""
        self.force_exit = self.should_exit = True
        if self._ended:
            with contextlib.suppress(RuntimeError):  # it has ended, and its loop is closed
                self._loop.call_soon_threadsafe(self._ended.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections; uvicorn's own pauses happen only while responses are under way."""
        if self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # connections finish closing in the loop's next iteration
