"""A telephone for probes: it registers and calls over UDP (RFC 3261), and answers calls as it was told.

It sends no sound: what Twilio signals is all that it is for.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Self

from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import parse_auth, stringify_auth
from aiosipua.message import SipMessage, SipRequest, SipResponse
from aiosipua.utils import generate_branch, generate_call_id, generate_tag

PATIENCE_S = 20.0
# RFC 3261, 17.1.1.1: T1, after which a request over UDP is sent again, and then after twice as long, and so on.
T1_S = 0.5
# Twilio takes five REGISTER a second of a user (32008), and a challenge takes one of them.
BETWEEN_REGISTERS_S = 0.5
CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


@dataclass(frozen=True, slots=True)
class PhoneAnswer:
    """The final response to what a phone asked; 0 where none came in time. `error` is the header X-Twilio-Error."""

    status: int
    error: str = ""


@dataclass(eq=False)
class SipPhone:
    """One phone, with a socket and a thread of its own. `answers_with` is the status that it answers calls with."""

    registrar: tuple[str, int]
    user: str
    domain: str
    password: str = field(repr=False)
    answers_with: int = 486
    has_rung: bool = False  # since whoever looks at it last said that it has not

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(self.registrar)  # so that the system says from which address it is reached
        self._socket.settimeout(0.2)
        self._host, self._port = self._socket.getsockname()
        self._cseq = 0
        self._responses: list[SipResponse] = []
        self._arrived = threading.Condition()
        self._registers_at = 0.0
        self._ringing: SipRequest | None = None
        self._hung_up_on: set[str] = set()
        self._is_open = True
        self._thread = threading.Thread(target=self._listen, name=f"phone {self.user}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Switch the phone off."""
        self._is_open = False
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what a probe has it do ---

    def register(self, *, contact: str = "", expires: int = 600) -> PhoneAnswer:
        """Register, or with `expires` 0 be registered no more; another `contact` is another binding."""
        time.sleep(max(0.0, self._registers_at - time.monotonic()))
        self._registers_at = time.monotonic() + BETWEEN_REGISTERS_S
        who = f"<sip:{self.user}@{self.domain}>"
        headers = {"To": who, "Expires": str(expires)}
        if contact:
            headers["Contact"] = f"<sip:{contact}@{self._host}:{self._port}>"
        return self._ask("REGISTER", f"sip:{self.domain}", generate_call_id(self._host), headers)

    def register_at_once(self, times: int) -> list[int]:
        """The statuses of this many REGISTER requests, sent without waiting for responses."""
        call_id = generate_call_id(self._host)
        headers = {"To": f"<sip:{self.user}@{self.domain}>", "Expires": "600"}
        uri = f"sip:{self.domain}"
        challenged = self._send_and_wait(self._request("REGISTER", uri, call_id, headers))
        requests = [self._request("REGISTER", uri, call_id, headers) for _ in range(times)]
        for count, request in enumerate(requests, start=1):
            if challenged is not None:
                self._prove(request, challenged, count)
            self._socket.send(bytes(request))
        responses = [self._wait_for(request, PATIENCE_S / 4) for request in requests]
        return [one.status_code for one in responses if one is not None]

    def call(self, dialled: str, *, hang_up_after_s: float = 1.0, cancel_after_s: float = 0.0) -> PhoneAnswer:
        """The final response to a call. An answered one is hung up after a while, unless the other side was first; a
        ringing one may be cancelled.
        """
        uri, call_id = f"sip:{dialled}@{self.domain}", generate_call_id(self._host)
        cancel = [cancel_after_s] if cancel_after_s else []
        return self._ask("INVITE", uri, call_id, {"To": f"<{uri}>"}, hang_up_after_s, cancel)

    # --- requests of its own ---

    def _request(self, method: str, uri: str, call_id: str, headers: dict[str, str]) -> SipRequest:
        self._cseq += 1
        request = SipRequest(method=method, uri=uri)
        fields = {
            "Via": f"SIP/2.0/UDP {self._host}:{self._port};branch={generate_branch()};rport",
            "From": f"<sip:{self.user}@{self.domain}>;tag={generate_tag()}",
            "To": f"<{uri}>",
            "Call-ID": call_id,
            "CSeq": f"{self._cseq} {method}",
            "Max-Forwards": "70",
            "Contact": f"<sip:{self.user}@{self._host}:{self._port}>",
        } | headers
        for name, value in fields.items():
            request.headers.append(name, value)
        if method == "INVITE":
            request.text = SDP.format(host=self._host)
            request.headers.set_single("Content-Type", "application/sdp")
        return request

    def _ask(
        self,
        method: str,
        uri: str,
        call_id: str,
        headers: dict[str, str],
        hang_up_after_s: float = 0.0,
        cancel_after_s: list[float] | None = None,
    ) -> PhoneAnswer:
        first = self._request(method, uri, call_id, headers)
        response = self._send_and_wait(first)
        if response is not None and response.status_code in CHALLENGES:
            if method == "INVITE":
                self._acknowledge(first, response)
            request = self._request(method, uri, call_id, headers)
            self._prove(request, response)
        else:
            request = first
        if request is not first:
            response = self._send_and_wait(request, cancel_after_s)
        if response is None:
            return PhoneAnswer(0)
        if method == "INVITE":
            self._acknowledge(request, response)
            if response.status_code < 300:
                with self._arrived:
                    is_over = self._arrived.wait_for(lambda: call_id in self._hung_up_on, timeout=hang_up_after_s)
                if not is_over:
                    self._hang_up(request, response)
        return PhoneAnswer(response.status_code, response.get_header("X-Twilio-Error") or "")

    def _prove(self, request: SipRequest, challenged: SipResponse, count: int = 1) -> None:
        asked, answered = CHALLENGES[challenged.status_code]
        challenge = parse_auth(challenged.get_header(asked) or "")
        auth = SipDigestAuth(self.user, self.password)
        made = build_credentials(auth, challenge, request.method, request.uri, nonce_count=count)
        if made is not None:
            request.headers.set_single(answered, stringify_auth(made))

    def _send_and_wait(self, request: SipRequest, cancel_after_s: list[float] | None = None) -> SipResponse | None:
        """The final response, or None; the request is sent again until anything comes."""
        began, pause = time.monotonic(), T1_S
        self._socket.send(bytes(request))
        while time.monotonic() - began < PATIENCE_S:
            response = self._wait_for(request, pause)
            if response is not None:
                return response
            if cancel_after_s and time.monotonic() - began >= cancel_after_s[0]:
                cancel_after_s = None
                self._socket.send(bytes(self._beside(request, "CANCEL", request.get_header("To") or "")))
            elif not self._has_begun(request):
                self._socket.send(bytes(request))
                pause = min(2 * pause, 4.0)
        return None

    def _beside(self, invite: SipRequest, method: str, to: str) -> SipRequest:
        """A CANCEL, or the ACK of a refusal: it belongs to the INVITE's own transaction."""
        request = SipRequest(method=method, uri=invite.uri)
        for name in ("Via", "From", "Call-ID", "Max-Forwards"):
            request.headers.append(name, invite.get_header(name) or "")
        request.headers.append("To", to)
        request.headers.append("CSeq", (invite.get_header("CSeq") or "").replace("INVITE", method))
        return request

    def _acknowledge(self, invite: SipRequest, response: SipResponse) -> None:
        ack = self._beside(invite, "ACK", response.get_header("To") or "")
        if response.status_code < 300:
            # The ACK of a success is a transaction of its own (RFC 3261, 13.2.2.4).
            via = f"SIP/2.0/UDP {self._host}:{self._port};branch={generate_branch()};rport"
            ack.headers.set_single("Via", via)
            ack.uri = _contact_of(response) or invite.uri
        self._socket.send(bytes(ack))

    def _hang_up(self, invite: SipRequest, response: SipResponse) -> None:
        headers = {"From": invite.get_header("From") or "", "To": response.get_header("To") or ""}
        uri = _contact_of(response) or invite.uri
        self._send_and_wait(self._request("BYE", uri, invite.get_header("Call-ID") or "", headers))

    # --- what comes ---

    def _listen(self) -> None:
        while self._is_open:
            try:
                message = SipMessage.parse(self._socket.recv(65535))
            except (TimeoutError, ValueError, ConnectionError):
                continue
            if isinstance(message, SipResponse):
                with self._arrived:
                    self._responses.append(message)
                    self._arrived.notify_all()
            elif isinstance(message, SipRequest) and message.method != "ACK":
                with contextlib.suppress(OSError):
                    self._respond(message)

    def _wait_for(self, request: SipRequest, seconds: float) -> SipResponse | None:
        with self._arrived:
            self._arrived.wait_for(lambda: self._final(request) is not None, timeout=seconds)
            return self._final(request)

    def _final(self, request: SipRequest) -> SipResponse | None:
        return next((one for one in self._responses if _is_to(one, request) and one.status_code >= 200), None)

    def _has_begun(self, request: SipRequest) -> bool:
        with self._arrived:
            return any(_is_to(one, request) for one in self._responses)

    def _respond(self, request: SipRequest) -> None:
        if request.method == "INVITE":
            self._ringing, self.has_rung = request, True
            if self.answers_with == 200:
                self._answer(request, 180)
            self._answer(request, self.answers_with)
            return
        self._answer(request, 200)
        if request.method == "BYE":
            with self._arrived:
                self._hung_up_on.add(request.get_header("Call-ID") or "")
                self._arrived.notify_all()
        if request.method == "CANCEL" and self._ringing is not None:
            self._answer(self._ringing, 487)

    def _answer(self, request: SipRequest, status: int) -> None:
        is_call = request.method == "INVITE"
        response = SipResponse(status_code=status, reason_phrase="OK" if status == 200 else "As Told")
        for via in request.headers.get("Via"):
            response.headers.append("Via", via)
        for name in ("From", "Call-ID", "CSeq"):
            response.headers.append(name, request.get_header(name) or "")
        to = request.get_header("To") or ""
        response.headers.append("To", to if "tag=" in to else f"{to};tag=probe-{self.user}")
        response.headers.append("Contact", f"<sip:{self.user}@{self._host}:{self._port}>")
        if is_call and status == 200:
            response.text = SDP.format(host=self._host)
            response.headers.set_single("Content-Type", "application/sdp")
        self._socket.send(bytes(response))


def _is_to(response: SipResponse, request: SipRequest) -> bool:
    return response.get_header("CSeq") == request.get_header("CSeq") and response.get_header(
        "Call-ID"
    ) == request.get_header("Call-ID")


def _contact_of(response: SipResponse) -> str:
    contact = response.get_header("Contact") or ""
    return contact.partition("<")[2].partition(">")[0]
