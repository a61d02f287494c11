"""Dialling permissions (geo permissions) by country, and each country's high-risk prefixes."""

from __future__ import annotations

from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import orjson
import phonenumbers

from dialtone_nb.rehearsal.api.collection import Api
from dialtone_nb.rehearsal.http.errors import Refusal, absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, matching, read_parameters
from dialtone_nb.rehearsal.state.dialing_permissions import HIGH_RISK, SWITCHES, permissions, permissions_by_country
from dialtone_nb.rehearsal.state.store import Tables

VOICE = Api("voice.twilio.com")

FILTERS = (
    Parameter("IsoCode", matching(r"[A-Z]{2}", "must be two capital letters")),
    Parameter("Continent"),
    Parameter("CountryCode"),
    Parameter("LowRiskNumbersEnabled", flag),
    Parameter("HighRiskSpecialNumbersEnabled", flag),
    Parameter("HighRiskTollfraudNumbersEnabled", flag),
)
UPDATE = (Parameter("UpdateRequest", required=True),)
SETTINGS = (Parameter("DialingPermissionsInheritance", flag),)
PREFIX_DIGITS = 3  # of the national number
# To ask for them one by one would load what is known of each country's numbers: half a second.
CODES = {country: code for code, countries in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items() for country in countries}


def _country(request: ApiRequest) -> str:
    country = request.names["IsoCode"].upper()
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise absent(request.path)
    return country


@cache
def _names() -> dict[str, dict[str, str]]:
    """The names of countries, by country and language, which libphonenumber has in one file of its package of places.

    Importing that package reads all places of the world, for a second; so the file is loaded by itself.
    """
    path = Path(phonenumbers.__file__).with_name("geodata") / "locale.py"
    loader = SourceFileLoader("phonenumbers.geodata.locale", str(path))
    module = module_from_spec(ModuleSpec(loader.name, loader))
    loader.exec_module(module)
    names: dict[str, dict[str, str]] = module.LOCALE_DATA
    return names


def _name(country: str) -> str:
    names = _names().get(country, {})
    name = names.get("en", country)
    # "*aa" stands for the name in the language aa.
    return names[name[1:]] if name.startswith("*") else name


def country_body(tables: Tables, country: str, switches: dict[str, bool]) -> dict[str, Any]:
    """A country with its permissions as Twilio shows it, except for the continent, which is always null here."""
    return {
        "iso_code": country,
        "name": _name(country),
        "continent": None,
        "country_codes": [f"+{CODES[country]}"],
        **switches,
        **VOICE.addresses(
            tables,
            f"/DialingPermissions/Countries/{country}",
            {"highrisk_special_prefixes": "HighRiskSpecialPrefixes"},
        ),
    }


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The countries that fit every filter."""
    wanted = read_parameters(FILTERS, request.query)
    code = wanted.pop("country_code", None)
    permitted = permissions_by_country(tables)
    bodies = [country_body(tables, country, permitted(country)) for country in sorted(phonenumbers.SUPPORTED_REGIONS)]
    bodies = [
        body
        for body in bodies
        if all(body[key] == value for key, value in wanted.items())
        and (code is None or f"+{code.lstrip('+')}" in body["country_codes"])
    ]
    return list_response(request, "content", bodies, lambda body: body, lambda body: str(body["iso_code"]))


def high_risk_prefixes(country: str) -> list[str]:
    """Prefixes of a country's high-risk numbers: one example of each kind, cut short (Twilio's list is longer)."""
    examples = (phonenumbers.example_number_for_type(country, kind) for kind in HIGH_RISK)
    return sorted(
        {f"+{one.country_code}{str(one.national_number)[:PREFIX_DIGITS]}" for one in examples if one is not None}
    )


def list_prefixes(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The prefixes of a country's high-risk special numbers, which need a permission of their own."""
    prefixes = high_risk_prefixes(_country(request))
    return list_response(request, "content", prefixes, lambda prefix: {"prefix": prefix}, lambda prefix: prefix)


def _settings(tables: Tables) -> dict[str, Any]:
    kept = tables.find("dialing_settings", "", "")
    inheritance = {"dialing_permissions_inheritance": True} | (kept.body if kept else {})
    return inheritance | VOICE.addresses(tables, "/Settings", {})


def fetch_settings(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Whether subaccounts inherit the permissions (the rehearsal has no subaccounts)."""
    return ApiResponse(200, _settings(tables))


def update_settings(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change the setting."""
    values = read_parameters(SETTINGS, request.form, creating=False)
    kept = tables.find("dialing_settings", "", "") or tables.add("DP", "dialing_settings", "", "", {})
    tables.save(kept, values)
    return ApiResponse(202, _settings(tables))


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One country."""
    country = _country(request)
    return ApiResponse(200, country_body(tables, country, permissions(tables, country)))


def _switch(value: object) -> bool:
    if str(value).lower() not in {"true", "false"}:
        raise Refusal(20001, f"Invalid UpdateRequest: {value} is neither true nor false")
    return str(value).lower() == "true"


def _spelt(tables: Tables, key: str) -> str:
    is_pascal = tables.behaviour.bulk_update_keys == "PascalCase"
    return "".join(word.capitalize() for word in key.split("_")) if is_pascal else key


def bulk_update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change the permissions of several countries. Booleans may be strings; the spelling of the keys is assumed."""
    text = read_parameters(UPDATE, request.form)["update_request"]
    try:
        spelt = {key: _spelt(tables, key) for key in ("iso_code", *SWITCHES)}
        changes = {
            str(one[spelt["iso_code"]]).upper(): {
                key: _switch(one[spelt[key]]) for key in SWITCHES if spelt[key] in one
            }
            for one in orjson.loads(text)
        }
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Refusal(20001, "Invalid UpdateRequest: it must be a JSON array of countries with iso_code") from None
    for country, switches in changes.items():
        if country not in phonenumbers.SUPPORTED_REGIONS:
            raise Refusal(20001, f"Invalid UpdateRequest: there is no country {country}")
        thing = tables.find("dialing_permission", "", country)
        thing = thing or tables.add("DP", "dialing_permission", "", country, permissions(tables, country))
        tables.save(thing, switches)
    return ApiResponse(201, {"update_count": len(changes), "update_request": text})


OPERATIONS = (
    VOICE.operation("GET", "/DialingPermissions/Countries", list_),
    VOICE.operation("GET", "/DialingPermissions/Countries/{IsoCode}", fetch),
    VOICE.operation("GET", "/DialingPermissions/Countries/{IsoCode}/HighRiskSpecialPrefixes", list_prefixes),
    VOICE.operation("POST", "/DialingPermissions/BulkCountryUpdates", bulk_update),
    VOICE.operation("GET", "/Settings", fetch_settings),
    VOICE.operation("POST", "/Settings", update_settings),
)
