"""SIP transactions (RFC 3261, 17, and RFC 6026): what was lost is sent again, what comes twice is answered once.

aiosipua leaves this to whoever uses it. Timers run on the event loop; over TCP nothing is repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiosipua.headers import CSeq, parse_cseq, parse_via, stringify_cseq
from aiosipua.message import SipRequest, SipResponse

from dialtone_nb.rehearsal.sip.messages import Request, way_back
from dialtone_nb.rehearsal.sip.transport import Flow

T1, T2 = 0.5, 4.0  # RFC 3261, 17.1.1.1: the round trip that is reckoned with, and the longest pause
GIVE_UP_S = 64 * T1
LINGER_S = 5.0  # T4: how long what is over is still known


@dataclass(slots=True)
class Repeating:
    """Something that is sent again and again, at growing intervals, until it is stopped or given up."""

    send: Callable[[], None]
    give_up: Callable[[], None]
    longest_pause: float = T2
    _handle: asyncio.TimerHandle | None = None
    _until: float = 0.0

    def start(self, *, repeat: bool) -> None:
        """Send it now, and again where `repeat` is set; give up after 32 s in either case."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + GIVE_UP_S
        self.send()
        self._handle = loop.call_later(T1 if repeat else GIVE_UP_S, self._again, T1, repeat)

    def _again(self, pause: float, repeat: bool) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._until - T1 / 2:
            self.stop()
            self.give_up()
            return
        self.send()
        pause = min(2 * pause, self.longest_pause)
        self._handle = loop.call_at(min(loop.time() + pause, self._until), self._again, pause, repeat)

    def stop(self) -> None:
        """Send it no more."""
        if self._handle:
            self._handle.cancel()
            self._handle = None


@dataclass(slots=True)
class ServerTransaction:
    """A request that came, and what it was answered; `on_lost` is told where nobody acknowledged the answer."""

    request: Request
    forget: Callable[[], None] = field(repr=False)
    response: SipResponse | None = None
    on_lost: Callable[[], None] = field(default=lambda: None, repr=False)
    _repeating: Repeating | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has its final answer."""
        return self.response is not None and self.response.status_code >= 200

    def respond(self, response: SipResponse) -> None:
        """Send a response; a final one is kept, and sent again when the request comes again or stays unacknowledged."""
        if self.is_over:
            return
        self.response = response
        if response.status_code < 200:
            self._send()
        elif self.request.method == "INVITE":
            self._repeating = Repeating(self._send, self._lost)
            self._repeating.start(repeat=self.request.flow.transport == "UDP")
        else:
            self._send()
            self._linger(GIVE_UP_S if self.request.flow.transport == "UDP" else LINGER_S)

    def come_again(self) -> None:
        """The same request came again: the same answer goes out."""
        if self.response:
            self._send()

    def acknowledge(self) -> None:
        """The final answer to an INVITE has arrived."""
        if self._repeating:
            self._repeating.stop()
            self._repeating = None
            self._linger(LINGER_S)

    def _lost(self) -> None:
        self.forget()
        self.on_lost()

    def _linger(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self.forget)

    def _send(self) -> None:
        if self.response:
            send_response(self.response, self.request.flow)

    def close(self) -> None:
        """Stop its timers."""
        if self._repeating:
            self._repeating.stop()


@dataclass(slots=True)
class ClientTransaction:
    """A request of ours; `on_response` gets every response that counts, and None where none came in 32 s."""

    request: SipRequest
    flow: Flow
    on_response: Callable[[SipResponse | None], None] = field(repr=False)
    forget: Callable[[], None] = field(repr=False)
    _repeating: Repeating | None = None
    _final: int = 0
    is_provisional: bool = False

    def start(self) -> None:
        """Send the request, over UDP until something comes back."""
        longest = GIVE_UP_S if self.request.method == "INVITE" else T2
        self._repeating = Repeating(self._send, self._timed_out, longest)
        self._repeating.start(repeat=self.flow.transport == "UDP")

    def take(self, response: SipResponse) -> None:
        """A response to it."""
        is_invite = self.request.method == "INVITE"
        if response.status_code < 200:
            self.is_provisional = True
            if is_invite and self._repeating:
                # From here on only the far side's patience counts, and ours.
                self._repeating.stop()
            if not self._final:
                self.on_response(response)
            return
        self._stop()
        first, self._final = not self._final, response.status_code
        if is_invite and response.status_code >= 300:
            self.flow.send(bytes(acknowledgement(self.request, response)))
        # A 200 that comes again means that our ACK was lost: whoever sent the INVITE sends that again.
        if first or (is_invite and response.status_code < 300):
            self.on_response(response)
        if first:
            asyncio.get_running_loop().call_later(GIVE_UP_S if is_invite else LINGER_S, self.forget)

    def fall_silent(self) -> None:
        """Send the request no more, and still take what it is answered: nobody who comes late is to be surprised."""
        if self._repeating:
            self._repeating.send = lambda: None

    def _send(self) -> None:
        self.flow.send(bytes(self.request))

    def _timed_out(self) -> None:
        self.forget()
        self.on_response(None)

    def _stop(self) -> None:
        if self._repeating:
            self._repeating.stop()
            self._repeating = None

    def close(self) -> None:
        """Stop its timers."""
        self._stop()


class Transactions:
    """All transactions, found by their branches."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, str], ServerTransaction] = {}
        self._clients: dict[tuple[str, str], ClientTransaction] = {}

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    def close(self) -> None:
        """Stop all timers."""
        for server in self._servers.values():
            server.close()
        for client in self._clients.values():
            client.close()

    def begin(self, request: Request) -> ServerTransaction:
        """A transaction for a request that is new."""
        key = (request.branch, request.method)
        made = ServerTransaction(request, lambda: self._forget_server(key, made))
        self._servers[key] = made
        return made

    def find(self, request: Request, method: str = "") -> ServerTransaction | None:
        """The transaction that a request belongs to; with `method`, the one that a CANCEL or an ACK is about."""
        found = self._servers.get((request.branch, method or request.method))
        # A branch is for its sender alone: the same one from elsewhere is a stranger's guess.
        return found if found and found.request.call_id == request.call_id and _same_peer(found, request) else None

    def send(
        self, request: SipRequest, flow: Flow, on_response: Callable[[SipResponse | None], None]
    ) -> ClientTransaction:
        """A request of ours, on its way."""
        key = (branch_of(request), request.method)
        made = ClientTransaction(request, flow, on_response, lambda: self._forget_client(key))
        self._clients[key] = made
        made.start()
        return made

    def take(self, response: SipResponse) -> bool:
        """Hand a response to the transaction that it belongs to; False where it belongs to none."""
        key = (branch_of(response), parse_cseq(response.get_header("CSeq") or "").method)
        transaction = self._clients.get(key)
        if transaction is None or transaction.request.call_id != response.call_id:
            return False
        transaction.take(response)
        return True

    def _forget_server(self, key: tuple[str, str], transaction: ServerTransaction) -> None:
        if self._servers.get(key) is transaction:
            del self._servers[key]

    def _forget_client(self, key: tuple[str, str]) -> None:
        self._clients.pop(key, None)


