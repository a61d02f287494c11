"""A function's event: what its request brought, as the runtime handler hands it on."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

import orjson

from dialtone_nb.rehearsal.functions.signature import gathered
from dialtone_nb.rehearsal.http.parameters import Pairs

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.http.requests import HttpRequest

# What never reaches a function (the runtime handler's own lists).
HIDDEN_PREFIXES = ("i-twilio-", "i-t-", "ot-", "x-amz", "x-forwarded-", "x-accel-")
HIDDEN_HEADERS = frozenset(
    {"via", "referer", "transfer-encoding", "proxy-authorization", "proxy-authenticate", "x-real-ip", "connection"}
    | {"proxy-connection", "expect", "trailer", "upgrade"}
)


def event_of(incoming: HttpRequest) -> dict[str, Any]:
    """A function's event: its request's headers and cookies, then query and body, the body last."""
    headers = {
        name: value
        for name, value in incoming.headers.items()
        if name not in HIDDEN_HEADERS and not name.startswith(HIDDEN_PREFIXES)
    }
    request = {"headers": headers, "cookies": _cookies(incoming.headers.get("cookie", ""))}
    return {"request": request, **_merged(incoming.query), **_body_values(incoming)}


def _merged(pairs: Pairs) -> dict[str, Any]:
    return {name: values[0] if len(values) == 1 else values for name, values in gathered(pairs).items()}


def _body_values(incoming: HttpRequest) -> dict[str, Any]:
    if incoming.is_form:
        return _merged(incoming.form)
    if "json" in incoming.headers.get("content-type", "") and incoming.body:
        try:
            read = orjson.loads(incoming.body)
        except orjson.JSONDecodeError:
            return {}
        return read if isinstance(read, dict) else {}
    return {}


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
