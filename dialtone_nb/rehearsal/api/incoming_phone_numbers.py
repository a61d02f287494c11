"""The account's own numbers: bought, given a webhook and an emergency address, released.

Any valid number can be bought by name, listed for sale or not, so that people can rehearse with their own numbers.
"""

from __future__ import annotations

import re
from typing import Any

from dialtone_nb.rehearsal.api.addresses import ADDRESSES, dependents_of
from dialtone_nb.rehearsal.api.available_phone_numbers import free_numbers, friendly
from dialtone_nb.rehearsal.api.collection import API_2010, VERSION, Collection
from dialtone_nb.rehearsal.http.errors import Refusal, not_modelled
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, flag, matching, read_parameters, sid, webhook
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing
from dialtone_nb.values.phone_numbers import is_valid_number

# An emergency address is registered after this many reads of the number, or after this many simulated seconds.
READS_UNTIL_REGISTERED = 2
SECONDS_UNTIL_REGISTERED = 60.0
NOT_EMERGENCY_ENABLED = 21628

UPDATABLE = (
    Parameter("FriendlyName", longest=64),
    *webhook("VoiceUrl", 21402, "VoiceMethod", 21403),
    *webhook("VoiceFallbackUrl", 21402, "VoiceFallbackMethod", 21403),
    Parameter("VoiceApplicationSid", sid("AP"), code=21420),
    Parameter("VoiceCallerIdLookup", flag),
    Parameter("VoiceReceiveMode", choice("voice", "fax")),
    *webhook("StatusCallback", 21402, "StatusCallbackMethod", 21403),
    *webhook("SmsUrl", 21402, "SmsMethod", 21403),
    *webhook("SmsFallbackUrl", 21402, "SmsFallbackMethod", 21403),
    Parameter("SmsApplicationSid", sid("AP"), code=21420),
    Parameter("TrunkSid", sid("TK"), code=21245),
    Parameter("AddressSid", sid("AD")),
    Parameter("EmergencyAddressSid", sid("AD")),
    Parameter("IdentitySid", sid("RI")),
    Parameter("BundleSid", sid("BU")),
    Parameter("EmergencyStatus", choice("Active", "Inactive")),
    Parameter("ApiVersion", choice("2010-04-01", "2008-08-01")),
)
WANTED = (
    Parameter("PhoneNumber", matching(r"\+?[0-9() -]+", "must be E.164"), code=21421),
    Parameter("AreaCode", matching(r"[2-9][0-9]{2}", "must be three digits"), code=21451),
)
FILTERS = (Parameter("PhoneNumber"), Parameter("FriendlyName"), Parameter("Beta", flag), Parameter("Origin"))
DEFAULTS: dict[str, Any] = {
    "voice_url": "",
    "voice_method": "POST",
    "voice_fallback_url": "",
    "voice_fallback_method": "POST",
    "voice_application_sid": "",
    "voice_caller_id_lookup": False,
    "voice_receive_mode": "voice",
    "status_callback": "",
    "status_callback_method": "POST",
    "sms_url": "",
    "sms_method": "POST",
    "sms_fallback_url": "",
    "sms_fallback_method": "POST",
    "sms_application_sid": "",
    "trunk_sid": None,
    "address_sid": None,
    "identity_sid": None,
    "bundle_sid": None,
    "emergency_address_sid": None,
    "emergency_address_status": "unregistered",
}
NOT_OF_DEPENDENTS = frozenset(
    {"address_sid", "beta", "bundle_sid", "emergency_address_status", "identity_sid", "origin", "status", "type"}
    | {"voice_receive_mode"}
)
# Twilio has lists of one kind of number at these paths, where a SID would be.
KINDS = frozenset({"Local", "Mobile", "TollFree"})
# Resources that Twilio lets a number refer to and the rehearsal never has, each with the code of the refusal.
NEVER_THERE = {"voice_application_sid": 21420, "sms_application_sid": 21420, "trunk_sid": 21245, "bundle_sid": 21649}


