"""SIP transactions (RFC 3261, 17, and RFC 6026): lost messages are retransmitted, duplicates are answered only once.

aiosipua leaves this to its user. A transaction is a small state machine; the tables of the four kinds are above the two
classes that implement them. "The user" is RFC 3261's transaction user, which began the transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from aiosipua.headers import CSeq, parse_cseq, parse_via, stringify_cseq
from aiosipua.message import SipRequest, SipResponse

from dialtone_nb.rehearsal.sip.messages import Request
from dialtone_nb.rehearsal.sip.transport import Flow

T1, T2, T4 = 0.5, 4.0, 5.0  # seconds (RFC 3261, 17.1.1.1, 17.1.2.1): round trip, longest interval, message lifetime
GIVE_UP_S = 64 * T1  # timers B, F and H; D, J, L and M have the same length


@dataclass(slots=True)
class Retransmission:
    """Timers A and B, E and F, or G and H: retransmit at growing intervals, until stopped, or give up after 32 s."""

    send: Callable[[], None]
    give_up: Callable[[], None]
    longest_pause: float = T2
    _handle: asyncio.TimerHandle | None = None
    _until: float = 0.0

    def start(self, flow: Flow) -> None:
        """Send now, and again if the transport is unreliable; give up after 32 s over any transport."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + GIVE_UP_S
        self.send()
        is_reliable = flow.transport != "UDP"
        self._handle = loop.call_later(GIVE_UP_S if is_reliable else T1, self._again, T1)

    def _again(self, pause: float) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._until - T1 / 2:
            self.stop()
            self.give_up()
            return
        self.send()
        pause = min(2 * pause, self.longest_pause)
        self._handle = loop.call_at(min(loop.time() + pause, self._until), self._again, pause)

    def stop(self) -> None:
        """Stop both timers."""
        if self._handle:
            self._handle.cancel()
            self._handle = None


# Client transactions, for our requests. INVITE is RFC 3261's figure 5 with RFC 6026's figure 3, which adds "accepted":
# a 2xx is retransmitted until our ACK has arrived, and that ACK belongs to the dialog, not to the transaction.
#
#   state       event             INVITE                                    any other method (figure 6)
#   calling     timer A or E      send the request again, over UDP          the same, at most 4 s apart
#               timer B or F      tell the user of the timeout; over        the same
#               1xx               stop A and B; tell the user; proceeding   tell the user; proceeding
#               2xx               tell the user; accepted                   tell the user; completed
#               300-699           ACK; tell the user; completed             tell the user; completed
#   proceeding                    as calling, without A and B: the ringing  as calling
#                                 time is up to the callee and us
#   completed   final response    ACK again: ours was lost                  nothing
#               timer D or K      over, after 32 s                          over, after 5 s
#   accepted    2xx               tell the user, who sends the ACK again
#               timer M           over, after 32 s
#
# Over TCP and TLS timers D and K could be 0. They are not, which costs nothing and absorbs late messages.
ClientState = Literal["calling", "proceeding", "completed", "accepted"]


@dataclass(slots=True)
class ClientTransaction:
    """One of our requests; `on_response` gets each response for the user, or None if none came in 32 s."""

    request: SipRequest
    flow: Flow
    on_response: Callable[[SipResponse | None], None] = field(repr=False)
    forget: Callable[[], object] = field(repr=False)
    state: ClientState = "calling"
    _retransmission: Retransmission = field(init=False, repr=False)

    def __post_init__(self) -> None:
        longest_pause = GIVE_UP_S if self._is_invite else T2
        self._retransmission = Retransmission(self._send, self._time_out, longest_pause)

    @property
    def _is_invite(self) -> bool:
        return self.request.method == "INVITE"

    def start(self) -> None:
        """Send the request; over UDP, repeatedly until there is a response."""
        self._retransmission.start(self.flow)

    def receive(self, response: SipResponse) -> None:
        """Handle a response to the request."""
        is_first = self.state in {"calling", "proceeding"}
        if response.status_code < 200:
            if is_first:
                self.state = "proceeding"
                if self._is_invite:
                    self.close()
                self.on_response(response)
            return
        self.close()
        is_accepted = self._is_invite and response.status_code < 300
        self.state = "accepted" if is_accepted else "completed"
        if self._is_invite and not is_accepted:
            self.flow.send(bytes(acknowledgement(self.request, response)))
        if is_first or is_accepted:
            self.on_response(response)
        if is_first:
            asyncio.get_running_loop().call_later(GIVE_UP_S if self._is_invite else T4, self.forget)

    def fall_silent(self) -> None:
        """Stop retransmitting the request, but still handle responses, so that late ones are answered."""
        self._retransmission.send = lambda: None

    def close(self) -> None:
        """Stop the timers."""
        self._retransmission.stop()

    def _send(self) -> None:
        self.flow.send(bytes(self.request))

    def _time_out(self) -> None:
        self.forget()
        self.on_response(None)


