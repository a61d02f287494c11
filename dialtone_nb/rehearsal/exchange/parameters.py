"""The parameters that Twilio sends with every webhook of a call."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialtone_nb.rehearsal.assumptions import Behaviour
from dialtone_nb.rehearsal.exchange.webhooks import call_token
from dialtone_nb.rehearsal.state.call_records import CallRecord
from dialtone_nb.rehearsal.state.identity import Identity
from dialtone_nb.rehearsal.state.rate_centers import RATE_CENTERS
from dialtone_nb.rehearsal.state.store import Thing

API_VERSION = "2010-04-01"
# An address that is kept for documentation (RFC 5737): the phone's, as Twilio sees it.
PHONE_ADDRESS = "192.0.2.10"


@dataclass(frozen=True, slots=True)
class CallingPhone:
    """The phone that calls through a SIP domain: who authenticated, from where, and what its INVITE brought."""

    domain: Thing
    username: str
    source_ip: str = PHONE_ADDRESS
    sip_call_id: str = ""
    sip_headers: dict[str, str] = field(default_factory=dict)


def call_parameters(
    identity: Identity,
    behaviour: Behaviour,
    call: CallRecord,
    status: str,
    phone: CallingPhone | None = None,
    *,
    is_first: bool = False,
) -> dict[str, str]:
    """What is sent with every webhook of a call: of a phone where it is given, of a number otherwise.

    What a carrier's call brings comes with its first webhook alone (recorded: in no Dial's action).
    """
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
    if phone:
        call_id = f"{identity.digest('sip call id', call.sid)[:32]}@{phone.source_ip}"
        return common | {
            "SipDomain": phone.domain.name,
            "SipDomainSid": phone.domain.sid,
            **({"SipUsername": phone.username} if behaviour.sends_sip_username else {}),
            "SipCallId": phone.sip_call_id or call_id,
            "SipSourceIp": phone.source_ip,
            **{f"SipHeader_{name}": value for name, value in phone.sip_headers.items()},
        }
    places: dict[str, str] = {}
    for end in ("From", "Caller", "To", "Called"):
        places |= place_of(end, ends[end])
    carried = {
        "CallToken": call_token(identity.digest("call tokens"), call.sid),
        "StirVerstat": "TN-Validation-Passed-A",
    }
    return common | places | (carried if is_first and call.direction == "inbound" else {})


def place_of(end: str, number: str) -> dict[str, str]:
    """Where a number is said to be: city, state, zip and country, blank where that is not known."""
    center = RATE_CENTERS.get(number[2:5]) if number.startswith("+1") else None
    return {
        f"{end}City": center.locality.upper() if center else "",
        f"{end}State": center.region if center else "",
        f"{end}Zip": center.postal_code if center else "",
        f"{end}Country": center.country if center else "",
    }
