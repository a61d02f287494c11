"""The user agent client: sessions with phones and servers that we call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiosipua.dialog import Dialog
from aiosipua.headers import Via, stringify_uri, stringify_via
from aiosipua.message import SipRequest, SipResponse
from aiosipua.utils import generate_branch, generate_call_id, generate_tag

from dialtone_nb.rehearsal.sip.dialogs import Session, UserAgent
from dialtone_nb.rehearsal.sip.digest import CHALLENGES, NO_CREDENTIALS, DigestCredentials
from dialtone_nb.rehearsal.sip.media.sdp import Unacceptable, make_offer, write_description
from dialtone_nb.rehearsal.sip.messages import ALLOWED, SpelledRequest, custom_headers_of
from dialtone_nb.rehearsal.sip.transactions import ClientTransaction, acknowledgement, cancellation
from dialtone_nb.rehearsal.sip.transport import Flow


@dataclass(frozen=True, slots=True)
class InviteResponse:
    """The response to our INVITE: 100, 180, 200 or a refusal's status; 0 if there was none.

    `headers` are the custom headers of a final response.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


class UacSession(Session):
    """A session that we begin; `on_response` is called for trying, ringing, the answer and a refusal.

    A challenge is answered once, with the `credentials`.
    """

    def __init__(
        self,
        user_agent: UserAgent,
        flow: Flow,
        *,
        contact: str,
        from_uri: str,
        to_uri: str,
        on_response: Callable[[InviteResponse], None],
        credentials: DigestCredentials = NO_CREDENTIALS,
    ) -> None:
        dialog = Dialog(
            call_id=generate_call_id(user_agent.host),
            local_tag=generate_tag(),
            local_uri=from_uri,
            remote_uri=to_uri,
            remote_target=contact,
        )
        super().__init__(user_agent, dialog, flow)
        self.credentials = credentials
        self._on_response = on_response
        self._transaction: ClientTransaction | None = None
        self._headers: Mapping[str, str] = {}
        self._has_authenticated = False
        self._is_unwanted = False

    async def invite(self, headers: Mapping[str, str]) -> None:
        """Send the INVITE, with these headers."""
        await self.media.open(self._user_agent.host)
        if self.over.is_set():
            self.media.close()
            return
        self._headers = headers
        self._send(self._invitation())

    def _invitation(self) -> SipRequest:
        made = self._request("INVITE")
        invite = SpelledRequest(headers=made.headers, method=made.method, uri=made.uri)
        invite.headers.set_single("Contact", self._user_agent.contact(self.flow))
        invite.headers.set_single("Allow", ALLOWED)
        for name, value in self._headers.items():
            invite.headers.set_single(name, value)
        write_description(invite, make_offer(self.media.local))
        return invite

    def _send(self, invite: SipRequest) -> None:
        self._transaction = self._user_agent.transactions.send(invite, self.flow, self._receive_response)

    def _authenticate(self, challenged: SipResponse) -> bool:
        """Answer the first challenge by sending the INVITE again; False if that is not possible."""
        if self._has_authenticated or self._is_unwanted or self._transaction is None:
            return False
        self._has_authenticated = True
        self.dialog.remote_tag, self.dialog.route_set = "", []  # a challenge begins no dialog
        invite = self._invitation()
        answer = self.credentials.answer(challenged, invite)
        if answer:
            invite.headers.set_single(*answer)
            self._send(invite)
        return answer is not None

    def cancel(self) -> None:
        """Stop the ringing: CANCEL, or BYE if it has been answered meanwhile."""
        if self.over.is_set() or self._is_unwanted:
            return
        if self.is_answered:
            self.hang_up()
            return
        self._is_unwanted = True
        if self._transaction is None:
            self.terminate()
        elif self._transaction.state == "proceeding":
            self._send_cancel()
        else:
            # CANCEL must wait for a provisional response (RFC 3261, 9.1); until then, stop retransmitting the INVITE.
            self._transaction.fall_silent()

    def _send_cancel(self) -> None:
        if self._transaction:
            cancel = cancellation(self._transaction.request)
            self._user_agent.transactions.send(cancel, self.flow, lambda _: None)

    def _receive_response(self, response: SipResponse | None) -> None:
        if response is None:
            self.terminate()
            self._tell(0)
        elif response.status_code < 200:
            self._learn(response)
            if self._is_unwanted:
                self._send_cancel()
            else:
                self._tell(180 if response.status_code in {180, 183} else 100)
        elif response.status_code < 300:
            self._answered(response)
        elif not (response.status_code in CHALLENGES and self._authenticate(response)):
            self.terminate()
            self._tell(response.status_code, response)

    def _answered(self, response: SipResponse) -> None:
        self._learn(response)
        self._acknowledge(response)
        if self.is_answered:
            return
        self.is_answered = True
        self.dialog.confirm()
        if self._is_unwanted:
            # The answer and our CANCEL crossed, so the call has been answered.
            self.hang_up()
            return
        try:
            self._take_sdp_answer(response)
        except Unacceptable:
            self.hang_up()
            self._tell(488)
            return
        self._tell(200, response)

    def _learn(self, response: SipResponse) -> None:
        """Update the dialog's tag, target and route set from a response (RFC 3261, 12.1.2)."""
        to, dialog = response.to_addr, self.dialog
        if to and to.tag and not dialog.remote_tag:
            dialog.remote_tag = to.tag
            dialog.route_set = list(reversed(response.headers.get("Record-Route")))
        if response.status_code >= 200 and response.contact:
            dialog.remote_target = stringify_uri(response.contact[0].uri)

    def _acknowledge(self, response: SipResponse) -> None:
        """Send the ACK of a 2xx: a transaction of its own, to the dialog's target (RFC 3261, 13.2.2.4)."""
        if self._transaction is None:
            return
        ack = acknowledgement(self._transaction.request, response)
        ack.uri = self.dialog.remote_target
        via = Via("SIP/2.0", self.flow.transport, self._user_agent.host, self.flow.local[1])
        via.params = {"branch": generate_branch(), "rport": None}
        ack.headers.set_single("Via", stringify_via(via))
        ack.headers.remove("Route")
        for route in self.dialog.route_set:
            ack.headers.append("Route", route)
        self.flow.send(bytes(ack))

    def _tell(self, status: int, response: SipResponse | None = None) -> None:
        self._on_response(InviteResponse(status, custom_headers_of(response) if response else {}))
