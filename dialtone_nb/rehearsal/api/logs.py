"""What deployed functions logged, for 30 days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dialtone_nb.rehearsal.api.environments import environment_of, environment_url
from dialtone_nb.rehearsal.api.services import HOST
from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import Ask, Operation, Reply
from dialtone_nb.rehearsal.http.paging import Wanted, walk_reply, walk_things
from dialtone_nb.rehearsal.http.parameters import Field, read_fields, sid
from dialtone_nb.rehearsal.state.clock import iso8601, parse_time
from dialtone_nb.rehearsal.state.store import Tables, Thing

DAY = 86_400.0
KEPT_DAYS = 30

FILTERS = (Field("FunctionSid", sid("ZH")), Field("StartDate", parse_time), Field("EndDate", parse_time))


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


def list_(tables: Tables, ask: Ask) -> Reply:
    """Log lines, newest first: of the last day unless StartDate says otherwise, and never older than 30 days."""
    environment = environment_of(tables, ask)
    values = read_fields(FILTERS, ask.query)
    now = tables.now()
    start = max(values.get("start_date", now - DAY), now - KEPT_DAYS * DAY)
    end = values.get("end_date", now)
    function = values.get("function_sid")

    def walk(wanted: Wanted) -> Iterator[Thing]:
        logs = walk_things(tables, "log", environment.sid, wanted, since=start, until=end)
        return (log for log in logs if function in {None, "", log.body["function_sid"]})

    return walk_reply(ask, "logs", walk, lambda log: log_body(tables, log, environment), lambda log: str(log.sid))


def fetch(tables: Tables, ask: Ask) -> Reply:
    """One log line."""
    environment = environment_of(tables, ask)
    log = tables.get("log", ask.names["Sid"], environment.sid)
    if log is None:
        raise absent(ask.path)
    return Reply(200, log_body(tables, log, environment))


PATH = "/v1/Services/{ServiceSid}/Environments/{EnvironmentSid}/Logs"
OPERATIONS = (
    Operation(HOST, "GET", PATH, list_),
    Operation(HOST, "GET", PATH + "/{Sid}", fetch),
)
