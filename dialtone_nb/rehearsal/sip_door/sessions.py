"""Sessions with phones: an INVITE that came, or one that we send, with its dialog, its sound and its end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from aiosipua.dialog import Dialog, create_dialog_from_request
from aiosipua.headers import CSeq, Via, parse_cseq, stringify_cseq, stringify_uri, stringify_via
from aiosipua.message import SipRequest, SipResponse
from aiosipua.utils import generate_branch, generate_call_id, generate_tag

from dialtone_nb.rehearsal.sip_door.flows import Flow
from dialtone_nb.rehearsal.sip_door.media import MediaPort
from dialtone_nb.rehearsal.sip_door.offers import (
    Unacceptable,
    answer_offer,
    make_offer,
    read_agreement,
    read_description,
    write_description,
)
from dialtone_nb.rehearsal.sip_door.reading import Request
from dialtone_nb.rehearsal.sip_door.responses import ALLOWED, SERVER, response_to
from dialtone_nb.rehearsal.sip_door.transactions import (
    ClientTransaction,
    ServerTransaction,
    Transactions,
    cancellation,
    send_response,
)

KEY_IN_INFO = re.compile(r"(?:Signal\s*=\s*)?([0-9A-D*#])\s*(?:\r?\n|$)")
Ended = Literal["", "canceled", "bye", "lost", "refused", "ours"]


@dataclass(frozen=True, slots=True)
class Switchboard:
    """What sessions share: transactions, where phones find us, and who is told of a session's dialog."""

    transactions: Transactions
    host: str  # the address that phones have of this machine
    port: int
    opened: Callable[[Session], None]
    closed: Callable[[Session], None]

    def contact(self, flow: Flow) -> str:
        """Our own Contact, as it is over this flow."""
        return f"<sip:{self.host}:{self.port}{';transport=tcp' if flow.transport == 'TCP' else ''}>"


class Session:
    """One leg over SIP. `over` is set once it has ended, by whomever; `ended` says how."""

    def __init__(self, switchboard: Switchboard, dialog: Dialog, flow: Flow) -> None:
        self._switchboard = switchboard
        self.dialog = dialog
        self.flow = flow
        self.media = MediaPort()
        self.over = asyncio.Event()
        self.ended: Ended = ""
        self.is_answered = False
        self._invites: dict[int, ServerTransaction] = {}  # of the phone's INVITEs, by CSeq, those without ACK
        switchboard.opened(self)

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

    def hang_up(self) -> None:
        """Say goodbye, where there is somebody to say it to."""
        if self.is_answered and not self.over.is_set():
            self._switchboard.transactions.send(self._request("BYE"), self.flow, lambda _: None)
        self.end("ours")

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
                answer, agreed = answer_offer(offer, self.media.local)
                self.media.agree(agreed, [self.flow.peer[0]])
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
            via_port=self._switchboard.port,
            via_transport=self.flow.transport,
        )
        request.headers.set_single("User-Agent", SERVER)
        return request


class IncomingSession(Session):
    """A phone calls."""

    def __init__(self, switchboard: Switchboard, request: Request, transaction: ServerTransaction) -> None:
        super().__init__(switchboard, create_dialog_from_request(request.message), request.flow)
        self.request = request
        self._transaction = transaction
        self._invites[request.cseq] = transaction
        transaction.on_lost = lambda: self.end("lost")

    async def prepare(self) -> None:
        """Open the sound, as the phone offers it; `Unacceptable` where it offers none that we have."""
        await self.media.open(self._switchboard.host)
        offer = read_description(self.request.message)
        if offer is None:
            self._description = make_offer(self.media.local)
            return
        self._description, agreed = answer_offer(offer, self.media.local)
        self.media.agree(agreed, [self.flow.peer[0]])

    def ring(self) -> None:
        """180: it rings."""
        if not self.is_answered and not self.over.is_set():
            self._respond(180)

    def answer(self) -> None:
        """200: it is answered."""
        if self.is_answered or self.over.is_set():
            return
        response = self._response(200)
        write_description(response, self._description)
        self.is_answered = True
        self.dialog.confirm()
        self._transaction.respond(response)

    def refuse(self, status: int, reason: str = "") -> None:
        """A refusal, instead of an answer."""
        if not self.is_answered and not self.over.is_set():
            self._respond(status, reason)
            self.end("refused")

    def cancel(self) -> None:
        """The phone no longer wants to be answered."""
        if not self.is_answered and not self.over.is_set():
            self._respond(487)
            self.end("canceled")

    def hang_up(self) -> None:
        """Say goodbye; a call that was never answered is refused instead."""
        if self.is_answered:
            super().hang_up()
        else:
            self.refuse(480)

    def _acknowledged(self, request: Request) -> None:
        super()._acknowledged(request)
        if self.media.agreed.remote is None and request.message.body:
            # Where the phone made no offer, its ACK answers ours.
            try:
                description = read_description(request.message)
                if description:
                    self.media.agree(read_agreement(description), [self.flow.peer[0]])
            except Unacceptable:
                self.hang_up()

    def _respond(self, status: int, reason: str = "") -> None:
        self._transaction.respond(self._response(status, reason))

    def _response(self, status: int, reason: str = "") -> SipResponse:
        response = response_to(self.request.message, status, self.dialog.local_tag, reason)
        if status < 300:
            response.headers.set_single("Contact", self._switchboard.contact(self.flow))
            response.headers.set_single("Allow", ALLOWED)
            for route in self.request.message.headers.get("Record-Route"):
                response.headers.append("Record-Route", route)
        return response


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of ringing a phone: 180, 200 or a refusal's status; 0 where nothing ever came back."""

    status: int


