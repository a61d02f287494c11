"""Responses to requests, written with aiosipua."""

from __future__ import annotations

from http import HTTPStatus

from aiosipua.message import SipRequest, SipResponse

SERVER = "dialtone_nb rehearsal, not Twilio"
ALLOWED = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, INFO, UPDATE"
# RFC 3261, 21, where HTTP has another phrase for the number or none.
PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    403: "Forbidden",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    413: "Request Entity Too Large",
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
COPIED = ("From", "Call-ID", "CSeq")


def response_to(request: SipRequest, status: int, tag: str = "", reason: str = "", **headers: str) -> SipResponse:
    """A response: who asked, in which dialog, and headers of our own (`Min_Expires` writes Min-Expires)."""
    response = SipResponse(status_code=status, reason_phrase=reason or phrase(status))
    for via in request.headers.get("Via"):
        response.headers.append("Via", via)
    for name in COPIED:
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


def phrase(status: int) -> str:
    """The reason phrase of a status."""
    if status in PHRASES:
        return PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
