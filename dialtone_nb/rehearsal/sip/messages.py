"""SIP messages as they come in: read by aiosipua, and checked for what every request must have."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiosipua.headers import Address, parse_address, parse_cseq, parse_via, stringify_via
from aiosipua.message import SipMessage, SipRequest, SipResponse

from dialtone_nb.values.sip import parse_sip_uri

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.sip.transport import Flow

# RFC 3261, 8.1.1: what every request must have; Max-Forwards, which phones forget inside a dialog, is not asked for.
NEEDED = ("Via", "From", "To", "Call-ID", "CSeq")
LARGEST_CSEQ = 2**31 - 1
MAGIC_COOKIE = "z9hG4bK"
LONGEST_WORD = 1024  # of Call-ID, tags and branches: what is longer is no telephone's


class MalformedMessage(Exception):  # noqa: N818 - it is a finding about somebody's message
    """What came is no SIP that can be worked with. `request` can be answered with a 400, where there is one."""

    def __init__(self, reason: str, request: SipRequest | None = None) -> None:
        super().__init__(reason)
        self.request = request


@dataclass(frozen=True, slots=True)
class Request:
    """A request with all that it must have; `flow` is the way back to who sent it."""

    message: SipRequest
    flow: Flow
    branch: str
    call_id: str
    cseq: int
    from_: Address
    to: Address

    @property
    def method(self) -> str:
        """The method, such as INVITE."""
        return self.message.method

    @property
    def uri(self) -> str:
        """The Request-URI."""
        return self.message.uri

    @property
    def user(self) -> str:
        """The user of the Request-URI, percent escapes undone; empty where it has none."""
        return parse_sip_uri(self.message.uri)[0]

    @property
    def host(self) -> str:
        """The host of the Request-URI, in lower case; empty where it is no SIP URI."""
        return parse_sip_uri(self.message.uri)[1]

    @property
    def from_tag(self) -> str:
        """The tag of whoever sent it."""
        return self.from_.tag or ""

    @property
    def to_tag(self) -> str:
        """Our tag, where it belongs to a dialog."""
        return self.to.tag or ""

    def header(self, name: str) -> str:
        """The header's first value; empty where it has none."""
        return self.message.get_header(name) or ""


def read_message(data: bytes, flow: Flow) -> Request | SipResponse | None:
    """The request or response in these bytes; None for a keep-alive; `MalformedMessage` where it is neither."""
    if not data.strip(b"\r\n\0 "):
        return None
    try:
        message = SipMessage.parse(data)
    except Exception as error:  # whatever a stranger's bytes make the parser raise
        raise MalformedMessage(f"no SIP: {type(error).__name__}") from None
    if isinstance(message, SipResponse):
        return _checked_response(message)
    return _checked_request(message, flow)


def _checked_response(message: SipResponse) -> SipResponse:
    try:
        via, cseq = parse_via(message.headers.get("Via")[0]), parse_cseq(message.get_header("CSeq") or "")
    except Exception:
        raise MalformedMessage("a response without a readable Via or CSeq") from None
    if not (via.branch and cseq.method and 100 <= message.status_code <= 699):
        raise MalformedMessage("a response without a branch, a method or a status")
    return message


def _checked_request(message: SipRequest, flow: Flow) -> Request:
    if not message.headers.get("Via"):
        raise MalformedMessage("a request without Via")
    try:
        branch = _stamp_via(message, flow)
    except Exception:
        raise MalformedMessage("a request whose Via can't be read") from None
    if missing := [name for name in NEEDED if not message.get_header(name)]:
        raise MalformedMessage(f"a request without {missing[0]}", message)
    try:
        cseq = parse_cseq(message.get_header("CSeq") or "")
        from_, to = parse_address(message.get_header("From") or ""), parse_address(message.get_header("To") or "")
    except Exception:
        raise MalformedMessage("a request whose CSeq, From or To can't be read", message) from None
    call_id = message.get_header("Call-ID") or ""
    if cseq.method != message.method or not 0 <= cseq.seq <= LARGEST_CSEQ:
        raise MalformedMessage("a request whose CSeq does not fit", message)
    if not from_.tag or max(map(len, (call_id, from_.tag, to.tag or "", branch))) > LONGEST_WORD:
        raise MalformedMessage("a request without a tag in From, or with an endless one", message)
    return Request(message, flow, branch, call_id, cseq.seq, from_, to)


def _stamp_via(message: SipRequest, flow: Flow) -> str:
    """Write into the topmost Via where the request really came from (RFC 3581); its branch."""
    values = message.headers.get("Via")
    via = parse_via(values[0])
    if not via.branch or not via.branch.startswith(MAGIC_COOKIE) or not via.host:
        raise ValueError(values[0])
    host, port = flow.peer
    if via.host != host or "rport" in via.params:
        via.received = host
    if "rport" in via.params:
        via.rport = str(port)
    message.headers.remove("Via")
    for value in (stringify_via(via), *values[1:]):
        message.headers.append("Via", value)
    return f"{via.branch} {via.host}:{via.port}"


def way_back(message: SipResponse, flow: Flow) -> tuple[str, int]:
    """Where a response goes over UDP (RFC 3261, 18.2.2): to whoever asked, and never to another machine."""
    via = parse_via(message.headers.get("Via")[0])
    if via.rport:
        return flow.peer
    return flow.peer[0], via.port or 5060


def is_this_machine(host: str, own: str) -> bool:
    """Whether a host is an address, or the door's own name, and no SIP domain of anybody's."""
    if host in {own, "localhost"}:
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def uri_in(value: str) -> str:
    """The URI in a From, To or Contact as it was written, without name, brackets and the header's parameters."""
    inside, bracket, _ = value.partition("<")[2].partition(">")
    return inside.strip() if bracket else value.partition(";")[0].strip()