class OutgoingSession(Session):
    """We call a phone; `on_outcome` hears of ringing, of the answer, and of the refusal."""

    def __init__(
        self,
        switchboard: Switchboard,
        flow: Flow,
        *,
        contact: str,
        from_uri: str,
        to_uri: str,
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        dialog = Dialog(
            call_id=generate_call_id(switchboard.host),
            local_tag=generate_tag(),
            local_uri=from_uri,
            remote_uri=to_uri,
            remote_target=contact,
        )
        super().__init__(switchboard, dialog, flow)
        self._on_outcome = on_outcome
        self._transaction: ClientTransaction | None = None
        self._is_unwanted = False

    async def invite(self, headers: Mapping[str, str]) -> None:
        """Send the INVITE, with headers of the caller's."""
        await self.media.open(self._switchboard.host)
        if self.over.is_set():
            self.media.close()
            return
        invite = self._request("INVITE")
        invite.headers.set_single("Contact", self._switchboard.contact(self.flow))
        invite.headers.set_single("Allow", ALLOWED)
        for name, value in headers.items():
            invite.headers.set_single(name, value)
        write_description(invite, make_offer(self.media.local))
        self._transaction = self._switchboard.transactions.send(invite, self.flow, self._came)

    def cancel(self) -> None:
        """Let it ring no more."""
        if self.over.is_set() or self._is_unwanted:
            return
        if self.is_answered:
            self.hang_up()
            return
        self._is_unwanted = True
        if self._transaction is None:
            self.end("ours")
        elif self._transaction.is_provisional:
            self._send_cancel()

    def _send_cancel(self) -> None:
        if self._transaction:
            cancel = cancellation(self._transaction.request)
            self._switchboard.transactions.send(cancel, self.flow, lambda _: None)

    def _came(self, response: SipResponse | None) -> None:
        if response is None:
            self.end("lost")
            self._tell(0)
        elif response.status_code < 200:
            self._learn(response)
            if self._is_unwanted:
                self._send_cancel()
            elif response.status_code in {180, 183}:
                self._tell(180)
        elif response.status_code < 300:
            self._answered(response)
        else:
            self.end("refused")
            self._tell(response.status_code)

    def _answered(self, response: SipResponse) -> None:
        self._learn(response)
        self.flow.send(bytes(self._ack(response)))
        if self.is_answered:
            return
        self.is_answered = True
        self.dialog.confirm()
        if self._is_unwanted:
            # Answered and cancelled in the same moment: it was answered first.
            self.hang_up()
            return
        try:
            answer = read_description(response)
            if answer is None:
                raise Unacceptable("an answer without SDP")
            self.media.agree(read_agreement(answer), [self.flow.peer[0]])
        except Unacceptable:
            self.hang_up()
            self._tell(488)
            return
        self._tell(200)

    def _learn(self, response: SipResponse) -> None:
        """What a response says of the dialog: its tag, its target, its route."""
        to, dialog = response.to_addr, self.dialog
        if to and to.tag and not dialog.remote_tag:
            dialog.remote_tag = to.tag
            dialog.route_set = list(reversed(response.headers.get("Record-Route")))
        if response.status_code >= 200 and response.contact:
            dialog.remote_target = stringify_uri(response.contact[0].uri)

    def _ack(self, response: SipResponse) -> SipRequest:
        dialog = self.dialog
        ack = SipRequest(method="ACK", uri=dialog.remote_target)
        via = Via("SIP/2.0", self.flow.transport, self._switchboard.host, self._switchboard.port)
        via.params = {"branch": generate_branch(), "rport": None}
        ack.headers.append("Via", stringify_via(via))
        ack.headers.set_single("From", f"<{dialog.local_uri}>;tag={dialog.local_tag}")
        ack.headers.set_single("To", response.get_header("To") or "")
        ack.headers.set_single("Call-ID", dialog.call_id)
        number = parse_cseq(response.get_header("CSeq") or "").seq
        ack.headers.set_single("CSeq", stringify_cseq(CSeq(number, "ACK")))
        ack.headers.set_single("Max-Forwards", "70")
        for route in dialog.route_set:
            ack.headers.append("Route", route)
        return ack

    def _tell(self, status: int) -> None:
        self._on_outcome(Outcome(status))


def refuse_stranger(request: Request) -> None:
    """Answer a request of a dialog that nobody knows."""
    if request.method != "ACK":
        send_response(response_to(request.message, 481), request.flow)
