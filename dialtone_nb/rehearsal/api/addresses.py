"""Street addresses; those for emergency calls are validated."""

from __future__ import annotations

import re
from typing import Any

from dialtone_nb.rehearsal.api.collection import API_2010, Collection
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, matching, read_parameters
from dialtone_nb.rehearsal.state.store import Tables, Thing
from dialtone_nb.values.emergency import EMERGENCY_NUMBERS

REQUIRED = ("CustomerName", "Street", "City", "Region", "PostalCode")
LONGEST_EMERGENCY_NAME = 32

UPDATABLE = (
    *(Parameter(name, required=True) for name in REQUIRED),
    Parameter("FriendlyName", longest=64),
    Parameter("EmergencyEnabled", flag),
    Parameter("AutoCorrectAddress", flag),
    Parameter("StreetSecondary"),
)
_country = matching(r"[A-Z]{2}", "must be two capital letters")
CREATABLE = (*UPDATABLE, Parameter("IsoCountry", _country, required=True))
FILTERS = (
    Parameter("CustomerName"),
    Parameter("FriendlyName"),
    Parameter("EmergencyEnabled", flag),
    Parameter("IsoCountry", _country),
)

# Twilio validates against national address files. Here only the form is checked, which is enough for both refusals.
POSTAL_CODES = {
    "US": r"[0-9]{5}(-[0-9]{4})?",
    "CA": r"[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]",
    "GB": r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}",
}
US_REGIONS = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "District of Columbia": "DC", "Florida": "FL", "Georgia": "GA",
    "Hawaii": "HI", "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS",
    "Kentucky": "KY", "Louisiana": "LA", "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI",
    "Minnesota": "MN", "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV",
    "New Hampshire": "NH", "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC",
    "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA",
    "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX",
    "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington": "WA", "West Virginia": "WV",
    "Wisconsin": "WI", "Wyoming": "WY", "Puerto Rico": "PR",
}  # fmt: skip


ADDRESSES = Collection(API_2010, "Addresses", kind="address", prefix="AD")


def corrected(body: dict[str, Any]) -> dict[str, Any]:
    """The address as a postal service writes it; raises Refusal 21628 if it is not valid."""
    country = body["iso_country"]
    street = " ".join(body["street"].split())
    postal_code = " ".join(body["postal_code"].upper().split())
    region = body["region"].strip()
    if country == "US":
        region = {name.upper(): code for name, code in US_REGIONS.items()}.get(region.upper(), region.upper())
    faults = []
    if not re.match(r"[0-9]", street):
        faults.append("the street has no house number")
    if country == "US" and region not in US_REGIONS.values():
        faults.append(f"{region} is no state")
    if country in POSTAL_CODES and not re.fullmatch(POSTAL_CODES[country], postal_code):
        faults.append(f"{postal_code} is not a postal code of {country}")
    if faults:
        raise Refusal(21628, f"Address validation error: {'; '.join(faults)}")
    return body | {"street": street, "postal_code": postal_code, "region": region, "city": body["city"].strip()}


def _checked(body: dict[str, Any], correct: bool) -> dict[str, Any]:
    if not body["emergency_enabled"]:
        return body | {"validated": False}
    # Twilio's page on emergency calling lists more countries than it registers addresses in, and does not say that it
    # refuses an address in any of those.
    if body["iso_country"] not in EMERGENCY_NUMBERS:
        raise Refusal(21628, f"Address validation error: {body['iso_country']} has no emergency calling")
    if len(body["friendly_name"] or "") > LONGEST_EMERGENCY_NAME:
        raise Refusal(20001, f"FriendlyName of an emergency address is longer than {LONGEST_EMERGENCY_NAME} characters")
    right = corrected(body)
    if right != body and not correct:
        suggested = ", ".join(right[key] for key in ("street", "city", "region", "postal_code", "iso_country"))
        raise Refusal(21629, f"Address validation error. Suggested address: {suggested}")
    return right | {"validated": True}


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create an address; one for emergency calls is validated, and corrected unless AutoCorrectAddress is false."""
    values = read_parameters(CREATABLE, request.form)
    correct = values.pop("auto_correct_address", True)
    empty = {"friendly_name": None, "street_secondary": None, "emergency_enabled": False, "verified": False}
    body = _checked(empty | values, correct)
    name = body["friendly_name"] or "|".join(values[key] for key in ("customer_name", "street", "city", "postal_code"))
    return ADDRESSES.show(tables, ADDRESSES.add(tables, "", name, body), 201)


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The addresses that fit every filter."""
    wanted = read_parameters(FILTERS, request.query)
    things = [a for a in tables.list("address", "") if all(a.body[key] == value for key, value in wanted.items())]
    return ADDRESSES.page(tables, request, things)


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change some fields of an address, and validate it again."""
    address = ADDRESSES.at(tables, request)
    values = read_parameters(UPDATABLE, request.form, creating=False)
    correct = values.pop("auto_correct_address", True)
    body = _checked(address.body | values, correct)
    return ADDRESSES.show(tables, tables.save(address, body))


def dependents_of(tables: Tables, address: Thing) -> list[Thing]:
    """The phone numbers that this address is set on, as their address or as their emergency address."""
    return [
        number
        for number in tables.list("phone_number", "")
        if address.sid in {number.body["address_sid"], number.body["emergency_address_sid"]}
    ]


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the address; refused while a number uses it (the code of that refusal is assumed)."""
    address = ADDRESSES.at(tables, request)
    if dependents := dependents_of(tables, address):
        message = f"Address {address.sid} is used by {dependents[0].name} and can't be deleted"
        raise Refusal(tables.behaviour.address_in_use_code, message)
    return ADDRESSES.delete(tables, request)


OPERATIONS = ADDRESSES.operations(list_=list_, create=create, update=update, delete=delete)
