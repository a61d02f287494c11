"""Serverless services, addressed by SID or by unique name."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.http.errors import Refusal, absent, conflict
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, matching, read_parameters
from dialtone_nb.rehearsal.state.clock import iso8601
from dialtone_nb.rehearsal.state.store import Tables, Thing

HOST = "serverless.twilio.com"
MOST_SERVICES = 50  # an account's limit, as observed by others

UPDATABLE = (
    Parameter("IncludeCredentials", flag),
    Parameter("FriendlyName", longest=255),
    Parameter("UiEditable", flag),
)
CREATABLE = (
    Parameter(
        "UniqueName", matching(r"[A-Za-z0-9-]+", "may hold letters, digits and dashes"), required=True, longest=50
    ),
    Parameter("FriendlyName", required=True, longest=255),
    Parameter("IncludeCredentials", flag),
    Parameter("UiEditable", flag),
)


def service_of(tables: Tables, request: ApiRequest, name: str = "ServiceSid") -> Thing:
    """The service in the path, by SID or unique name; a 404 where there is none."""
    key = request.names[name]
    service = tables.get("service", key) or tables.find("service", "", key)
    if service is None:
        raise absent(request.path)
    return service


def service_url(service: Thing) -> str:
    """The address of a service."""
    return f"https://{HOST}/v1/Services/{service.sid}"


def service_body(tables: Tables, service: Thing) -> dict[str, Any]:
    """A service as Twilio shows it."""
    url = service_url(service)
    return {
        "sid": service.sid,
        "account_sid": tables.identity.account_sid,
        **service.body,
        "date_created": iso8601(service.created),
        "date_updated": iso8601(service.updated),
        "url": url,
        "links": {name: f"{url}/{name.capitalize()}" for name in ("environments", "functions", "assets", "builds")},
    }


def domain_base(unique_name: str, sid: str) -> str:
    """The start of the service's domain names; its digits change when a service is deleted and made again."""
    return f"{unique_name.lower()}-{int(sid[2:10], 16) % 9000 + 1000}"


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """A new service; a conflict where the unique name is taken."""
    values = read_parameters(CREATABLE, request.form)
    if tables.find("service", "", values["unique_name"]):
        raise conflict(f"Service with unique name {values['unique_name']} already exists")
    if tables.count("service", "") >= MOST_SERVICES:
        raise Refusal(20001, f"Services are limited to less than or equal to {MOST_SERVICES}")
    service = tables.add(
        "ZS",
        "service",
        "",
        values["unique_name"],
        {"friendly_name": "", "unique_name": "", "include_credentials": True, "ui_editable": False} | values,
    )
    service = tables.save(service, {"domain_base": domain_base(values["unique_name"], service.sid)})
    return ApiResponse(201, service_body(tables, service))


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All services."""
    return list_response(
        request, "services", tables.list("service", ""), lambda s: service_body(tables, s), lambda s: str(s.sid)
    )


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One service."""
    return ApiResponse(200, service_body(tables, service_of(tables, request, "Sid")))


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """A service with some fields changed."""
    service = service_of(tables, request, "Sid")
    return ApiResponse(
        200, service_body(tables, tables.save(service, read_parameters(UPDATABLE, request.form, creating=False)))
    )


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the service and everything in it (that it cascades is how Twilio's CLI is used)."""
    tables.remove(service_of(tables, request, "Sid").sid)
    return ApiResponse(204)


OPERATIONS = (
    Operation(HOST, "GET", "/v1/Services", list_),
    Operation(HOST, "POST", "/v1/Services", create),
    Operation(HOST, "GET", "/v1/Services/{Sid}", fetch),
    Operation(HOST, "POST", "/v1/Services/{Sid}", update),
    Operation(HOST, "DELETE", "/v1/Services/{Sid}", delete),
)
