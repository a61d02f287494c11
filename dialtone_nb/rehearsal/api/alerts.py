"""Monitor's alerts: warnings and errors of the last 30 days, newest first."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.rehearsal.api.collection import VERSION, Api, Collection
from dialtone_nb.rehearsal.http.errors import more_info
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import PageRequest, walk_response, walk_things
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, read_parameters
from dialtone_nb.rehearsal.state.clock import is_date, iso8601, parse_time
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

DAY = 86_400.0
KEPT_DAYS = 30
ONLY_ONE_BY_ONE = ("request_variables", "request_headers", "response_headers", "response_body")

FILTERS = (
    Parameter("LogLevel", choice("error", "warning", "notice", "debug")),
    Parameter("StartDate", parse_time),
    Parameter("EndDate", parse_time),
)


def _fields(tables: Tables, alert: Thing) -> Body:
    own = {key: value for key, value in alert.body.items() if key != "message"}
    more = more_info(alert.body["error_code"])
    return own | {"api_version": VERSION, "more_info": more, "date_generated": iso8601(alert.created)}


ALERTS = Collection(Api("monitor.twilio.com"), "Alerts", kind="alert", prefix="NO", fields=_fields)


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The alerts that fit the filters; an EndDate without a time includes that whole day.

    A list leaves out the request and the response that an alert is about; fetching one alert shows them.
    """
    wanted = read_parameters(FILTERS, request.query)
    start = max(wanted.get("start_date", 0.0), tables.now() - KEPT_DAYS * DAY)
    end = wanted.get("end_date", float("inf")) + (DAY - 1 if is_date(dict(request.query).get("EndDate", "")) else 0)
    level = wanted.get("log_level")

    def walk(wanted: PageRequest) -> Iterator[Thing]:
        alerts = walk_things(tables, "alert", "", wanted, since=start, until=end)
        return (alert for alert in alerts if level in {None, alert.body["log_level"]})

    def body(alert: Thing) -> Body:
        return {key: value for key, value in ALERTS.body(tables, alert).items() if key not in ONLY_ONE_BY_ONE}

    return walk_response(request, "alerts", walk, body, lambda alert: str(alert.sid))


OPERATIONS = ALERTS.operations(list_=list_)
