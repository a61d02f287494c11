"""The account's secrets: its API keys, standard and restricted, and its auth tokens, primary and secondary.

As at Twilio, these operations refuse a standard key: they take the auth token, and those on keys also take a restricted
key with the permission (recorded 2026-03: wittyreference).
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from dialtone_nb.rehearsal.api.accounts import NAME, refuse_standard_key
from dialtone_nb.rehearsal.api.collection import API_2010, Api
from dialtone_nb.rehearsal.http.errors import Refusal, absent, unauthenticated
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, flag, read_parameters, sid
from dialtone_nb.rehearsal.http.permissions import INVALID, check_policy
from dialtone_nb.rehearsal.state.clock import BEGINNING, iso8601, rfc2822
from dialtone_nb.rehearsal.state.store import TOKENS, Body, Tables, Thing
from dialtone_nb.values.sids import FACADE, PREFIXES

KIND = "api_key"
IAM, ACCOUNTS = Api("iam.twilio.com"), Api("accounts.twilio.com")
ACCOUNT = Parameter("AccountSid", sid("AC"), required=True)
FRIENDLY_NAME = Parameter("FriendlyName", longest=64, code=70001)
KEY_TYPE, POLICY = Parameter("KeyType", choice("restricted", "standard")), Parameter("Policy")
QUIETLY = Parameter("SuppressEmailNotification", flag)


def find_key(tables: Tables, key_sid: str) -> frozenset[str] | None:
    """The permissions of an API key, None for all; a 401 if there is no such key."""
    if key_sid == tables.identity.api_key_sid:
        return None
    key = tables.get(KIND, key_sid)
    if key is None:
        raise unauthenticated()
    allow = key.body["allow"]
    return None if allow is None else frozenset(allow)


def _body(tables: Tables, key: Thing) -> Body:
    allow = key.body["allow"]
    return {
        "sid": key.sid,
        "friendly_name": key.body["friendly_name"],
        "date_created": rfc2822(key.created),
        "date_updated": rfc2822(key.updated),
        "policy": None if allow is None else {"allow": allow},
    }


def _built_in(tables: Tables) -> Thing:
    """The key that the account has from the beginning."""
    known = tables.identity.api_key_sid
    return Thing(known, KIND, "", NAME, 1, BEGINNING, BEGINNING, {"friendly_name": NAME, "allow": None})


def _key(tables: Tables, request: ApiRequest) -> Thing:
    wanted = request.names["Sid"]
    found = _built_in(tables) if wanted == tables.identity.api_key_sid else tables.get(KIND, wanted)
    if found is None:
        raise absent(request.path)
    return found


def _policy(text: str) -> list[str]:
    try:
        allow = orjson.loads(text)["allow"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Refusal(INVALID, "the policy is not a JSON object with allow") from None
    return [*check_policy(map(str, allow))]


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All keys, without their secrets."""
    refuse_standard_key(request)
    if request.host == IAM.host:
        read_parameters((ACCOUNT,), request.query)
    keys = [*tables.list(KIND, ""), _built_in(tables)]

    def body(key: Thing) -> Body:
        told = _body(tables, key)
        allow = told.pop("policy")
        flags = ["restricted"] if allow else ["rest_api", "signing"]
        return told | ({"flags": flags} if request.host == IAM.host else {})

    return list_response(request, "keys", keys, body, lambda key: str(key.sid))


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a key; only this response has its secret."""
    refuse_standard_key(request)
    values = read_parameters((ACCOUNT, FRIENDLY_NAME, KEY_TYPE, POLICY), request.form)
    is_restricted = values.get("key_type") == "restricted"
    if is_restricted and "policy" not in values:
        raise Refusal(INVALID, "a restricted key takes a policy")
    name = values.get("friendly_name")
    body = {"friendly_name": name, "allow": _policy(values["policy"]) if is_restricted else None}
    key = tables.add(PREFIXES["api_key"] + FACADE, KIND, "", name or "", body)
    return ApiResponse(201, _body(tables, key) | {"secret": tables.identity.key_secret(key.sid)})


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One key, without its secret."""
    refuse_standard_key(request)
    return ApiResponse(200, _body(tables, _key(tables, request)))


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change a key's name, or a restricted key's permissions."""
    refuse_standard_key(request)
    key = _key(tables, request)
    values = read_parameters((FRIENDLY_NAME, POLICY), request.form, creating=False)
    if "policy" in values:
        values["allow"] = _policy(values.pop("policy"))
    return ApiResponse(200, _body(tables, tables.save(key, values, name=values.get("friendly_name", key.name))))


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the key: requests with it are refused from now on."""
    refuse_standard_key(request)
    tables.remove(_key(tables, request).sid)
    return ApiResponse(204)


# --- auth tokens ---


def _tokens(tables: Tables, request: ApiRequest) -> Thing:
    """The stored state of the tokens; a 401 for an API key."""
    if request.by_api_key:
        raise unauthenticated()
    first = {"primary": 0, "secondary": 0, "made": 0}
    return tables.find(TOKENS, "", "") or tables.add("AT", TOKENS, "", "", first)


def _token_body(tables: Tables, kept: Thing) -> Body:
    return {
        "account_sid": tables.identity.account_sid,
        "date_created": iso8601(kept.created),
        "date_updated": iso8601(kept.updated),
    }


def create_secondary(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a secondary token, which authenticates like the primary one; a second request replaces it."""
    read_parameters((QUIETLY,), request.form, creating=False)
    kept = _tokens(tables, request)
    made = kept.body["made"] + 1
    kept = tables.save(kept, {"secondary": made, "made": made})
    token = replace(tables.identity, secondary=made).secondary_token
    url = {"url": f"https://{ACCOUNTS.host}/v1/AuthTokens/Secondary"}
    return ApiResponse(201, _token_body(tables, kept) | {"secondary_auth_token": token} | url)


def delete_secondary(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the secondary token; a 404 if there is none."""
    kept = _tokens(tables, request)
    if not kept.body["secondary"]:
        raise absent(request.path)
    tables.save(kept, {"secondary": 0})
    return ApiResponse(204)


def promote(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Promote the secondary token to primary: the old primary one is refused, webhooks are signed with the new one."""
    read_parameters((QUIETLY,), request.form, creating=False)
    kept = _tokens(tables, request)
    if not kept.body["secondary"]:
        raise absent(request.path)
    kept = tables.save(kept, {"primary": kept.body["secondary"], "secondary": 0})
    token = replace(tables.identity, primary=kept.body["primary"]).auth_token
    url = {"url": f"https://{ACCOUNTS.host}/v1/AuthTokens/Promote"}
    return ApiResponse(200, _token_body(tables, kept) | {"auth_token": token} | url)


OPERATIONS = (
    API_2010.operation("GET", "/Keys", list_),
    IAM.operation("GET", "/Keys", list_),
    IAM.operation("POST", "/Keys", create),
    IAM.operation("GET", "/Keys/{Sid}", fetch),
    IAM.operation("POST", "/Keys/{Sid}", update),
    IAM.operation("DELETE", "/Keys/{Sid}", delete),
    ACCOUNTS.operation("POST", "/AuthTokens/Secondary", create_secondary),
    ACCOUNTS.operation("DELETE", "/AuthTokens/Secondary", delete_secondary),
    ACCOUNTS.operation("POST", "/AuthTokens/Promote", promote),
)