def _fields(tables: Tables, number: Thing) -> Body:
    """The fields of an owned number; its capabilities are in lower case, unlike those of a number for sale."""
    body = {key: value for key, value in number.body.items() if key not in {"reads", "asked"}}
    if body["voice_receive_mode"] == "voice":
        del body["voice_receive_mode"]
    return {
        "phone_number": number.name,
        **body,
        "api_version": VERSION,
        "address_requirements": "none",
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "origin": "twilio",
        "status": "in-use",
        "emergency_status": "Active" if body["emergency_address_status"] == "registered" else "Inactive",
    }


NUMBERS = Collection(API_2010, "IncomingPhoneNumbers", kind="phone_number", prefix="PN", fields=_fields)


def number_of(tables: Tables, request: ApiRequest) -> Thing:
    """The number that the path names; Twilio's lists of one kind at the same place are refused as not modelled."""
    if request.names["Sid"] in KINDS:
        raise not_modelled(f"{request.method} {request.host}{request.path}")
    return NUMBERS.at(tables, request)


def look_again(tables: Tables, number: Thing) -> Thing:
    """The number after one more read, by which its emergency address may have become registered or unregistered."""
    status = number.body["emergency_address_status"]
    if not status.startswith("pending-"):
        return number
    reads = number.body["reads"] + 1
    if reads < READS_UNTIL_REGISTERED and tables.now() - number.body["asked"] < SECONDS_UNTIL_REGISTERED:
        return tables.save(number, {"reads": reads}, touch=False)
    if status == "pending-registration":
        return tables.save(number, {"reads": reads, "emergency_address_status": "registered"})
    changes = {"reads": reads, "emergency_address_status": "unregistered", "emergency_address_sid": None}
    return tables.save(number, changes)


def _checked(tables: Tables, values: dict[str, Any]) -> dict[str, Any]:
    for key, code in NEVER_THERE.items():
        if values.get(key):
            raise Refusal(code, f"{values[key]} is not found in this account")
    if values.pop("api_version", VERSION) != VERSION:
        raise not_modelled("an older ApiVersion of a number")
    if values.get("identity_sid"):
        raise not_modelled("IdentitySid of a number")
    for key in ("address_sid", "emergency_address_sid"):
        if values.get(key) and tables.get("address", values[key]) is None:
            raise Refusal(20404, f"Address {values[key]} was not found", 404)
    for key in ("address_sid", "identity_sid", "bundle_sid", "trunk_sid"):
        if key in values:
            values[key] = values[key] or None
    return values


