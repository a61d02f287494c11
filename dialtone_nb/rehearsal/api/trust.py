"""Customer profiles (Trust Hub), and the rules and settings of the webhooks API by which webhooks are signed.

The account has one approved profile until that is deleted, and no rules until one is created. Rules are stored and
listed, but have no effect on the rehearsal's webhooks.
"""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.accounts import NAME
from dialtone_nb.rehearsal.api.collection import Api, Collection
from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, read_parameters, sid
from dialtone_nb.rehearsal.state.clock import BEGINNING, iso8601
from dialtone_nb.rehearsal.state.store import Tables

TRUST, WEBHOOKS = Api("trusthub.twilio.com"), Api("webhooks.twilio.com", "/v1/Webhooks")
STATES = ("draft", "pending-review", "in-review", "twilio-rejected", "twilio-approved")
FILTERS = (Parameter("Status", choice(*STATES)), Parameter("FriendlyName"), Parameter("PolicySid", sid("RN")))
RULE = (
    Parameter("matchType", choice("EXACT_MATCH", "PREFIX_MATCH", "DEFAULT"), required=True),
    Parameter("value"),
    Parameter("prefix"),
    Parameter("settings", required=True),
)
DELETED = "customer_profile_deleted"


def _profiles(tables: Tables) -> list[dict[str, Any]]:
    if tables.find(DELETED, "", ""):
        return []
    known = tables.identity
    profile = "BU" + known.digest("customer profile")[:32]
    links = {"customer_profiles_entity_assignments": "EntityAssignments"}
    return [
        {
            "sid": profile,
            **TRUST.addresses(tables, f"/CustomerProfiles/{profile}", links),
            "errors": None,
            "account_sid": known.account_sid,
            "policy_sid": "RN" + known.digest("primary customer profile")[:32],
            "friendly_name": NAME,
            "status": "twilio-approved",
            "email": "",
            "status_callback": None,
            "valid_until": None,
            "date_created": iso8601(BEGINNING),
            "date_updated": iso8601(BEGINNING),
        }
    ]


def list_profiles(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The profiles that fit every filter."""
    wanted = read_parameters(FILTERS, request.query)
    found = [one for one in _profiles(tables) if wanted.items() <= one.items()]
    return list_response(request, "results", found, lambda one: one, lambda one: str(one["sid"]))


def delete_profile(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the profile, for good."""
    if not [one for one in _profiles(tables) if one["sid"] == request.names["Sid"]]:
        raise absent(request.path)
    tables.add("BU", DELETED, "", "", {})
    return ApiResponse(204)


RULES, SETTINGS = (Collection(WEBHOOKS, name, f"webhook_{name.lower()}", "WR") for name in ("Rules", "Settings"))


def _list_all(kept: Collection, tables: Tables, request: ApiRequest) -> ApiResponse:
    things = tables.list(kept.kind, "")
    return list_response(request, kept.name.lower(), things, lambda one: one.body, lambda one: str(one.sid))


def list_rules(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All rules."""
    return _list_all(RULES, tables, request)


def list_settings(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All settings."""
    return _list_all(SETTINGS, tables, request)


def create_rule(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a rule, from a form; Twilio takes JSON."""
    values = read_parameters(RULE, request.form)
    rule = {"matchType": values.pop("match_type"), **values, "settings": [{"id": values.pop("settings")}]}
    return ApiResponse(202, RULES.add(tables, "", "", rule).body)


def create_setting(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a setting, from a form (Twilio takes JSON); it signs with a shared key if the form has one."""
    key = read_parameters((Parameter("signature"),), request.form).get("signature", "")
    kept = SETTINGS.add(tables, "", "", {})
    signature = {"sharedKey": key, "algorithm": "HMAC_SHA256"} if key else None
    body = {"id": f"webhooks_setting_{kept.sid[2:28]}", "type": "CUSTOMER", "signature": signature}
    return ApiResponse(202, tables.save(kept, body).body)


OPERATIONS = (
    TRUST.operation("GET", "/CustomerProfiles", list_profiles),
    TRUST.operation("DELETE", "/CustomerProfiles/{Sid}", delete_profile),
    WEBHOOKS.operation("GET", "/Rules", list_rules),
    WEBHOOKS.operation("POST", "/Rules", create_rule),
    WEBHOOKS.operation("GET", "/Settings", list_settings),
    WEBHOOKS.operation("POST", "/Settings", create_setting),
)
