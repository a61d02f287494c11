"""The user agent server: sessions with phones that call us."""

from __future__ import annotations

from aiosipua.dialog import create_dialog_from_request
from aiosipua.message import SipResponse

from dialtone_nb.rehearsal.sip.dialogs import Session, UserAgent
from dialtone_nb.rehearsal.sip.media.sdp import Unacceptable, make_offer, read_description, write_description
from dialtone_nb.rehearsal.sip.messages import ALLOWED, Request, response_to
from dialtone_nb.rehearsal.sip.transactions import ServerTransaction


class UasSession(Session):
    """A session that a phone began."""

    def __init__(self, user_agent: UserAgent, request: Request, transaction: ServerTransaction) -> None:
        super().__init__(user_agent, create_dialog_from_request(request.message), request.flow)
        self.request = request
        self._transaction = transaction
        self._invites[request.cseq] = transaction
        transaction.on_no_ack = self.terminate

    async def prepare(self) -> None:
        """Open the audio port and answer the phone's offer; raises `Unacceptable` if no codec is in common."""
        await self.media.open(self._user_agent.host)
        offer = read_description(self.request.message)
        self._description = self._answer_sdp_offer(offer) if offer else make_offer(self.media.local)

    def ring(self) -> None:
        """Send 180."""
        if self._is_early:
            self._respond(180)

    def answer(self) -> None:
        """Send 200 with our session description."""
        if not self._is_early:
            return
        response = self._response(200)
        write_description(response, self._description)
        self.is_answered = True
        self.dialog.confirm()
        self._transaction.respond(response)

    def refuse(self, status: int) -> None:
        """Refuse the call, unless it is answered."""
        if self._is_early:
            self._respond(status)
            self.terminate()

    def cancel(self) -> None:
        """Handle the phone's CANCEL: respond to its INVITE with 487, unless it is answered."""
        if self._is_early:
            self._respond(487)
            self.terminate()

    def hang_up(self) -> None:
        """Send BYE; a call that is not answered is refused instead."""
        if self.is_answered:
            super().hang_up()
        else:
            self.refuse(480)

    def _acknowledged(self, request: Request) -> None:
        super()._acknowledged(request)
        if self.media.agreed.remote is None and request.message.body:
            # If the phone's INVITE had no offer, its ACK has the answer to ours.
            try:
                self._take_sdp_answer(request.message)
            except Unacceptable:
                self.hang_up()

    @property
    def _is_early(self) -> bool:
        """Whether the phone's INVITE has no final response yet (RFC 3261, 12: an early dialog)."""
        return not self.is_answered and not self.over.is_set()

    def _respond(self, status: int) -> None:
        self._transaction.respond(self._response(status))

    def _response(self, status: int) -> SipResponse:
        response = response_to(self.request.message, status, self.dialog.local_tag)
        if status < 300:
            response.headers.set_single("Contact", self._user_agent.contact(self.flow))
            response.headers.set_single("Allow", ALLOWED)
            for route in self.request.message.headers.get("Record-Route"):
                response.headers.append("Record-Route", route)
        return response
