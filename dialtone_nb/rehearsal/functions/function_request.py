"""Requests to functions: checking Twilio's signature, and the event that the runtime handler passes on."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

import orjson
from twilio.request_validator import RequestValidator

from dialtone_nb.rehearsal.http.parameters import Pairs

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.http.requests import HttpRequest

# Headers that never reach a function (the runtime handler's own lists).
HIDDEN_PREFIXES = ("i-twilio-", "i-t-", "ot-", "x-amz", "x-forwarded-", "x-accel-")
HIDDEN_HEADERS = frozenset(
    {"via", "referer", "transfer-encoding", "proxy-authorization", "proxy-authenticate", "x-real-ip", "connection"}
    | {"proxy-connection", "expect", "trailer", "upgrade"}
)


def event_of(incoming: HttpRequest) -> dict[str, Any]:
    """A function's event: `request` with headers and cookies, and the parameters; the body's override the query's."""
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
    if "json" in incoming.media_type and incoming.body:
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


class Params(dict[str, list[str]]):
    """Form parameters with repeated names, in the shape that twilio-python's RequestValidator takes."""

    def getlist(self, name: str) -> list[str]:
        """All values of a name."""
        return self[name]


def gathered(pairs: Pairs) -> Params:
    """Pairs grouped by name, the values in order."""
    params = Params()
    for name, value in pairs:
        params.setdefault(name, []).append(value)
    return params


def is_signed(incoming: HttpRequest, auth_token: str) -> bool:
    """Whether the request has the X-Twilio-Signature that Twilio would have computed."""
    signature = incoming.headers.get("x-twilio-signature", "")
    url = f"https://{incoming.host}{incoming.raw_path}" + (f"?{incoming.query_string}" if incoming.query_string else "")
    params: Params | str = Params()
    if incoming.is_form:
        params = gathered(incoming.form)
    elif incoming.body and "bodySHA256" in dict(incoming.query):
        params = incoming.body.decode("utf-8", "replace")
    return bool(RequestValidator(auth_token).validate(url, params, signature))