# Server transactions, for requests to us. INVITE is RFC 3261's figure 7 with RFC 6026's figure 5. "accepted" is merged
# into "completed" here, because the dialog finds the ACK of a 2xx by its CSeq and passes it to the transaction.
#
#   state       event             INVITE                                    any other method (figure 8)
#   proceeding  request again     send the last response again, if any      the same
#               user: 1xx         send it                                   send it
#               user: 200-699     send it, start G and H; completed         send it, start J; completed
#   completed   request again     send the final response again             the same
#               timer G           send it again, over UDP
#               timer H           tell the user that the ACK is missing; over
#               ACK               stop G and H; confirmed
#               timer J                                                     over, after 32 s (5 s over TCP)
#   confirmed   timer I           over, after 5 s
ServerState = Literal["proceeding", "completed", "confirmed"]


@dataclass(slots=True)
class ServerTransaction:
    """A request to us, with its last response; `on_no_ack` is called if the ACK of a final response never comes."""

    request: Request
    forget: Callable[[], object] = field(repr=False)
    on_no_ack: Callable[[], None] = field(default=lambda: None, repr=False)
    state: ServerState = "proceeding"
    _response: SipResponse | None = None
    _retransmission: Retransmission = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._retransmission = Retransmission(self.send_again, self._lose)

    def respond(self, response: SipResponse) -> None:
        """Send a response, unless a final one has been sent."""
        if self.state != "proceeding":
            return
        self._response = response
        if response.status_code < 200:
            self.send_again()
            return
        self.state = "completed"
        if self.request.method == "INVITE":
            self._retransmission.start(self.request.flow)
        else:
            self.send_again()
            self._linger(GIVE_UP_S if self.request.flow.transport == "UDP" else T4)

    def send_again(self) -> None:
        """Send the last response again, if there is one, because the request was retransmitted."""
        if self._response:
            send_response(self._response, self.request.flow)

    def acknowledge(self) -> None:
        """Handle the ACK of the final response to an INVITE."""
        if self.state == "completed":
            self.state = "confirmed"
            self.close()
            self._linger(T4)

    def close(self) -> None:
        """Stop the timers."""
        self._retransmission.stop()

    def _lose(self) -> None:
        self.forget()
        self.on_no_ack()

    def _linger(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self.forget)


class Transactions:
    """All transactions, by branch and method."""

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
        """Begin a transaction for a new request."""
        key = (request.branch, request.method)

        def forget() -> None:
            if self._servers.get(key) is made:
                del self._servers[key]

        made = ServerTransaction(request, forget)
        self._servers[key] = made
        return made

    def find(self, request: Request, method: str = "") -> ServerTransaction | None:
        """The transaction that a request belongs to, or, with `method`, the one that a CANCEL or ACK is for."""
        found = self._servers.get((request.branch, method or request.method))
        if found is None or found.request.call_id != request.call_id:
            return None
        # A branch is only valid from the same sender; from another machine it may be guessed.
        return found if found.request.flow.peer[0] == request.flow.peer[0] else None

    def send(
        self, request: SipRequest, flow: Flow, on_response: Callable[[SipResponse | None], None]
    ) -> ClientTransaction:
        """Send a request in a new transaction."""
        key = (branch_of(request), request.method)
        made = ClientTransaction(request, flow, on_response, lambda: self._clients.pop(key, None))
        self._clients[key] = made
        made.start()
        return made

    def receive(self, response: SipResponse) -> bool:
        """Pass a response to its transaction; False if it has none."""
        key = (branch_of(response), parse_cseq(response.get_header("CSeq") or "").method)
        transaction = self._clients.get(key)
        if transaction is None or transaction.request.call_id != response.call_id:
            return False
        transaction.receive(response)
        return True


def branch_of(message: SipRequest | SipResponse) -> str:
    """The branch of the topmost Via; empty if there is none."""
    values = message.headers.get("Via")
    return (parse_via(values[0]).branch or "") if values else ""


def send_response(response: SipResponse, flow: Flow) -> None:
    """Send a response back to the sender, over UDP by RFC 3261, 18.2.2, and never to another machine."""
    via = parse_via(response.headers.get("Via")[0])
    is_elsewhere = flow.transport == "UDP" and not via.rport
    flow.send(bytes(response), (flow.peer[0], via.port or 5060) if is_elsewhere else None)


def acknowledgement(invite: SipRequest, response: SipResponse) -> SipRequest:
    """The ACK of a final response other than 2xx, which is part of the INVITE's transaction (RFC 3261, 17.1.1.3)."""
    return _companion("ACK", invite, response.get_header("To") or "")


def cancellation(invite: SipRequest) -> SipRequest:
    """The CANCEL of an INVITE without a final response (RFC 3261, 9.1)."""
    return _companion("CANCEL", invite, invite.get_header("To") or "")


def _companion(method: str, invite: SipRequest, to: str) -> SipRequest:
    """A request with the INVITE's route, branch and CSeq number."""
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
