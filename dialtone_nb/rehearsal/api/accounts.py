"""The account itself."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.classic import account_uri, classic
from dialtone_nb.rehearsal.clock import BEGINNING, rfc2822
from dialtone_nb.rehearsal.operations import Ask, Reply
from dialtone_nb.rehearsal.refusal import unauthenticated
from dialtone_nb.rehearsal.store import Tables

SUBRESOURCES = {
    "available_phone_numbers": "AvailablePhoneNumbers",
    "calls": "Calls",
    "incoming_phone_numbers": "IncomingPhoneNumbers",
    "addresses": "Addresses",
    "sip": "SIP",
}


def fetch(tables: Tables, ask: Ask) -> Reply:
    """The account, but for its token; a standard API key is refused here, as Twilio does."""
    if ask.by_api_key:
        raise unauthenticated()
    sid, uri = tables.identity.account_sid, account_uri(tables)
    return Reply(
        200,
        {
            "sid": sid,
            "owner_account_sid": sid,
            "friendly_name": "Rehearsal (not Twilio)",
            "status": "active",
            "type": "Full",
            "auth_token": "",
            "date_created": rfc2822(BEGINNING),
            "date_updated": rfc2822(BEGINNING),
            "uri": f"{uri}.json",
            "subresource_uris": {name: f"{uri}/{path}.json" for name, path in SUBRESOURCES.items()},
        },
    )


OPERATIONS = (classic("GET", "", fetch),)
