"""The account itself, its key and balance, and the outside numbers that it may show as caller ID."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.api_2010 import HOST, VERSION, account_uri, classic
from dialtone_nb.rehearsal.http.errors import unauthenticated
from dialtone_nb.rehearsal.http.operations import Ask, Operation, Reply
from dialtone_nb.rehearsal.http.paging import list_reply
from dialtone_nb.rehearsal.http.parameters import Field, choice, read_fields
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
NAME, STATUS = "Rehearsal (not Twilio)", "active"
FILTERS = (Field("FriendlyName"), Field("Status", choice("active", "suspended", "closed")))


def _refuse_api_key(ask: Ask) -> None:
    """Accounts are for the auth token alone: a standard API key is refused, as Twilio does."""
    if ask.by_api_key:
        raise unauthenticated()


def account_body(tables: Tables) -> dict[str, Any]:
    """The account as Twilio shows it, but for its token."""
    sid, uri = tables.identity.account_sid, account_uri(tables)
    return {
        "sid": sid,
        "owner_account_sid": sid,
        "friendly_name": NAME,
        "status": STATUS,
        "type": "Full",
        "auth_token": "",
        "date_created": rfc2822(BEGINNING),
        "date_updated": rfc2822(BEGINNING),
        "uri": f"{uri}.json",
        "subresource_uris": {name: f"{uri}/{path}.json" for name, path in SUBRESOURCES.items()},
    }


def list_(tables: Tables, ask: Ask) -> Reply:
    """The account alone, where it fits the filters; there are no subaccounts."""
    _refuse_api_key(ask)
    wanted = read_fields(FILTERS, ask.query)
    fits = wanted.get("friendly_name", NAME) == NAME and wanted.get("status", STATUS) == STATUS
    bodies = [account_body(tables)] if fits else []
    return list_reply(ask, "accounts", bodies, lambda body: body, lambda body: str(body["sid"]))


def fetch(tables: Tables, ask: Ask) -> Reply:
    """The account."""
    _refuse_api_key(ask)
    return Reply(200, account_body(tables))


def list_caller_ids(tables: Tables, ask: Ask) -> Reply:
    """The outside numbers that were verified as caller IDs: none, since nobody outside can be called to verify one."""
    read_fields((Field("PhoneNumber"), Field("FriendlyName")), ask.query)
    return list_reply(ask, "outgoing_caller_ids", (), lambda body: body, str)


def fetch_balance(tables: Tables, _: Ask) -> Reply:
    """What the account has left: nothing, as nothing costs anything here."""
    return Reply(200, {"account_sid": tables.identity.account_sid, "balance": "0.00", "currency": "USD"})


def list_keys(tables: Tables, ask: Ask) -> Reply:
    """The account's one API key, for the auth token alone."""
    _refuse_api_key(ask)
    dates = {"date_created": rfc2822(BEGINNING), "date_updated": rfc2822(BEGINNING)}
    key = {"sid": tables.identity.api_key_sid, "friendly_name": NAME, **dates}
    return list_reply(ask, "keys", [key], lambda body: body, lambda body: str(body["sid"]))


OPERATIONS = (
    Operation(HOST, "GET", f"/{VERSION}/Accounts.json", list_),
    classic("GET", "", fetch),
    classic("GET", "/Balance", fetch_balance),
    classic("GET", "/Keys", list_keys),
    classic("GET", "/OutgoingCallerIds", list_caller_ids),
)
