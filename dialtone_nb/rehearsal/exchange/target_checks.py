"""Checks before a leg rings: whether Twilio would dial this target with this caller ID."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from functools import cache
from urllib.parse import parse_qsl, urlencode

import phonenumbers

from dialtone_nb.rehearsal.exchange.lines import OutgoingLeg
from dialtone_nb.rehearsal.exchange.simulated_behaviour import party_at
from dialtone_nb.rehearsal.exchange.sip_registrations import is_registered
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Target
from dialtone_nb.rehearsal.state.dialing_permissions import HIGH_RISK, permissions
from dialtone_nb.rehearsal.state.store import Tables, Thing
from dialtone_nb.values.emergency import ADDRESSES_IN, EMERGENCY_NUMBERS
from dialtone_nb.values.phone_numbers import country_of
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, global_domain, parse_sip_uri

# Twilio's pages and recordings disagree about the form of 911 and 933 that it takes.
NORTH_AMERICAN = frozenset({"911", "933"})
LONGEST_SIP_URI = 255
NOT_REGISTERED = 32009
NOT_REGISTERED_THERE = 32221
NOBODY_THERE = frozenset({NOT_REGISTERED, NOT_REGISTERED_THERE})
UNREGISTERED = "Your TwiML tried to Dial a Twilio SIP Registered User that is not currently registered"
# Deprecated domain names with an edge, which can still be dialled (error dictionary, 32220 and 32221).
LEGACY_DOMAIN = re.compile(r"[^.]+\.sip\.us1(-ix)?\.twilio\.com")


@dataclass(frozen=True, slots=True)
class CheckedTarget:
    """A target that may be dialled, with its caller ID, a fault to raise as alert, emergency number and headers."""

    target: Target
    caller_id: str
    fault: Complaint | None = None
    emergency: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def leg(self, call_sid: str) -> OutgoingLeg:
        """The leg to ring, once it has a record."""
        target = self.target
        return OutgoingLeg(
            call_sid,
            "sip" if target.kind == "sip" else "number",
            target.address,
            self.caller_id,
            self.headers,
            target.username,
            target.password,
            self.emergency,
        )


def check_target(
    tables: Tables, target: Target, caller_id: str, own_ends: set[str], domain: Thing | None
) -> CheckedTarget | Complaint:
    """The target if it may be dialled, or else Twilio's complaint; `own_ends` are From and To of the dialling call."""
    checked = CheckedTarget(target, caller_id)
    if target.kind == "sip":
        return _check_sip(tables, checked)
    country = country_of(caller_id)
    emergency = emergency_spellings(country).get(target.address, "")
    is_whole = target.address.startswith("+1") or emergency not in NORTH_AMERICAN
    if emergency and (is_whole or tables.behaviour.takes_bare_911):
        return _check_emergency(tables, replace(checked, emergency=emergency), country, domain)
    if not emergency and is_emergency_number(target.address):
        # Twilio connects it only if number and caller ID are of the same country (changelog of 2021-12-16).
        return Complaint(13224, f"Dial: {target.address} is not an emergency number in {country}, where {caller_id} is")
    if fault := number_fault(tables, target.address):
        return fault
    if not _owned(tables, caller_id) and not (caller_id.startswith("+") and caller_id in own_ends):
        return Complaint(
            13214, f"Dial: invalid callerId value {caller_id!r}: it is not a number of this account or call"
        )
    return checked


@cache
def emergency_spellings(country: str) -> dict[str, str]:
    """The forms in which a country's emergency numbers may be dialled, with and without calling code -> the number.

    "" stands for all countries: the caller ID, such as a phone's SIP address, does not show the country.
    """
    if not country:
        every = [emergency_spellings(one) for one in EMERGENCY_NUMBERS]
        return {spelling: number for spellings in every for spelling, number in spellings.items()}
    code = phonenumbers.country_code_for_region(country)
    numbers = EMERGENCY_NUMBERS.get(country, ())
    return {prefix + number: number for number in numbers for prefix in ("", "+", f"+{code}")}


def is_emergency_number(address: str) -> bool:
    """Whether this is an emergency number in any country."""
    return address in emergency_spellings("")


def _owned(tables: Tables, number: str) -> Thing | None:
    return tables.find("phone_number", "", number)


