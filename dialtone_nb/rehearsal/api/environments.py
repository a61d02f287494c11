"""Serverless environments: a name, a domain, and which build is live there."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.services import HOST, service_of
from dialtone_nb.rehearsal.http.errors import absent, conflict
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, matching, read_parameters
from dialtone_nb.rehearsal.state.clock import iso8601
from dialtone_nb.rehearsal.state.store import Tables, Thing

TAKEN = "Environment with this UniqueName or DomainSuffix already exists."
CREATABLE = (
    Parameter(
        "UniqueName", matching(r"[A-Za-z0-9_-]+", "may hold letters, digits and dashes"), required=True, longest=100
    ),
    Parameter("DomainSuffix", matching(r"[A-Za-z0-9-]*", "may hold letters, digits and dashes"), longest=16),
)


def environment_of(tables: Tables, request: ApiRequest, name: str = "EnvironmentSid") -> Thing:
    """The environment in the path, by SID or unique name, of the service in the path."""
    service, key = service_of(tables, request), request.names[name]
    environment = tables.get("environment", key, service.sid) or tables.find("environment", service.sid, key)
    if environment is None:
        raise absent(request.path)
    return environment


def environment_url(environment: Thing) -> str:
    """The address of an environment."""
    return f"https://{HOST}/v1/Services/{environment.parent}/Environments/{environment.sid}"


def environment_body(tables: Tables, environment: Thing) -> dict[str, Any]:
    """An environment as Twilio shows it."""
    url = environment_url(environment)
    return {
        "sid": environment.sid,
        "account_sid": tables.identity.account_sid,
        "service_sid": environment.parent,
        **environment.body,
        "date_created": iso8601(environment.created),
        "date_updated": iso8601(environment.updated),
        "url": url,
        "links": {name: f"{url}/{name.capitalize()}" for name in ("variables", "deployments", "logs")},
    }


def environment_at(tables: Tables, domain_name: str) -> Thing | None:
    """The environment that answers at a domain name, such as dialtone-1234-stage.twil.io."""
    every = tables.list("environment")
    return next((one for one in every if one.body["domain_name"] == domain_name.lower()), None)


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """A new environment, with nothing live; a conflict where its name or its suffix is taken."""
    service = service_of(tables, request)
    values = read_parameters(CREATABLE, request.form)
    suffix = values.get("domain_suffix", "").lower()
    for other in tables.list("environment", service.sid):
        if other.name == values["unique_name"] or (other.body["domain_suffix"] or "") == suffix:
            raise conflict(TAKEN)
    body = {
        "build_sid": None,
        "unique_name": values["unique_name"],
        "domain_suffix": suffix or None,
        "domain_name": f"{service.body['domain_base']}{'-' if suffix else ''}{suffix}.twil.io",
    }
    environment = tables.add("ZE", "environment", service.sid, values["unique_name"], body)
    return ApiResponse(201, environment_body(tables, environment))


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All environments of a service."""
    things = tables.list("environment", service_of(tables, request).sid)
    return list_response(request, "environments", things, lambda e: environment_body(tables, e), lambda e: str(e.sid))


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One environment."""
    return ApiResponse(200, environment_body(tables, environment_of(tables, request, "Sid")))


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the environment, its variables, deployments and logs."""
    tables.remove(environment_of(tables, request, "Sid").sid)
    return ApiResponse(204)


OPERATIONS = (
    Operation(HOST, "GET", "/v1/Services/{ServiceSid}/Environments", list_),
    Operation(HOST, "POST", "/v1/Services/{ServiceSid}/Environments", create),
    Operation(HOST, "GET", "/v1/Services/{ServiceSid}/Environments/{Sid}", fetch),
    Operation(HOST, "DELETE", "/v1/Services/{ServiceSid}/Environments/{Sid}", delete),
)
