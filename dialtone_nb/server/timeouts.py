"""How long, and for how much, a client is waited for: a request that does not come to its end is cut off."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Twilio gives a request fifteen seconds in all, and sends it in one piece.
REQUEST_WITHIN_S: Final = 10.0
# The largest body that is read, and what headers a proxy may add to it.
LARGEST_REQUEST: Final = 128 * 1024


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