def _same_peer(transaction: ServerTransaction, request: Request) -> bool:
    return transaction.request.flow.peer[0] == request.flow.peer[0]


def branch_of(message: SipRequest | SipResponse) -> str:
    """The branch of the topmost Via; empty where it has none."""
    values = message.headers.get("Via")
    return (parse_via(values[0]).branch or "") if values else ""


def send_response(response: SipResponse, flow: Flow) -> None:
    """Send a response back to whoever asked."""
    flow.send(bytes(response), way_back(response, flow) if flow.transport == "UDP" else None)


def acknowledgement(invite: SipRequest, response: SipResponse) -> SipRequest:
    """The ACK of a final response that is no success: part of the INVITE's own transaction (RFC 3261, 17.1.1.3)."""
    return _companion("ACK", invite, response.get_header("To") or "")


def cancellation(invite: SipRequest) -> SipRequest:
    """The CANCEL of an INVITE that was not answered yet (RFC 3261, 9.1)."""
    return _companion("CANCEL", invite, invite.get_header("To") or "")


def _companion(method: str, invite: SipRequest, to: str) -> SipRequest:
    """A request that goes the INVITE's way, with its branch and its number."""
    made = SipRequest(method=method, uri=invite.uri)
    made.headers.append("Via", invite.headers.get("Via")[0])
    for name in ("From", "Call-ID"):
        made.headers.set_single(name, invite.get_header(name) or "")
    made.headers.set_single("To", to)
    number = parse_cseq(invite.get_header("CSeq") or "").seq
    made.headers.set_single("CSeq", stringify_cseq(CSeq(number, method)))
    made.headers.set_single("Max-Forwards", "70")
    for route in invite.headers.get("Route"):
        made.headers.append("Route", route)
    return made
