"""SIP messages: parsing (by aiosipua) and checking incoming ones, our responses, and custom headers.

Incoming data may be anything. It becomes a `Request` with everything that RFC 3261 demands, or a `MalformedMessage`, so
that no other module has to check for missing headers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiosipua.headers import Address, parse_address, parse_cseq, parse_via, prettify_header_name, stringify_via
from aiosipua.message import SipMessage, SipRequest, SipResponse

from dialtone_nb.rehearsal.sip.media.sdp import CONTENT_TYPE, is_description
from dialtone_nb.values.sip import parse_sip_uri

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.sip.transport import Flow

SERVER = "dialtone_nb rehearsal, not Twilio"
ALLOWED = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, INFO, UPDATE"
# Required headers (RFC 3261, 8.1.1), without Max-Forwards, which some phones leave out within a dialog.
NEEDED = ("Via", "From", "To", "Call-ID", "CSeq")
# Headers of one value (RFC 3261, 7.3.1): a second one would leave open which of the two counts, and who calls.
SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length")
LARGEST_CSEQ = 2**31 - 1
MAGIC_COOKIE = "z9hG4bK"
LONGEST_WORD = 1024  # characters of Call-ID, tags and branches; real phones have no longer ones


class MalformedMessage(Exception):  # noqa: N818 - it is a finding about a message
    """A message is not usable SIP. If there is a `request`, it can be answered with a 400."""

    def __init__(self, reason: str, request: SipRequest | None = None) -> None:
        super().__init__(reason)
        self.request = request


@dataclass(frozen=True, slots=True)
class Request:
    """A request with all required headers; `flow` is the way back to its sender."""

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
        """The user of the Request-URI, without percent escapes; empty if it has none."""
        return parse_sip_uri(self.message.uri)[0]

    @property
    def host(self) -> str:
        """The host of the Request-URI, in lower case; empty if it is not a SIP URI."""
        return parse_sip_uri(self.message.uri)[1]

    @property
    def from_tag(self) -> str:
        """The sender's tag."""
        return self.from_.tag or ""

    @property
    def to_tag(self) -> str:
        """Our tag; empty outside of a dialog."""
        return self.to.tag or ""

    def header(self, name: str) -> str:
        """The header's first value; empty if it is missing."""
        return self.message.get_header(name) or ""


# --- incoming messages ---


def read_message(data: bytes, flow: Flow) -> Request | SipResponse | None:
    """Parse a request or response; None for a keep-alive. Raises `MalformedMessage` for anything else."""
    if not data.strip(b"\r\n\0 "):
        return None
    try:
        message = SipMessage.parse(data)
    except Exception as error:  # arbitrary bytes can make the parser raise anything
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
    if repeated := [name for name in SINGLE if len(message.headers.get(name)) > 1]:
        raise MalformedMessage(f"a request with more than one {repeated[0]}", message)
    if not _has_whole_body(message):
        raise MalformedMessage("a request whose Content-Length does not fit", message)
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
    """Add the request's real source to its topmost Via (RFC 3581); gives back what tells its transaction apart."""
    values = message.headers.get("Via")
    via = parse_via(values[0])
    if not via.host:
        raise ValueError(values[0])
    host, port = flow.peer
    if via.host != host or "rport" in via.params:
        via.received = host
    if "rport" in via.params:
        via.rport = str(port)
    message.headers.remove("Via")
    for value in (stringify_via(via), *values[1:]):
        message.headers.append("Via", value)
    if via.branch and via.branch.startswith(MAGIC_COOKIE) and via.branch != MAGIC_COOKIE:
        return f"{via.branch} {via.host}:{via.port}"
    # Phones of RFC 2543 have no branch that is unique: what RFC 3261, 17.2.3, takes instead.
    sequence = (message.get_header("CSeq") or "").partition(" ")[0]
    return " ".join(
        (message.uri, message.get_header("From") or "", message.get_header("Call-ID") or "", sequence, values[0])
    )


def _has_whole_body(message: SipRequest) -> bool:
    """Whether the body is as long as Content-Length says (RFC 3261, 18.3); what came after it is cut off already."""
    length = message.get_header("Content-Length")
    return length is None or length.lstrip("0") == str(len(message.body)).lstrip("0")


def is_this_machine(host: str, own: str) -> bool:
    """Whether a host is an IP address or this machine's own name, and not a SIP domain."""
    if host in {own, "localhost"}:
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def uri_in(value: str) -> str:
    """The URI in a From, To or Contact as written, without display name, brackets and header parameters."""
    inside, bracket, _ = value.partition("<")[2].partition(">")
    return inside.strip() if bracket else value.partition(";")[0].strip()


