"""Log lines of deployed functions, kept for 30 days."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.rehearsal.api.collection import Collection
from dialtone_nb.rehearsal.api.serverless.environments import ENVIRONMENTS
from dialtone_nb.rehearsal.api.serverless.services import SERVERLESS
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import PageRequest, walk_response, walk_things
from dialtone_nb.rehearsal.http.parameters import Parameter, read_parameters, sid
from dialtone_nb.rehearsal.state.clock import parse_time
from dialtone_nb.rehearsal.state.store import Tables, Thing

DAY = 86_400.0
KEPT_DAYS = 30

FILTERS = (Parameter("FunctionSid", sid("ZH")), Parameter("StartDate", parse_time), Parameter("EndDate", parse_time))
LOGS = Collection(SERVERLESS, "Logs", kind="log", prefix="NO", above=ENVIRONMENTS, is_immutable=True)


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Log lines, newest first: those of the last day unless StartDate says otherwise, none older than 30 days."""
    environment_sid = LOGS.parent_sid(tables, request)
    values = read_parameters(FILTERS, request.query)
    now = tables.now()
    start = max(values.get("start_date", now - DAY), now - KEPT_DAYS * DAY)
    end = values.get("end_date", now)
    function = values.get("function_sid")

    def walk(wanted: PageRequest) -> Iterator[Thing]:
        logs = walk_things(tables, "log", environment_sid, wanted, since=start, until=end)
        return (log for log in logs if function in {None, "", log.body["function_sid"]})

    return walk_response(request, "logs", walk, lambda log: LOGS.body(tables, log), lambda log: str(log.sid))


OPERATIONS = LOGS.operations(list_=list_)
