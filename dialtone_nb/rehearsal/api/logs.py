"""What deployed functions logged, for 30 days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dialtone_nb.rehearsal.api.environments import environment_of, environment_url
from dialtone_nb.rehearsal.api.services import HOST
from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import PageRequest, walk_response, walk_things
from dialtone_nb.rehearsal.http.parameters import Parameter, read_parameters, sid
from dialtone_nb.rehearsal.state.clock import iso8601, parse_time
from dialtone_nb.rehearsal.state.store import Tables, Thing

DAY = 86_400.0
KEPT_DAYS = 30

FILTERS = (Parameter("FunctionSid", sid("ZH")), Parameter("StartDate", parse_time), Parameter("EndDate", parse_time))


def log_body(tables: Tables, log: Thing, environment: Thing) -> dict[str, Any]:
    """A log line as Twilio shows it."""
    return {
        "sid": log.sid,
        "account_sid": tables.identity.account_sid,
        "service_sid": environment.parent,
        "environment_sid": environment.sid,
        **log.body,
        "date_created": iso8601(log.created),
        "url": f"{environment_url(environment)}/Logs/{log.sid}",
    }


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Log lines, newest first: of the last day unless StartDate says otherwise, and never older than 30 days."""
    environment = environment_of(tables, request)
    values = read_parameters(FILTERS, request.query)
    now = tables.now()
    start = max(values.get("start_date", now - DAY), now - KEPT_DAYS * DAY)
    end = values.get("end_date", now)
    function = values.get("function_sid")

    def walk(wanted: PageRequest) -> Iterator[Thing]:
        logs = walk_things(tables, "log", environment.sid, wanted, since=start, until=end)
        return (log for log in logs if function in {None, "", log.body["function_sid"]})

    return walk_response(
        request, "logs", walk, lambda log: log_body(tables, log, environment), lambda log: str(log.sid)
    )


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One log line."""
    environment = environment_of(tables, request)
    log = tables.get("log", request.names["Sid"], environment.sid)
    if log is None:
        raise absent(request.path)
    return ApiResponse(200, log_body(tables, log, environment))


PATH = "/v1/Services/{ServiceSid}/Environments/{EnvironmentSid}/Logs"
OPERATIONS = (
    Operation(HOST, "GET", PATH, list_),
    Operation(HOST, "GET", PATH + "/{Sid}", fetch),
)
