"""Sessions with phones: what those that came and those that we begin have in common: dialog, sound, and an end."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aiosipua.dialog import Dialog
from aiosipua.headers import stringify_uri
from aiosipua.message import SipRequest, SipResponse

from dialtone_nb.rehearsal.sip.credentials import NOBODY, Credentials
from dialtone_nb.rehearsal.sip.media.rtp import MediaPort
from dialtone_nb.rehearsal.sip.media.sdp import (
    Unacceptable,
    answer_offer,
    make_offer,
    read_description,
    write_description,
)
from dialtone_nb.rehearsal.sip.messages import Request
from dialtone_nb.rehearsal.sip.responses import ALLOWED, SERVER, response_to
from dialtone_nb.rehearsal.sip.transactions import (
    ServerTransaction,
    Transactions,
    send_response,
)
from dialtone_nb.rehearsal.sip.transport import Flow

KEY_IN_INFO = re.compile(r"(?:Signal\s*=\s*)?([0-9A-D*#])\s*(?:\r?\n|$)")
Ended = Literal["", "canceled", "bye", "lost", "refused", "ours"]


@dataclass(frozen=True, slots=True)
class UserAgent:
    """What sessions share: transactions, where phones find us, and who is told of a session's dialog."""

    transactions: Transactions
    host: str  # the address that phones have of this machine
    opened: Callable[[Session], None]
    closed: Callable[[Session], None]

    def contact(self, flow: Flow) -> str:
        """Our own Contact, as it is over this flow."""
        how = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        return f"<sip:{self.host}:{flow.local[1]}{how}>"


class Session:
    """One leg over SIP. `over` is set once it has ended, by whomever; `ended` says how."""

    def __init__(self, user_agent: UserAgent, dialog: Dialog, flow: Flow) -> None:
        self._switchboard = user_agent
        self.dialog = dialog
        self.flow = flow
        self.media = MediaPort()
        self.over = asyncio.Event()
        self.ended: Ended = ""
        self.is_answered = False
        self.on_over: Callable[[], None] = lambda: None
        self._began = time.monotonic()
        self.credentials: Credentials = NOBODY
        self._invites: dict[int, ServerTransaction] = {}  # of the phone's INVITEs, by CSeq, those without ACK
        user_agent.opened(self)

    @property
    def call_id(self) -> str:
        """SIP's own name of this call."""
        return self.dialog.call_id

    def end(self, how: Ended) -> None:
        """It is over."""
        if not self.over.is_set():
            self.ended = how
            self.dialog.terminate()
            if self.is_answered:
                for transaction in self._invites.values():
                    transaction.acknowledge()  # nobody waits for the ACK of a call that is over
            self.over.set()
            self.media.close()
            self._switchboard.closed(self)
            self.on_over()

    def summary(self) -> str:
        """How long it has lasted, and how much sound went either way."""
        heard = self.media.heard
        lasted = time.monotonic() - self._began
        return f"after {lasted:.0f} s; sound: {heard.received} packets from it, {heard.sent} to it"

    def hang_up(self) -> None:
        """Say goodbye, where there is somebody to say it to."""
        if self.is_answered and not self.over.is_set():
            self._say_goodbye()
        self.end("ours")

    def _say_goodbye(self) -> None:
        goodbye = self._request("BYE")

        def came(response: SipResponse | None) -> None:
            if response and (answer := self.credentials.answer(response, goodbye)):
                again = self._request("BYE")
                again.headers.set_single(*answer)
                self._switchboard.transactions.send(again, self.flow, lambda _: None)

        self._switchboard.transactions.send(goodbye, self.flow, came)

    def take(self, request: Request) -> None:
        """A request within this session's dialog."""
        message = request.message
        if request.method == "ACK":
            self._acknowledged(request)
            return
        transaction = self._switchboard.transactions.begin(request)
        if request.cseq <= self.dialog.remote_cseq:
            transaction.respond(response_to(message, 500, reason="Out of order"))
            return
        self.dialog.remote_cseq = request.cseq
        if request.method == "INVITE":
            self._invites[request.cseq] = transaction
        match request.method:
            case "BYE":
                transaction.respond(response_to(message, 200))
                self.end("bye")
            case "INVITE" | "UPDATE":
                transaction.respond(self._renegotiated(request))
            case "INFO":
                transaction.respond(response_to(message, 200))
                if found := KEY_IN_INFO.match(message.text.strip()):
                    self.media.on_key(found[1])
            case "OPTIONS" | "NOTIFY":
                transaction.respond(response_to(message, 200, Allow=ALLOWED))
            case _:
                transaction.respond(response_to(message, 405, Allow=ALLOWED))

    def _renegotiated(self, request: Request) -> SipResponse:
        """The answer to a re-INVITE or an UPDATE: on hold, off hold, another port."""
        contact = self._switchboard.contact(self.flow)
        if contacts := request.message.contact:
            self.dialog.remote_target = stringify_uri(contacts[0].uri)
        if not self.is_answered and request.method == "INVITE":
            return response_to(request.message, 491)
        response = response_to(request.message, 200, Contact=contact, Allow=ALLOWED)
        try:
            offer = read_description(request.message)
            if offer:
                answer, agreed = answer_offer(offer, self.media.local, self.flow.peer[0])
                self.media.agree(agreed, self.flow.peer[0])
                write_description(response, answer)
            elif request.method == "INVITE":
                write_description(response, make_offer(self.media.local))
        except Unacceptable:
            return response_to(request.message, 488)
        return response

    def _acknowledged(self, request: Request) -> None:
        if transaction := self._invites.pop(request.cseq, None):
            transaction.acknowledge()

    def _request(self, method: str) -> SipRequest:
        request = self.dialog.create_request(
            method,
            via_host=self._switchboard.host,
            via_port=self.flow.local[1],
            via_transport=self.flow.transport,
        )
        request.headers.set_single("User-Agent", SERVER)
        return request


def refuse_stranger(request: Request) -> None:
    """Answer a request of a dialog that nobody knows."""
    if request.method != "ACK":
        send_response(response_to(request.message, 481), request.flow)
