"""Calls: the list with its filters, one call, its webhook events and its notifications."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dialtone_nb.rehearsal.api.available_phone_numbers import friendly
from dialtone_nb.rehearsal.api.collection import API_2010, VERSION, account_uri
from dialtone_nb.rehearsal.api.prices import UNIT
from dialtone_nb.rehearsal.http.errors import absent, more_info
from dialtone_nb.rehearsal.http.operations import Answering, ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import PageRequest, list_response, stale_token, walk_response
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, read_parameter, read_parameters, sid
from dialtone_nb.rehearsal.state.alerts import alerts_about
from dialtone_nb.rehearsal.state.call_records import CallRecord, Condition, find_call, walk_calls
from dialtone_nb.rehearsal.state.clock import parse_time, rfc2822
from dialtone_nb.rehearsal.state.store import Tables, Thing

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.exchange.exchange import Exchange

STATUSES = ("queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled")
SUBRESOURCES = {
    "events": "Events",
    "notifications": "Notifications",
    "payments": "Payments",
    "recordings": "Recordings",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}
COLUMN_FILTERS = (
    ("To", '"to"', Parameter("To")),
    ("From", '"from"', Parameter("From")),
    ("ParentCallSid", "parent_call_sid", Parameter("ParentCallSid", sid("CA"))),
    ("Status", "status", Parameter("Status", choice(*STATUSES))),
)
DAY = 86_400.0
TIME_FILTERS = (("StartTime", "started"), ("EndTime", "ended"))


def call_of(tables: Tables, request: ApiRequest, name: str) -> CallRecord:
    """The call that the path names; a 404 if there is none."""
    call = find_call(tables, request.names[name])
    if call is None:
        raise absent(request.path)
    return call


def call_body(uri: str, account_sid: str, call: CallRecord, now: float) -> dict[str, Any]:
    """A call as Twilio shows it; the price is null until it has settled."""
    own = f"{uri}/Calls/{call.sid}"
    is_settled = call.settled is not None and call.settled <= now
    return {
        "sid": call.sid,
        "date_created": rfc2822(call.started),
        "date_updated": rfc2822(call.settled if is_settled else call.ended or call.started),
        "parent_call_sid": call.parent_call_sid,
        "account_sid": account_sid,
        "to": call.to,
        "to_formatted": friendly(call.to),
        "from": call.from_,
        "from_formatted": friendly(call.from_),
        "phone_number_sid": call.phone_number_sid,
        "status": call.status,
        "start_time": None if call.status == "queued" else rfc2822(call.dialled or call.started),
        "end_time": rfc2822(call.ended),
        "duration": None if call.ended is None else str(call.duration),
        "price": f"{-call.price or 0.0:.5f}" if is_settled and call.price is not None else None,
        "price_unit": UNIT,
        "direction": call.direction,
        "answered_by": None,
        "api_version": VERSION,
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": str(round(((call.dialled or call.started) - call.started) * 1000)),
        "trunk_sid": None,
        "uri": f"{own}.json",
        "subresource_uris": {name: f"{own}/{path}.json" for name, path in SUBRESOURCES.items()},
    }


def conditions_of(request: ApiRequest) -> list[Condition]:
    """The filters of a list as SQL conditions; a time filter's name has the comparison in it, as in `StartTime>`."""
    query = dict(request.query)
    conditions = [
        Condition(f"{column} = ?", read_parameter(field, query[name]))
        for name, column, field in COLUMN_FILTERS
        if query.get(name)
    ]
    for name, column in TIME_FILTERS:
        for sign, comparison in (("<", "<="), (">", ">=")):
            if text := query.get(f"{name}{sign}"):
                conditions.append(
                    Condition(f"{column} {comparison} ?", read_parameter(Parameter(name, parse_time), text))
                )
        if text := query.get(name):
            # Without a comparison Twilio matches the whole day, even where twilio-python adds a time of day.
            day = read_parameter(Parameter(name, parse_time), text) // DAY * DAY
            conditions.append(Condition(f"{column} >= ?", day))
            conditions.append(Condition(f"{column} < ?", day + DAY))
    return conditions


