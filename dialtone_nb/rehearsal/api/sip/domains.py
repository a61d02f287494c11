"""SIP domains: their webhooks, and whether phones may register and place emergency calls."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.collection import API_2010, VERSION, Collection
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, matching, read_parameters, sid, webhook
from dialtone_nb.rehearsal.state.domain_access import auth_type
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX

MOST_DOMAINS = 100
# Domain names are unique across all of Twilio: these stand for the other customers' domains.
TAKEN = frozenset({"example.sip.twilio.com", "taken.sip.twilio.com", "test.sip.twilio.com"})

NAME = matching(
    r"(?i)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.sip\.twilio\.com",
    f"must be letters, digits and dashes, at most 63, and end in {SIP_DOMAIN_SUFFIX}",
)
FIELDS = (
    Parameter("DomainName", NAME, required=True, code=21232),
    Parameter("FriendlyName", longest=64, code=21231),
    *webhook("VoiceUrl", 21231, "VoiceMethod", 21231),
    *webhook("VoiceFallbackUrl", 21231, "VoiceFallbackMethod", 21231),
    *webhook("VoiceStatusCallbackUrl", 21231, "VoiceStatusCallbackMethod", 21231),
    Parameter("SipRegistration", flag, code=21231),
    Parameter("EmergencyCallingEnabled", flag, code=21231),
    Parameter("EmergencyCallerSid", sid("PN"), code=21231),
    Parameter("Secure", flag, code=21231),
    Parameter("ByocTrunkSid", sid("BY"), code=21231),
)
DEFAULTS: dict[str, Any] = {
    "friendly_name": None,
    "voice_url": None,
    "voice_method": "POST",
    "voice_fallback_url": None,
    "voice_fallback_method": "POST",
    "voice_status_callback_url": None,
    "voice_status_callback_method": "POST",
    "sip_registration": False,
    "emergency_calling_enabled": False,
    "emergency_caller_sid": None,
    "secure": False,
    "byoc_trunk_sid": None,
}


def _fields(tables: Tables, domain: Thing) -> Body:
    """The fields of a SIP domain; an empty auth_type means that it rejects every call."""
    return {"api_version": VERSION, "auth_type": auth_type(tables, domain), **domain.body}


DOMAINS = Collection(
    API_2010,
    "SIP/Domains",
    kind="sip_domain",
    prefix="SD",
    fields=_fields,
    links={
        "credential_list_mappings": "CredentialListMappings",
        "ip_access_control_list_mappings": "IpAccessControlListMappings",
    },
)


def _checked(tables: Tables, values: dict[str, Any], own: str = "") -> dict[str, Any]:
    if "domain_name" in values:
        values["domain_name"] = name = values["domain_name"].lower()
        other = tables.find("sip_domain", "", name)
        if name in TAKEN or (other and other.sid != own):
            raise Refusal(21232, f"Domain name {name} is already taken")
    for key in ("emergency_caller_sid", "byoc_trunk_sid"):
        if key in values:
            values[key] = values[key] or None
    if values.get("emergency_caller_sid") and not tables.get("phone_number", values["emergency_caller_sid"]):
        raise Refusal(21231, f"EmergencyCallerSid {values['emergency_caller_sid']} is not a number of this account")
    if values.get("byoc_trunk_sid"):
        raise Refusal(21231, f"ByocTrunkSid {values['byoc_trunk_sid']} is not a trunk of this account")
    return values


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a SIP domain, which rejects every call until a list is mapped to it."""
    values = _checked(tables, read_parameters(FIELDS, request.form))
    if tables.count("sip_domain", "") >= MOST_DOMAINS:
        raise Refusal(21230, f"The maximum of {MOST_DOMAINS} domains is reached")
    defaults = DEFAULTS | {"friendly_name": values["domain_name"]}
    domain = DOMAINS.add(tables, "", values["domain_name"], {"domain_name": ""} | defaults | values)
    return DOMAINS.show(tables, domain, 201)


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change some fields of a SIP domain."""
    domain = DOMAINS.at(tables, request)
    values = _checked(tables, read_parameters(FIELDS, request.form, creating=False), domain.sid)
    return DOMAINS.show(tables, tables.save(domain, values, name=values.get("domain_name")))


# Deleting a domain also removes its mappings and the phones' registrations.
OPERATIONS = DOMAINS.operations(create=create, update=update, delete=DOMAINS.delete)
