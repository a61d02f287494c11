"""Domains with Secure: TLS and SRTP, or nothing; and those without, which take no SRTP (Twilio, Secure Media)."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.rehearsal.assumptions import INSECURE_RESPONSE
from dialtone_nb.rehearsal.exchange.verbs import Complaint
from dialtone_nb.rehearsal.http.errors import NOT_MODELLED
from dialtone_nb.rehearsal.sip.transport import Transport
from dialtone_nb.rehearsal.state.store import Thing

SECURE_PROFILES = ("RTP/SAVP", "RTP/SAVPF")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a call is not carried: the alert that it earns, and SIP's answer."""

    complaint: Complaint
    sip_response: int = INSECURE_RESPONSE


def security_fault(domain: Thing, transport: Transport, profile: str) -> Fault | None:
    """What speaks against a call over this transport, with sound of this profile, such as RTP/AVP; None for nothing."""
    is_srtp = profile.upper() in SECURE_PROFILES
    if not domain.body["secure"]:
        message = f"SIP: secure media not accepted: {domain.name} does not have Secure, and the phone offers SRTP"
        return Fault(Complaint(32207, message)) if is_srtp else None
    if transport != "TLS":
        return Fault(Complaint(32209, f"SIP: secure transport required: {domain.name} was called over {transport}"))
    if not is_srtp:
        return Fault(Complaint(32208, f"SIP: secure media required: {domain.name} was called without SRTP"))
    return Fault(Complaint(NOT_MODELLED, f"The rehearsal does not carry SRTP, which {domain.name} asks for"))


def ringing_fault(domain: Thing, transports: set[Transport]) -> Complaint | None:
    """What speaks against ringing phones that registered so; None for nothing."""
    if not domain.body["secure"]:
        return None
    if "TLS" not in transports:
        return Complaint(32209, f"SIP: secure transport required: no phone at {domain.name} registered over TLS")
    return Complaint(NOT_MODELLED, f"The rehearsal does not carry SRTP, which {domain.name} asks for")
