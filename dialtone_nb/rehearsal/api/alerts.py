"""Monitor's alerts: warnings and errors of the last 30 days, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dialtone_nb.rehearsal.api.api_2010 import VERSION
from dialtone_nb.rehearsal.http.errors import absent, more_info
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import PageRequest, walk_response, walk_things
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, read_parameters
from dialtone_nb.rehearsal.state.clock import is_date, iso8601, parse_time
from dialtone_nb.rehearsal.state.store import Tables, Thing

HOST = "monitor.twilio.com"
DAY = 86_400.0
KEPT_DAYS = 30
ONLY_ONE_BY_ONE = ("request_variables", "request_headers", "response_headers", "response_body")

FILTERS = (
    Parameter("LogLevel", choice("error", "warning", "notice", "debug")),
    Parameter("StartDate", parse_time),
    Parameter("EndDate", parse_time),
)


def alert_body(tables: Tables, alert: Thing) -> dict[str, Any]:
    """An alert as Twilio shows it when it is fetched; a list leaves the request and the response out."""
    at = iso8601(alert.created)
    body = {key: value for key, value in alert.body.items() if key != "message"}
    return {
        "sid": alert.sid,
        "account_sid": tables.identity.account_sid,
        **body,
        "api_version": VERSION,
        "more_info": more_info(alert.body["error_code"]),
        "date_generated": at,
        "date_created": at,
        "date_updated": at,
        "url": f"https://{HOST}/v1/Alerts/{alert.sid}",
    }


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Alerts within the dates and of the level that were asked for; a bare EndDate means the whole of that day."""
    wanted = read_parameters(FILTERS, request.query)
    start = max(wanted.get("start_date", 0.0), tables.now() - KEPT_DAYS * DAY)
    end = wanted.get("end_date", float("inf")) + (DAY - 1 if is_date(dict(request.query).get("EndDate", "")) else 0)
    level = wanted.get("log_level")

    def walk(wanted: PageRequest) -> Iterator[Thing]:
        alerts = walk_things(tables, "alert", "", wanted, since=start, until=end)
        return (alert for alert in alerts if level in {None, alert.body["log_level"]})

    def body(alert: Thing) -> dict[str, Any]:
        return {key: value for key, value in alert_body(tables, alert).items() if key not in ONLY_ONE_BY_ONE}

    return walk_response(request, "alerts", walk, body, lambda alert: str(alert.sid))


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One alert, with the request and the response that it is about."""
    alert = tables.get("alert", request.names["Sid"])
    if alert is None:
        raise absent(request.path)
    return ApiResponse(200, alert_body(tables, alert))


OPERATIONS = (
    Operation(HOST, "GET", "/v1/Alerts", list_),
    Operation(HOST, "GET", "/v1/Alerts/{Sid}", fetch),
)
