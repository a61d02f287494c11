"""Sessions with phones that call us: an INVITE that came, and what it is answered."""

from __future__ import annotations

from aiosipua.dialog import create_dialog_from_request
from aiosipua.message import SipResponse

from dialtone_nb.rehearsal.sip.dialogs import Session, UserAgent
from dialtone_nb.rehearsal.sip.media.sdp import (
    Unacceptable,
    answer_offer,
    make_offer,
    read_agreement,
    read_description,
    write_description,
)
from dialtone_nb.rehearsal.sip.messages import Request
from dialtone_nb.rehearsal.sip.responses import ALLOWED, response_to
from dialtone_nb.rehearsal.sip.transactions import (
    ServerTransaction,
)


class UasSession(Session):
    """A phone calls."""

    def __init__(self, user_agent: UserAgent, request: Request, transaction: ServerTransaction) -> None:
        super().__init__(user_agent, create_dialog_from_request(request.message), request.flow)
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
        self._description, agreed = answer_offer(offer, self.media.local, self.flow.peer[0])
        self.media.agree(agreed, self.flow.peer[0])

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
                    self.media.agree(read_agreement(description, self.flow.peer[0]), self.flow.peer[0])
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