def _emergency_changes(tables: Tables, before: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The fields that change when an emergency address is set or cleared; one must be cleared before another is set."""
    current, status = before["emergency_address_sid"], before["emergency_address_status"]
    pending = {"reads": 0, "asked": tables.now()}
    if not wanted:
        return {} if not current else {"emergency_address_status": "pending-unregistration"} | pending
    if current == wanted and status in {"registered", "pending-registration"}:
        return {}
    if current and current != wanted:
        message = f"An emergency address is {status} on this number; clear it and wait until it is unregistered"
        raise Refusal(tables.behaviour.number_has_address_code, message)
    address = tables.get("address", wanted)
    if address is None or not address.body["emergency_enabled"]:
        raise Refusal(NOT_EMERGENCY_ENABLED, f"Address {wanted} is not enabled for emergency calling")
    return {"emergency_address_sid": wanted, "emergency_address_status": "pending-registration"} | pending


def _changed(tables: Tables, before: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    values = _checked(tables, {key: value for key, value in values.items() if key != "emergency_status"})
    wanted = values.pop("emergency_address_sid", None)
    emergency = {} if wanted is None else _emergency_changes(tables, before, wanted)
    after = before | values | emergency
    if after["voice_fallback_url"] and not after["voice_url"]:
        raise Refusal(21405, "Cannot set VoiceFallbackUrl without setting VoiceUrl")
    if after["sms_fallback_url"] and not after["sms_url"]:
        raise Refusal(21406, "Cannot set SmsFallbackUrl without setting SmsUrl")
    return after


def _without_status(tables: Tables, number: Thing, values: dict[str, Any]) -> Thing:
    """The number; if EmergencyStatus was sent, with Twilio's warning that it is ignored since October 2021."""
    if "emergency_status" in values:
        raise_alert(tables, 22222, number.sid, "EmergencyStatus is ignored: it follows from the emergency address")
    return number


def _pick(tables: Tables, values: dict[str, Any]) -> str:
    if values.get("phone_number"):
        number = _e164(values["phone_number"])
        if tables.find("phone_number", "", number) or not is_valid_number(number):
            raise Refusal(21422, f"{number} is not available")
        return number
    if not values.get("area_code"):
        raise Refusal(21421, "PhoneNumber or AreaCode is required")
    area = f"+1{values['area_code']}"
    free = [n for country in ("US", "CA") for n in free_numbers(tables, country) if n.startswith(area)]
    if not free:
        raise Refusal(21452, f"No phone numbers found in area code {values['area_code']}")
    return free[0]


def _e164(text: str) -> str:
    return "+" + re.sub(r"\D", "", text)


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Buy a number: the one that is named, or any of an area code.

    Buying a number that the account already owns updates it (danielberkompas/ex_twilio#116); with no field to update it
    is refused as not available.
    """
    values, wanted = read_parameters(UPDATABLE, request.form), read_parameters(WANTED, request.form)
    if not tables.behaviour.takes_emergency_address_at_purchase:
        values.pop("emergency_address_sid", None)
    owned = tables.find("phone_number", "", _e164(wanted["phone_number"])) if wanted.get("phone_number") else None
    if owned and values and tables.behaviour.buying_what_is_owned == "changed":
        return NUMBERS.show(tables, _update(tables, owned, values), 201)
    phone_number = _pick(tables, wanted)
    body = _changed(tables, {"friendly_name": friendly(phone_number)} | DEFAULTS, values)
    number = NUMBERS.add(tables, "", phone_number, body)
    return NUMBERS.show(tables, _without_status(tables, number, values), 201)


def _update(tables: Tables, number: Thing, values: dict[str, Any]) -> Thing:
    updated = tables.save(number, _changed(tables, number.body, values))
    return _without_status(tables, updated, values)


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The account's numbers that fit every filter; PhoneNumber matches a part, with * for any one digit."""
    wanted = read_parameters(FILTERS, request.query)
    things = [look_again(tables, number) for number in tables.list("phone_number", "")]
    if partial := wanted.get("phone_number"):
        pattern = re.compile("".join("[0-9]" if c == "*" else re.escape(c) for c in partial))
        things = [number for number in things if pattern.search(number.name)]
    if name := wanted.get("friendly_name"):
        things = [number for number in things if number.body["friendly_name"] == name]
    if wanted.get("origin") == "hosted":
        things = []
    return NUMBERS.page(tables, request, things)


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One number."""
    return NUMBERS.show(tables, look_again(tables, number_of(tables, request)))


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change some fields of a number."""
    number = number_of(tables, request)
    if any(name == "AccountSid" and value != tables.identity.account_sid for name, value in request.form):
        raise not_modelled("moving a number to another account")
    values = read_parameters(UPDATABLE, request.form, creating=False)
    return NUMBERS.show(tables, _update(tables, number, values))


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Release the number; refused while it has an emergency address."""
    number = number_of(tables, request)
    if number.body["emergency_address_status"] != "unregistered":
        message = f"Unregister the emergency address of {number.name} first"
        raise Refusal(tables.behaviour.number_has_address_code, message)
    return NUMBERS.delete(tables, request)


def dependents(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The numbers that use an address."""
    things = dependents_of(tables, ADDRESSES.at(tables, request, "AddressSid"))

    def body(number: Thing) -> Body:
        return {key: value for key, value in NUMBERS.body(tables, number).items() if key not in NOT_OF_DEPENDENTS}

    return list_response(request, "dependent_phone_numbers", things, body, lambda n: str(n.sid))


OPERATIONS = (
    *NUMBERS.operations(list_=list_, create=create, fetch=fetch, update=update, delete=delete),
    API_2010.operation("GET", "/Addresses/{AddressSid}/DependentPhoneNumbers", dependents),
)