def number_fault(tables: Tables, number: str) -> Complaint | None:
    """Twilio's complaint about a number (its form, the number, or missing permissions); None if it may be called."""
    if not re.fullmatch(r"\+[1-9][0-9]{1,14}", number):
        return Complaint(13223, f"Dial: invalid phone number format: {number}")
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException as error:
        code = 13226 if error.error_type == error.INVALID_COUNTRY_CODE else 13224
        return Complaint(
            code, f"Dial: {number} has no valid country code" if code == 13226 else f"Dial: {number}: {error}"
        )
    country = phonenumbers.region_code_for_number(parsed)
    if country is None or not phonenumbers.is_valid_number(parsed):
        return Complaint(13224, f"Dial: Twilio does not support calling {number}, or the number is invalid")
    allowed = permissions(tables, country)
    if not allowed["low_risk_numbers_enabled"]:
        return Complaint(13227, f"Geo permission is not permitting call: {country} is off, for {number}")
    if phonenumbers.number_type(parsed) in HIGH_RISK and not allowed["high_risk_special_numbers_enabled"]:
        return Complaint(
            13227, f"Geo permission is not permitting call: high-risk numbers of {country} are off: {number}"
        )
    said = party_at(tables, number)
    return Complaint(13225, f"Dial: call blocked by Twilio block list: {number}") if said and said.blocked else None


def _check_emergency(
    tables: Tables, checked: CheckedTarget, country: str, domain: Thing | None
) -> CheckedTarget | Complaint:
    if domain is None or not domain.body["emergency_calling_enabled"]:
        dialled = checked.target.address
        return Complaint(
            tables.behaviour.no_emergency_calling_code, f"Dial: emergency calling is not enabled here, for {dialled}"
        )
    owned = _owned(tables, checked.caller_id)
    if owned is None:
        return Complaint(13214, f"Dial: invalid callerId value {checked.caller_id!r} of an emergency call")
    # In other countries no address is registered, so none can be missing.
    if owned.body["emergency_address_status"] == "registered" or country not in ADDRESSES_IN:
        return checked
    warning = Complaint(22221, f"Emergency address is not registered for {checked.caller_id}")
    return replace(checked, fault=warning)


def is_sip_caller_id(caller_id: str) -> bool:
    """Whether a SIP leg may have this caller ID."""
    return bool(re.fullmatch(r"[A-Za-z0-9+_.-]+", caller_id)) or caller_id.startswith("sip:")


def _check_sip(tables: Tables, checked: CheckedTarget) -> CheckedTarget | Complaint:
    uri, caller_id = checked.target.address, checked.caller_id
    user, host = parse_sip_uri(uri)
    if not host or len(uri) > LONGEST_SIP_URI:
        return Complaint(13243, f"Dial->SIP: invalid SIP URI {uri}")
    if not is_sip_caller_id(caller_id):
        return Complaint(13214, f"Dial: invalid callerId value {caller_id!r} for SIP")
    domain_name, is_legacy = global_domain(host), bool(LEGACY_DOMAIN.fullmatch(host))
    if domain_name != host and not is_legacy:
        return Complaint(32220, f"Specifying an edge is not allowed when dialling a registered phone: {host}")
    with_headers = replace(checked, headers=dict(parse_qsl(uri.partition("?")[2], keep_blank_values=True)))
    if not domain_name.endswith(SIP_DOMAIN_SUFFIX):
        if _is_nowhere(host):
            return Complaint(13254, f"Dial->Sip: {host} does not resolve, or to an address that is not public")
        return with_headers
    if not user:
        return Complaint(32223, f"There is no username in {uri}")
    domain = tables.find("sip_domain", "", domain_name)
    if domain is None:
        return Complaint(32002, f"Dial failure: Twilio SIP domain {host} not found")
    if not is_registered(tables, domain, user):
        code = NOT_REGISTERED_THERE if is_legacy else NOT_REGISTERED
        return replace(checked, fault=Complaint(code, UNREGISTERED, sip_request(uri)))
    return with_headers


def sip_request(uri: str) -> tuple[str, str, str]:
    """The request in an alert about an INVITE to a phone; its only variable is To (recorded 2024 to 2026)."""
    address = uri.partition("?")[0]
    return "INVITE", address, urlencode({"To": address})


def endpoint_error(leg: OutgoingLeg, contact: str, status: int | None = None) -> Complaint:
    """The alert about a SIP endpoint at this contact that does not respond, or responds with an error status.

    Its request has no URL, and the headers To and From as variables (recorded 2024 to 2026).
    """
    host = global_domain(parse_sip_uri(leg.address)[1])
    caller = leg.caller_id if leg.caller_id.startswith("sip:") else f"sip:{leg.caller_id}@{host}"
    headers = {"To": f"<{contact}>", "From": f"<{caller}>;tag={leg.call_sid[2:18]}"}
    message = f"Error communicating with the SIP endpoint {leg.address}"
    if status:
        message = f"The SIP endpoint {leg.address} answered with an error: {status}"
    return Complaint(32011, message, ("INVITE", "", urlencode(headers)))


def _is_nowhere(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host or host.endswith((".invalid", ".localhost", ".local"))
