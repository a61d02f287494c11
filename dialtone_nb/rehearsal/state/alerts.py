"""Alerts: each is one record, shown both as a Monitor alert and as a call's notification."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from dialtone_nb.rehearsal.http.errors import NOT_MODELLED
from dialtone_nb.rehearsal.state.store import Tables, Thing

# Of the codes that the rehearsal raises, those that are warnings in Twilio's error dictionary.
WARNINGS = frozenset(
    {12200, 13210, 13212, 13213, 13214, 13215, 13216, 13218, 13219, 13221, 13222, 13223, 13224, 13225, 13226, 13227}
    | {13241, 13243, 13248, 13254, 13310, 13311, 13312, 13313, 13314, 13320, 13326, 13332, 13410, 13430, 13510}
    | {13610, 13611, 13612, 13613, 13616, 13710, 13810, 13910, 14207, 15003, 22221, 22222}
    | {32002, 32007, 32008, 32009, 32011, 32015, 32019, 32212, 82001, 82004}
)


def level_of(code: int) -> str:
    """The log level of a code: warning or error. What the rehearsal does not model is an error, to be noticed."""
    return "error" if code == NOT_MODELLED or code not in WARNINGS else "warning"


def raise_alert(
    tables: Tables,
    code: int,
    resource_sid: str,
    message: str,
    *,
    service_sid: str | None = None,
    request: tuple[str, str, str] = ("", "", ""),
    response: tuple[str, str] = ("", ""),
    at: float | None = None,
) -> Thing:
    """Add an alert, at the current simulated time or at another.

    `request` is the faulty webhook request's method, URL and variables, `response` its response's headers and body.
    """
    level = level_of(code)
    text = urlencode({"ErrorCode": code, "LogLevel": level.upper(), "Msg": message, "parserMessage": message})
    method, url, variables = request
    headers, body = response
    return tables.add(
        "NO",
        "alert",
        "",
        f"{resource_sid} {code}",
        {
            "error_code": str(code),
            "log_level": level,
            "alert_text": text,
            "resource_sid": resource_sid,
            "service_sid": service_sid,
            "request_method": method or None,
            "request_url": url or None,
            "request_variables": variables,
            "request_headers": None,
            "response_headers": headers,
            "response_body": body,
            "message": message,
        },
        at=at,
    )


def alerts_about(tables: Tables, resource_sid: str) -> Sequence[Thing]:
    """The alerts about a call, leg or function, oldest first."""
    return tables.beginning_with("alert", "", f"{resource_sid} ")
