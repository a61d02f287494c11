"""The parameters that Twilio sends with every webhook of a call."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.available_phone_numbers import RATE_CENTERS
from dialtone_nb.rehearsal.call_records import CallRecord
from dialtone_nb.rehearsal.exchange.webhooks import call_token
from dialtone_nb.rehearsal.identity import Identity
from dialtone_nb.rehearsal.store import Thing

API_VERSION = "2010-04-01"
# An address that is kept for documentation (RFC 5737): the phone's, as Twilio sees it.
PHONE_ADDRESS = "192.0.2.10"


def call_parameters(
    identity: Identity, call: CallRecord, status: str, *, domain: Thing | None = None, username: str = ""
) -> dict[str, str]:
    """What is sent with every webhook of a call: of a SIP domain where `domain` is given, of a number otherwise."""
    ends = {"From": call.from_, "To": call.to, "Caller": call.from_, "Called": call.to}
    common = {
        "AccountSid": identity.account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": status,
        "Direction": call.direction,
        **ends,
    }
    if call.parent_call_sid:
        common["ParentCallSid"] = call.parent_call_sid
    if domain:
        call_id = identity.digest("sip call id", call.sid)[:32]
        return common | {
            "SipDomain": domain.name,
            "SipDomainSid": domain.sid,
            "SipUsername": username,
            "SipCallId": f"{call_id}@{PHONE_ADDRESS}",
            "SipSourceIp": PHONE_ADDRESS,
        }
    places: dict[str, str] = {}
    for end in ("From", "Caller", "To", "Called"):
        places |= place_of(end, ends[end])
    carried = {"CallToken": call_token(identity.auth_token, call.sid), "StirVerstat": "TN-Validation-Passed-A"}
    return common | places | (carried if call.direction == "inbound" else {})


def place_of(end: str, number: str) -> dict[str, str]:
    """Where a number is said to be: city, state, zip and country, blank where that is not known."""
    center = RATE_CENTERS.get(number[2:5]) if number.startswith("+1") else None
    return {
        f"{end}City": center.locality.upper() if center else "",
        f"{end}State": center.region if center else "",
        f"{end}Zip": center.postal_code if center else "",
        f"{end}Country": center.country if center else "",
    }
