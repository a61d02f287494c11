"""A scripted SIP phone over UDP or TCP."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any, Self

from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import parse_auth, stringify_auth
from aiosipua.message import SipMessage, SipRequest, SipResponse
from aiosipua.utils import generate_branch, generate_call_id, generate_tag

from tests.rehearsal.sip.names import DOMAIN, PASSWORD

PATIENCE_S = 10.0
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


class Handset:
    """One phone, with its own socket."""

    def __init__(
        self,
        door: tuple[str, int],
        user: str,
        *,
        domain: str = DOMAIN,
        password: str = PASSWORD,
        auth: str = "",
        transport: str = "UDP",
        authority: Path | None = None,
        source: str = "127.0.0.1",
    ) -> None:
        self.door, self.user, self.domain, self.password = door, user, domain, password
        self.auth, self.transport = auth or user, transport
        kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.settimeout(PATIENCE_S)
        if transport == "TLS":
            self._socket.connect(door)
            context = ssl.create_default_context(cafile=authority)
            self._socket = context.wrap_socket(self._socket, server_hostname=domain)
        elif transport == "TCP":
            self._socket.connect(door)
        else:
            self._socket.bind((source, 0))
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.settimeout(PATIENCE_S)
        self.port = self._socket.getsockname()[1]
        self.call_id, self.tag, self.cseq = generate_call_id("127.0.0.1"), generate_tag(), 0
        self._buffer = b""
        self.sent = SipRequest(method="OPTIONS", uri="sip:nobody")
        self.answered = SipResponse(status_code=200, reason_phrase="OK")

    # --- writing ---

    def request(self, method: str, uri: str, *, body: str = "", to: str = "", **headers: str) -> SipRequest:
        """A request of a new transaction; `Max_Forwards` writes Max-Forwards, an empty value leaves it out."""
        self.cseq += 1
        made = SipRequest(method=method, uri=uri)
        fields = {
            "Via": f"SIP/2.0/{self.transport} 127.0.0.1:{self.port};branch={generate_branch()};rport",
            "From": f"<sip:{self.user}@{self.domain}>;tag={self.tag}",
            "To": to or f"<{uri}>",
            "Call-ID": self.call_id,
            "CSeq": f"{self.cseq} {method}",
            "Max-Forwards": "70",
            "Contact": f"<sip:{self.user}@127.0.0.1:{self.port};transport={self.transport.lower()}>",
            "User-Agent": "handset",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in fields.items():
            if value:
                made.headers.append(name, value)
        if body:
            made.text = body
            made.headers.set_single("Content-Type", "application/sdp")
        return made

    def register(self, expires: int = 600, **headers: str) -> SipResponse:
        """Register, answering the challenge, and return the final response."""
        made = {"to": f"<sip:{self.user}@{self.domain}>", "Expires": str(expires)} | headers
        return self.authenticated("REGISTER", f"sip:{self.domain}", **made)

    def invite(self, dialled: str, *, body: str | None = None, **headers: str) -> SipResponse:
        """Send an INVITE, answering the challenge, and return the first response after it."""
        offer = SDP.format(port=self.rtp.getsockname()[1]) if body is None else body
        uri = dialled if dialled.startswith("sip:") else f"sip:{dialled}@{self.domain}"
        return self.authenticated("INVITE", uri, body=offer, **headers)

    def authenticated(self, method: str, uri: str, **options: Any) -> SipResponse:
        """Send a request, answer its challenge, and return the response, which may be a new challenge."""
        first = self.request(method, uri, **options)
        challenged = self.ask(first)
        if challenged.status_code != 407:
            return challenged
        if method == "INVITE":
            self.acknowledge(challenged, first)
        self.sent = self.request(method, uri, **options)
        self.sent.headers.set_single("Proxy-Authorization", self.credentials(challenged, method, uri))
        return self.ask(self.sent)

    def credentials(self, challenged: SipResponse, method: str, uri: str, count: int = 1) -> str:
        """The Proxy-Authorization for a challenge."""
        challenge = parse_auth(challenged.get_header("Proxy-Authenticate") or "")
        made = build_credentials(SipDigestAuth(self.auth, self.password), challenge, method, uri, nonce_count=count)
        assert made is not None
        return stringify_auth(made)

    def acknowledge(self, response: SipResponse, invite: SipRequest, *, body: str = "") -> None:
        """Send the ACK of a final response."""
        ack = SipRequest(method="ACK", uri=invite.uri)
        for name in ("Via", "From", "Call-ID", "Max-Forwards"):
            ack.headers.append(name, invite.get_header(name) or "")
        if response.status_code < 300:
            # The ACK of a success is a transaction of its own (RFC 3261, 13.2.2.4).
            ack.headers.set_single("Via", self.request("ACK", invite.uri).get_header("Via") or "")
            self.cseq -= 1
        ack.headers.append("To", response.get_header("To") or "")
        ack.headers.append("CSeq", (invite.get_header("CSeq") or "").replace("INVITE", "ACK"))
        if body:
            ack.text = body
            ack.headers.set_single("Content-Type", "application/sdp")
        self.send(ack)

    def respond(self, request: SipRequest, status: int, *, body: str = "") -> None:
        """Answer a request of the server."""
        response = SipResponse(status_code=status, reason_phrase="As a test wants it")
        for via in request.headers.get("Via"):
            response.headers.append("Via", via)
        for name in ("From", "Call-ID", "CSeq"):
            response.headers.append(name, request.get_header(name) or "")
        to = request.get_header("To") or ""
        response.headers.append("To", to if "tag=" in to else f"{to};tag={self.tag}")
        response.headers.append("Contact", f"<sip:{self.user}@127.0.0.1:{self.port}>")
        if body:
            response.text = body
            response.headers.set_single("Content-Type", "application/sdp")
        self.send(response)

    def answer(self, request: SipRequest) -> None:
        """Answer the call."""
        self.respond(request, 200, body=SDP.format(port=self.rtp.getsockname()[1]))

    def hang_up_on(self, invite: SipRequest) -> None:
        """End an answered call from the server."""
        bye = self.request("BYE", f"sip:{self.door[0]}:{self.door[1]}", to=invite.get_header("From") or "")
        bye.headers.set_single("From", f"{invite.get_header('To')};tag={self.tag}")
        bye.headers.set_single("Call-ID", invite.get_header("Call-ID") or "")
        self.send(bye)

    def send(self, message: SipMessage | bytes) -> None:
        """Send any bytes."""
        data = bytes(message)
        if self.transport == "UDP":
            self._socket.sendto(data, self.door)
        else:
            self._socket.sendall(data)

    # --- reading ---

    def ask(self, request: SipRequest) -> SipResponse:
        """Send a request and return the first response other than 100."""
        self.send(request)
        return self.response(to=request)

    def response(self, to: SipRequest) -> SipResponse:
        """The next response other than 100."""
        while True:
            message = self.receive()
            if (
                isinstance(message, SipResponse)
                and message.status_code > 100
                and message.get_header("CSeq") == to.get_header("CSeq")
            ):
                return message

    def asked(self, method: str) -> SipRequest:
        """The next request of the server with this method."""
        while True:
            message = self.receive()
            if isinstance(message, SipRequest) and message.method == method:
                return message

    def receive(self) -> SipMessage:
        """The next message."""
        if self.transport == "UDP":
            return SipMessage.parse(self._socket.recv(65535))
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._received()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = SipMessage.parse(head + b"\r\n\r\n").content_length
        while len(rest) < length:
            rest += self._received()
        self._buffer = rest[length:]
        return SipMessage.parse(head + b"\r\n\r\n" + rest[:length])

    def _received(self) -> bytes:
        data = self._socket.recv(65535)
        if not data:
            raise ConnectionError("the door hung up")
        return data

    def settle(self) -> None:
        """Wait until the server has answered everything sent, and discard the answers."""
        marker = self.request("OPTIONS", f"sip:{self.domain}")
        self._socket.settimeout(0.5)
        for _ in range(20):  # a datagram may be lost on the way, where many are
            self.send(marker)
            with contextlib.suppress(TimeoutError):
                while not self._is_answer_to(marker):
                    pass
                self._socket.settimeout(PATIENCE_S)
                return
        raise AssertionError("the door answers no more")

    def _is_answer_to(self, request: SipRequest) -> bool:
        with contextlib.suppress(ValueError):
            return self.receive().get_header("CSeq") == request.get_header("CSeq")
        return False

    def hears_nothing(self, seconds: float) -> bool:
        """Whether no message comes for this long."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(65535)
        except TimeoutError:
            return True
        else:
            return False
        finally:
            self._socket.settimeout(PATIENCE_S)

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError):
            self._socket.close()
        self.rtp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
