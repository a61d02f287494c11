"""An environment's variables: readable in clear, and in force at once, whatever build is live."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.environments import environment_of, environment_url
from dialtone_nb.rehearsal.api.services import HOST
from dialtone_nb.rehearsal.http.errors import absent, conflict
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, matching, read_parameters
from dialtone_nb.rehearsal.state.clock import iso8601
from dialtone_nb.rehearsal.state.store import Tables, Thing

LARGEST_VALUE = 450  # bytes


def _value(text: str) -> str:
    if len(text.encode()) > LARGEST_VALUE:
        raise ValueError(f"is longer than {LARGEST_VALUE} bytes")
    return text


FIELDS = (
    Parameter("Key", matching(r"[A-Za-z_][A-Za-z0-9_]*", "must be a name of letters, digits and _"), True, longest=128),
    Parameter("Value", _value, required=True),
)


def variable_body(tables: Tables, variable: Thing, environment: Thing) -> dict[str, Any]:
    """A variable as Twilio shows it, its value included."""
    return {
        "sid": variable.sid,
        "account_sid": tables.identity.account_sid,
        "service_sid": environment.parent,
        "environment_sid": environment.sid,
        "key": variable.body["key"],
        "value": variable.body["value"],
        "date_created": iso8601(variable.created),
        "date_updated": iso8601(variable.updated),
        "url": f"{environment_url(environment)}/Variables/{variable.sid}",
    }


def _variable_of(tables: Tables, request: ApiRequest) -> tuple[Thing, Thing]:
    environment = environment_of(tables, request)
    variable = tables.get("variable", request.names["Sid"], environment.sid)
    if variable is None:
        raise absent(request.path)
    return variable, environment


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """A new variable; a conflict where the key is there already (that it is a 409 is an assumption)."""
    environment = environment_of(tables, request)
    values = read_parameters(FIELDS, request.form)
    if tables.find("variable", environment.sid, values["key"]):
        raise conflict(f"Variable with key {values['key']} already exists in this environment")
    variable = tables.add("ZV", "variable", environment.sid, values["key"], values)
    return ApiResponse(201, variable_body(tables, variable, environment))


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All variables of an environment."""
    environment = environment_of(tables, request)
    things = tables.list("variable", environment.sid)
    return list_response(
        request, "variables", things, lambda v: variable_body(tables, v, environment), lambda v: str(v.sid)
    )


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One variable."""
    return ApiResponse(200, variable_body(tables, *_variable_of(tables, request)))


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """A variable with another key or value."""
    variable, environment = _variable_of(tables, request)
    values = read_parameters(FIELDS, request.form, creating=False)
    key = values.get("key", variable.name)
    other = tables.find("variable", environment.sid, key)
    if other and other.sid != variable.sid:
        raise conflict(f"Variable with key {key} already exists in this environment")
    return ApiResponse(200, variable_body(tables, tables.save(variable, values, name=key), environment))


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the variable."""
    tables.remove(_variable_of(tables, request)[0].sid)
    return ApiResponse(204)


PATH = "/v1/Services/{ServiceSid}/Environments/{EnvironmentSid}/Variables"
OPERATIONS = (
    Operation(HOST, "GET", PATH, list_),
    Operation(HOST, "POST", PATH, create),
    Operation(HOST, "GET", PATH + "/{Sid}", fetch),
    Operation(HOST, "POST", PATH + "/{Sid}", update),
    Operation(HOST, "DELETE", PATH + "/{Sid}", delete),
)
