"""The account itself, its balance, and its verified caller IDs."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.collection import API_2010, VERSION, account_uri
from dialtone_nb.rehearsal.http.errors import unauthenticated
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, read_parameters
from dialtone_nb.rehearsal.state.account_status import STATUSES, account_status
from dialtone_nb.rehearsal.state.clock import BEGINNING, rfc2822
from dialtone_nb.rehearsal.state.store import Tables

SUBRESOURCES = {
    "addresses": "Addresses",
    "applications": "Applications",
    "authorized_connect_apps": "AuthorizedConnectApps",
    "available_phone_numbers": "AvailablePhoneNumbers",
    "balance": "Balance",
    "calls": "Calls",
    "conferences": "Conferences",
    "connect_apps": "ConnectApps",
    "incoming_phone_numbers": "IncomingPhoneNumbers",
    "keys": "Keys",
    "messages": "Messages",
    "notifications": "Notifications",
    "outgoing_caller_ids": "OutgoingCallerIds",
    "queues": "Queues",
    "recordings": "Recordings",
    "short_codes": "SMS/ShortCodes",
    "signing_keys": "SigningKeys",
    "sip": "SIP",
    "transcriptions": "Transcriptions",
    "usage": "Usage",
}
NAME = "Rehearsal (not Twilio)"
FILTERS = (Parameter("FriendlyName"), Parameter("Status", choice(*STATUSES)))


def refuse_standard_key(request: ApiRequest) -> None:
    """Refuse a standard API key: as at Twilio, it may neither read /Accounts nor manage keys."""
    if request.by_api_key and request.allowed is None:
        raise unauthenticated()


def account_body(tables: Tables) -> dict[str, Any]:
    """The account as Twilio shows it, without the auth token."""
    sid, uri = tables.identity.account_sid, account_uri(tables)
    return {
        "sid": sid,
        "owner_account_sid": sid,
        "friendly_name": NAME,
        "status": account_status(tables),
        "type": "Full",
        "auth_token": "",
        "date_created": rfc2822(BEGINNING),
        "date_updated": rfc2822(BEGINNING),
        "uri": f"{uri}.json",
        "subresource_uris": {name: f"{uri}/{path}.json" for name, path in SUBRESOURCES.items()},
    }


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The account, if it fits the filters; there are no subaccounts."""
    refuse_standard_key(request)
    wanted = read_parameters(FILTERS, request.query)
    status = account_status(tables)
    fits = wanted.get("friendly_name", NAME) == NAME and wanted.get("status", status) == status
    bodies = [account_body(tables)] if fits else []
    return list_response(request, "accounts", bodies, lambda body: body, lambda body: str(body["sid"]))


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The account."""
    refuse_standard_key(request)
    return ApiResponse(200, account_body(tables))


def list_caller_ids(tables: Tables, request: ApiRequest) -> ApiResponse:
    """An empty list: verifying a caller ID takes a call to a real phone, which the rehearsal can't place."""
    read_parameters((Parameter("PhoneNumber"), Parameter("FriendlyName")), request.query)
    return list_response(request, "outgoing_caller_ids", (), lambda body: body, str)


def fetch_balance(tables: Tables, _: ApiRequest) -> ApiResponse:
    """The balance: always 0.00, as the rehearsal charges nothing."""
    return ApiResponse(200, {"account_sid": tables.identity.account_sid, "balance": "0.00", "currency": "USD"})


OPERATIONS = (
    Operation(API_2010.host, "GET", f"/{VERSION}/Accounts.json", list_),
    API_2010.operation("GET", "", fetch),
    API_2010.operation("GET", "/Balance", fetch_balance),
    API_2010.operation("GET", "/OutgoingCallerIds", list_caller_ids),
)
