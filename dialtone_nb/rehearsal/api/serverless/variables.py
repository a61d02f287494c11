"""An environment's variables: stored in clear text, and in force at once, without a new build."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.collection import Collection
from dialtone_nb.rehearsal.api.serverless.environments import ENVIRONMENTS
from dialtone_nb.rehearsal.api.serverless.services import SERVERLESS
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, matching, read_parameters
from dialtone_nb.rehearsal.state.store import Tables

LARGEST_VALUE = 450  # bytes


def _value(text: str) -> str:
    if len(text.encode()) > LARGEST_VALUE:
        raise ValueError(f"is longer than {LARGEST_VALUE} bytes")
    return text


FIELDS = (
    Parameter("Key", matching(r"[A-Za-z_][A-Za-z0-9_]*", "must be a name of letters, digits and _"), True, longest=128),
    Parameter("Value", _value, required=True),
)
VARIABLES = Collection(SERVERLESS, "Variables", kind="variable", prefix="ZV", above=ENVIRONMENTS)


def _refuse_taken(tables: Tables, environment_sid: str, key: str, own: str = "") -> None:
    """Raise a conflict if another variable has the key (that the status is 409 is assumed)."""
    other = tables.find("variable", environment_sid, key)
    if other and other.sid != own:
        message = f"Variable with key {key} already exists in this environment"
        raise Refusal(20409, message, tables.behaviour.variable_taken_status)


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a variable."""
    environment_sid = VARIABLES.parent_sid(tables, request)
    values = read_parameters(FIELDS, request.form)
    _refuse_taken(tables, environment_sid, values["key"])
    return VARIABLES.show(tables, VARIABLES.add(tables, environment_sid, values["key"], values), 201)


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change a variable's key or value."""
    variable = VARIABLES.at(tables, request)
    values = read_parameters(FIELDS, request.form, creating=False)
    key = values.get("key", variable.name)
    _refuse_taken(tables, variable.parent, key, variable.sid)
    return VARIABLES.show(tables, tables.save(variable, values, name=key))


OPERATIONS = VARIABLES.operations(create=create, update=update, delete=VARIABLES.delete)
