"""Serverless services, addressed by SID or by unique name."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.collection import Api, Collection
from dialtone_nb.rehearsal.http.errors import Refusal, conflict
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, matching, read_parameters
from dialtone_nb.rehearsal.state.store import Tables

SERVERLESS = Api("serverless.twilio.com")
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
SERVICES = Collection(
    SERVERLESS,
    "Services",
    kind="service",
    prefix="ZS",
    by_name=True,
    links={name.lower(): name for name in ("Environments", "Functions", "Assets", "Builds")},
)


def domain_base(unique_name: str, sid: str) -> str:
    """The start of a service's domain names; its digits change when a service is deleted and created again."""
    return f"{unique_name.lower()}-{int(sid[2:10], 16) % 9000 + 1000}"


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a service; a conflict if its unique name is taken."""
    values = read_parameters(CREATABLE, request.form)
    name = values["unique_name"]
    if tables.find("service", "", name):
        raise conflict(f"Service with unique name {name} already exists")
    if tables.count("service", "") >= MOST_SERVICES:
        raise Refusal(20001, f"Services are limited to less than or equal to {MOST_SERVICES}")
    service = SERVICES.add(tables, "", name, {"include_credentials": True, "ui_editable": False} | values)
    return SERVICES.show(tables, tables.save(service, {"domain_base": domain_base(name, service.sid)}), 201)


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change some fields of a service."""
    values = read_parameters(UPDATABLE, request.form, creating=False)
    return SERVICES.show(tables, tables.save(SERVICES.at(tables, request), values))


# Deleting a service deletes everything in it: Twilio's CLI relies on that.
OPERATIONS = SERVICES.operations(create=create, update=update, delete=SERVICES.delete)
