"""Sessions (RFC 3261, 12 to 15): the common part of those that phones begin (`uas`) and those that we begin (`uac`).

A session is a dialog with its audio. It is answered at most once and ends exactly once, by whichever comes first:

    state       ended by                                   sent to the phone
    early       the phone's CANCEL                         487 to its INVITE
                a refusal, ours or the phone's             our 4xx to 6xx, or the ACK of its own
                hang_up or cancel, by the exchange         480 to its INVITE, or a CANCEL of ours
                no response to our INVITE in 32 s          nothing
    confirmed   the phone's BYE                            200
                hang_up, by the exchange or at closing     BYE
                no ACK of our 200 in 32 s                  nothing
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiosipua.dialog import Dialog
from aiosipua.headers import stringify_uri
from aiosipua.message import SipMessage, SipRequest, SipResponse
from aiosipua.sdp import SdpMessage

from dialtone_nb.rehearsal.sip.digest import NO_CREDENTIALS, DigestCredentials
from dialtone_nb.rehearsal.sip.media.rtp import MediaPort
from dialtone_nb.rehearsal.sip.media.sdp import (
    Unacceptable,
    answer_offer,
    make_offer,
    read_agreement,
    read_description,
    write_description,
)
from dialtone_nb.rehearsal.sip.messages import ALLOWED, SERVER, Request, response_to
from dialtone_nb.rehearsal.sip.transactions import ServerTransaction, Transactions, send_response
from dialtone_nb.rehearsal.sip.transport import Flow

KEY_IN_INFO = re.compile(r"(?:Signal\s*=\s*)?([0-9A-D*#])\s*(?:\r?\n|$)")


@dataclass(frozen=True, slots=True)
class UserAgent:
    """What sessions share: the transactions, our host, and the callbacks for a session's beginning and end."""

    transactions: Transactions
    host: str  # this machine's address for phones
    opened: Callable[[Session], None]
    closed: Callable[[Session], None]

    def contact(self, flow: Flow) -> str:
        """Our own Contact for this flow."""
        how = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        return f"<sip:{self.host}:{flow.local[1]}{how}>"


class Session:
    """One leg of a call over SIP. `over` is set once it has ended, by either side."""

    def __init__(self, user_agent: UserAgent, dialog: Dialog, flow: Flow) -> None:
        self._user_agent = user_agent
        self.dialog = dialog
        self.flow = flow
        self.media = MediaPort()
        self.over = asyncio.Event()
        self.is_answered = False
        self.on_over: Callable[[], None] = lambda: None
        self._began = time.monotonic()
        self.credentials: DigestCredentials = NO_CREDENTIALS
        self._invites: dict[int, ServerTransaction] = {}  # the phone's INVITEs without ACK, by CSeq
        user_agent.opened(self)

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.dialog.call_id

    def terminate(self) -> None:
        """End the session and its dialog, unless it has ended."""
        if not self.over.is_set():
            self.dialog.terminate()
            if self.is_answered:
                for transaction in self._invites.values():
                    transaction.acknowledge()  # the call is over, so stop waiting for the ACK
            self.over.set()
            self.media.close()
            self._user_agent.closed(self)
            self.on_over()

    def summary(self) -> str:
        """The session's duration and packet counts, in words."""
        packets = self.media.packets
        lasted = time.monotonic() - self._began
        return f"after {lasted:.0f} s; audio: {packets.received} packets from it, {packets.sent} to it"

    def hang_up(self) -> None:
        """Send BYE if the session was answered, and end it."""
        if self.is_answered and not self.over.is_set():
            self._send_bye()
        self.terminate()

    def _send_bye(self) -> None:
        bye = self._request("BYE")

        def receive(response: SipResponse | None) -> None:
            if response and (answer := self.credentials.answer(response, bye)):
                again = self._request("BYE")
                again.headers.set_single(*answer)
                self._user_agent.transactions.send(again, self.flow, lambda _: None)

        self._user_agent.transactions.send(bye, self.flow, receive)

    def receive(self, request: Request) -> None:
        """Handle a request within this session's dialog."""
        message = request.message
        if request.method == "ACK":
            self._acknowledged(request)
            return
        transaction = self._user_agent.transactions.begin(request)
        if request.cseq <= self.dialog.remote_cseq:
            transaction.respond(response_to(message, 500, reason="Out of order"))
            return
        self.dialog.remote_cseq = request.cseq
        if request.method == "INVITE":
            self._invites[request.cseq] = transaction
        match request.method:
            case "BYE":
                transaction.respond(response_to(message, 200))
                self.terminate()
            case "INVITE" | "UPDATE":
                transaction.respond(self._modify(request))
            case "INFO":
                transaction.respond(response_to(message, 200))
                if found := KEY_IN_INFO.match(message.text.strip()):
                    self.media.on_key(found[1])
            case "OPTIONS" | "NOTIFY":
                transaction.respond(response_to(message, 200, Allow=ALLOWED))
            case _:
                transaction.respond(response_to(message, 405, Allow=ALLOWED))

    def _modify(self, request: Request) -> SipResponse:
        """The response to a re-INVITE or UPDATE: hold, resume, another port (RFC 3261, 14; RFC 3311)."""
        contact = self._user_agent.contact(self.flow)
        if contacts := request.message.contact:
            self.dialog.remote_target = stringify_uri(contacts[0].uri)
        if not self.is_answered and request.method == "INVITE":
            return response_to(request.message, 491)
        response = response_to(request.message, 200, Contact=contact, Allow=ALLOWED)
        try:
            offer = read_description(request.message)
            if offer:
                write_description(response, self._answer_sdp_offer(offer))
            elif request.method == "INVITE":
                write_description(response, make_offer(self.media.local))
        except Unacceptable:
            return response_to(request.message, 488)
        return response

    def _answer_sdp_offer(self, offer: SdpMessage) -> SdpMessage:
        """Answer the phone's SDP offer and use what is agreed; raises `Unacceptable` if no codec is in common."""
        answer, agreed = answer_offer(offer, self.media.local, self.flow.peer[0])
        self.media.agree(agreed, self.flow.peer[0])
        return answer

    def _take_sdp_answer(self, message: SipMessage) -> None:
        """Use what the phone's answer to our SDP offer agrees to; raises `Unacceptable` if no codec is in common."""
        answer = read_description(message)
        if answer is None:
            raise Unacceptable("an answer without SDP")
        self.media.agree(read_agreement(answer, self.flow.peer[0]), self.flow.peer[0])

    def _acknowledged(self, request: Request) -> None:
        if transaction := self._invites.pop(request.cseq, None):
            transaction.acknowledge()

    def _request(self, method: str) -> SipRequest:
        request = self.dialog.create_request(
            method,
            via_host=self._user_agent.host,
            via_port=self.flow.local[1],
            via_transport=self.flow.transport,
        )
        request.headers.set_single("User-Agent", SERVER)
        return request


def refuse_unknown_dialog(request: Request) -> None:
    """Respond to a request in an unknown dialog (481)."""
    if request.method != "ACK":
        send_response(response_to(request.message, 481), request.flow)