# --- responses ---

# Reason phrases (RFC 3261, 21) for statuses that HTTP lacks or names differently.
PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    413: "Request Entity Too Large",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    603: "Decline",
}
# Texts of X-Twilio-Error in a refusal: 32201 as recorded in 2026, the others by the error dictionary. Strangers receive
# them, so they do not reveal whether the user or the password was wrong.
ERRORS = {
    32106: "Authentication name differs from the user name",
    32201: "Authentication failure - source IP Address not in ACL",
    32202: "Authentication failure - bad user credentials",
    32210: "SIP registration not enabled",
    32212: "SIP registration authentication failure",
    32223: "No user in the Request-URI",
}


def response_to(request: SipRequest, status: int, tag: str = "", reason: str = "", **headers: str) -> SipResponse:
    """A response by RFC 3261, 8.2.6, with additional headers (`Min_Expires` stands for Min-Expires)."""
    response = SipResponse(status_code=status, reason_phrase=reason or phrase(status))
    for via in request.headers.get("Via"):
        response.headers.append("Via", via)
    for name in ("From", "Call-ID", "CSeq"):
        if value := request.get_header(name):
            response.headers.set_single(name, value)
    to = request.get_header("To") or ""
    if to:
        has_tag = ";tag=" in to.rpartition(">")[2].lower().replace(" ", "")
        response.headers.set_single("To", to if has_tag or not tag or status == 100 else f"{to};tag={tag}")
    for name, value in headers.items():
        response.headers.set_single(name.replace("_", "-"), value)
    response.headers.set_single("Server", SERVER)
    return response


def refusal_of(
    request: SipRequest, status: int, tag: str, code: int | None = None, *, in_words: bool = True
) -> SipResponse:
    """The response to a refused request, with Twilio's error code if there is one."""
    error = {"X_Twilio_Error": f"{code} {ERRORS.get(code, '') if in_words else ''}".strip()} if code else {}
    return response_to(request, status, tag, **error)


def inspect(request: SipRequest, tag: str = "") -> SipResponse | None:
    """The refusal of a request that we can't process, checked in the order of RFC 3261, 8.2; None if we can."""
    if request.uri.partition(":")[0].lower() not in {"sip", "sips"}:
        return response_to(request, 416, tag)
    # No SIP extension is supported here.
    if required := [*request.headers.get("Require"), *request.headers.get("Proxy-Require")]:
        return response_to(request, 420, tag, Unsupported=", ".join(required))
    if request.method in {"INVITE", "UPDATE"} and request.body and not is_description(request):
        return response_to(request, 415, tag, Accept=CONTENT_TYPE)
    return None


def phrase(status: int) -> str:
    """The reason phrase of a status."""
    if status in PHRASES:
        return PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"


# --- custom headers, which Twilio passes from one side of a call to the other: X-… and User-to-User, of one line ---

CUSTOM_HEADER = re.compile(r"(?:X-[A-Za-z0-9-]+|User-to-User)", re.IGNORECASE)
LONGEST_HEADER = 1024  # characters of a header that is passed to an application
API_VERSION = "2010-04-01"


def custom_headers_of(message: SipMessage) -> dict[str, str]:
    """The custom headers of a message, which Twilio passes to the voice URL, or to a Dial's action."""
    return {
        "User-to-User" if name.lower() == "user-to-user" else name: values[0][:LONGEST_HEADER]
        for name, values in message.headers.items()
        if CUSTOM_HEADER.fullmatch(name) and values
    }


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a <Sip> is allowed to add."""
    return {name: value for name, value in headers.items() if CUSTOM_HEADER.fullmatch(name) and value.isprintable()}


def twilio_headers(account_sid: str, call_sid: str) -> dict[str, str]:
    """The headers about the call in Twilio's INVITEs (docs: TwiML <Sip>, the SIP session)."""
    return {"X-Twilio-ApiVersion": API_VERSION, "X-Twilio-AccountSid": account_sid, "X-Twilio-CallSid": call_sid}


class SpelledRequest(SipRequest):
    """A request that keeps the case of custom headers; aiosipua turns X-Twilio-CallSid into X-Twilio-Callsid."""

    def __bytes__(self) -> bytes:
        """The request as bytes to send."""
        head, end, body = super().__bytes__().partition(b"\r\n\r\n")
        for name, _ in self.headers.items():
            if CUSTOM_HEADER.fullmatch(name):
                head = head.replace(f"\r\n{prettify_header_name(name)}: ".encode(), f"\r\n{name}: ".encode())
        return head + end + body