def is_of_date(request: ApiRequest, name: str, at: float) -> bool:
    """Whether a time is on the days asked for, as by `MessageDate`, `MessageDate<` or `MessageDate>`."""
    query = dict(request.query)
    on, until, since = (
        read_parameter(Parameter(name, parse_time), query[key]) // DAY if query.get(key) else None
        for key in (name, f"{name}<", f"{name}>")
    )
    day = at // DAY
    return (on is None or day == on) and (until is None or day <= until) and (since is None or day >= since)


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Calls that fit every filter, newest first."""
    conditions = conditions_of(request)
    uri, account_sid, now = account_uri(tables), tables.identity.account_sid, tables.now()

    def walk(wanted: PageRequest) -> Iterator[CallRecord]:
        marker = wanted.after or wanted.before
        if marker and find_call(tables, marker) is None:
            raise stale_token()
        return walk_calls(tables, conditions, after=wanted.after, before=wanted.before)

    return walk_response(
        request, "calls", walk, lambda call: call_body(uri, account_sid, call, now), lambda call: str(call.sid)
    )


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One call."""
    call = call_of(tables, request, "Sid")
    return ApiResponse(200, call_body(account_uri(tables), tables.identity.account_sid, call, tables.now()))


async def look(exchange: Exchange, request: ApiRequest, answer: Answering) -> ApiResponse:
    """One call. Polling moves simulated time: a call in progress goes on until its status has changed."""
    await exchange.look(request.names["Sid"])
    return answer()


def list_events(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The webhook requests of a call with their responses, in order."""
    call = call_of(tables, request, "CallSid")
    things = sorted(tables.list("call_event", call.sid), key=lambda event: event.nth)
    return list_response(request, "events", things, lambda event: event.body, lambda event: str(event.sid))


def notification_body(tables: Tables, alert: Thing) -> dict[str, Any]:
    """An alert as a call's notification."""
    at = rfc2822(alert.created)
    return {
        "sid": alert.sid,
        "account_sid": tables.identity.account_sid,
        "call_sid": alert.body["resource_sid"],
        "api_version": VERSION,
        "log": "0" if alert.body["log_level"] == "error" else "1",
        "error_code": alert.body["error_code"],
        "more_info": more_info(alert.body["error_code"]),
        "message_text": alert.body["alert_text"],
        "message_date": at,
        "request_method": alert.body["request_method"],
        "request_url": alert.body["request_url"] or "",
        "date_created": at,
        "date_updated": at,
        "uri": f"{account_uri(tables)}/Calls/{alert.body['resource_sid']}/Notifications/{alert.sid}.json",
    }


def notifications_of(tables: Tables, call_sid: str) -> Sequence[Thing]:
    """The alerts that are about a call, newest first."""
    return alerts_about(tables, call_sid)[::-1]


def list_notifications(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The errors and warnings of a call."""
    call = call_of(tables, request, "CallSid")
    log = read_parameters((Parameter("Log", choice("0", "1")),), request.query).get("log")
    alerts = [
        alert for alert in notifications_of(tables, call.sid) if is_of_date(request, "MessageDate", alert.created)
    ]
    bodies = [body for alert in alerts if (body := notification_body(tables, alert))["log"] == (log or body["log"])]
    return list_response(request, "notifications", bodies, lambda body: body, lambda body: str(body["sid"]))


def fetch_notification(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One notification of a call, with the request and the response that it is about."""
    call = call_of(tables, request, "CallSid")
    for alert in notifications_of(tables, call.sid):
        if alert.sid == request.names["Sid"]:
            about = {key: alert.body[key] for key in ("request_variables", "response_headers", "response_body")}
            return ApiResponse(200, notification_body(tables, alert) | about)
    raise absent(request.path)


OPERATIONS = (
    API_2010.operation("GET", "/Calls", list_),
    API_2010.operation("GET", "/Calls/{Sid}", fetch, look),
    API_2010.operation("GET", "/Calls/{CallSid}/Events", list_events),
    API_2010.operation("GET", "/Calls/{CallSid}/Notifications", list_notifications),
    API_2010.operation("GET", "/Calls/{CallSid}/Notifications/{Sid}", fetch_notification),
)
