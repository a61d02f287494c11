"""Responses to requests, written with aiosipua."""

from __future__ import annotations

from http import HTTPStatus

from aiosipua.message import SipRequest, SipResponse

from dialtone_nb.rehearsal.sip.media.sdp import CONTENT_TYPE, is_description

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
    415: "Unsupported Media Type",
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
# What X-Twilio-Error says of a refusal: 32201 as recorded in 2026, the others after the error dictionary. It goes to
# strangers, so it tells nobody whether it was the user or the password that was wrong.
ERRORS = {
    32106: "Authentication name differs from the user name",
    32201: "Authentication failure - source IP Address not in ACL",
    32202: "Authentication failure - bad user credentials",
    32210: "SIP registration not enabled",
    32212: "SIP registration authentication failure",
    32223: "No user in the Request-URI",
}
ABOUT_DIALOGS = frozenset({"BYE", "INFO", "UPDATE"})
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


def refused(request: SipRequest, status: int, tag: str, code: int | None = None, **headers: str) -> SipResponse:
    """The response to somebody who is turned away, with Twilio's error code where there is one."""
    if code:
        headers["X_Twilio_Error"] = f"{code} {ERRORS.get(code, '')}".strip()
    return response_to(request, status, tag, **headers)


def misfit(request: SipRequest, tag: str = "") -> SipResponse | None:
    """Why a request can't be understood, in the order of RFC 3261, 8.2; None where it can."""
    if request.uri.partition(":")[0].lower() not in {"sip", "sips"}:
        return response_to(request, 416, tag)
    # No extension is understood here.
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
