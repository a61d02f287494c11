"""What the resources of the 2010-04-01 API share: their host, their root, and the account in their path."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, AtExchange, Operation
from dialtone_nb.rehearsal.state.clock import rfc2822
from dialtone_nb.rehearsal.state.store import Tables, Thing

HOST = "api.twilio.com"
VERSION = "2010-04-01"
ROOT = f"/{VERSION}/Accounts/{{AccountSid}}"


def account_uri(tables: Tables) -> str:
    """The account's own relative address, without the suffix."""
    return f"/{VERSION}/Accounts/{tables.identity.account_sid}"


def stamped(tables: Tables, thing: Thing) -> dict[str, Any]:
    """The fields that every resource has."""
    return {
        "sid": thing.sid,
        "account_sid": tables.identity.account_sid,
        "date_created": rfc2822(thing.created),
        "date_updated": rfc2822(thing.updated),
    }


def classic(
    method: str, path: str, handler: Callable[[Tables, ApiRequest], ApiResponse], at_exchange: AtExchange | None = None
) -> Operation:
    """An operation under the account; another account's SID in the path is a 404."""

    @wraps(handler)
    def answer(tables: Tables, request: ApiRequest) -> ApiResponse:
        if request.names["AccountSid"] != tables.identity.account_sid:
            raise absent(request.path)
        return handler(tables, request)

    return Operation(HOST, method, f"{ROOT}{path}.json", answer, at_exchange)
