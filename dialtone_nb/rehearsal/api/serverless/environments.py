"""Serverless environments: a name, a domain, and which build is live there."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.collection import Collection
from dialtone_nb.rehearsal.api.serverless.services import SERVERLESS, SERVICES
from dialtone_nb.rehearsal.http.errors import conflict
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, matching, read_parameters
from dialtone_nb.rehearsal.state.store import Tables, Thing

TAKEN = "Environment with this UniqueName or DomainSuffix already exists."
CREATABLE = (
    Parameter(
        "UniqueName", matching(r"[A-Za-z0-9_-]+", "may hold letters, digits and dashes"), required=True, longest=100
    ),
    Parameter("DomainSuffix", matching(r"[A-Za-z0-9-]*", "may hold letters, digits and dashes"), longest=16),
)
ENVIRONMENTS = Collection(
    SERVERLESS,
    "Environments",
    kind="environment",
    prefix="ZE",
    above=SERVICES,
    by_name=True,
    links={name.lower(): name for name in ("Variables", "Deployments", "Logs")},
)


def environment_at(tables: Tables, domain_name: str) -> Thing | None:
    """The environment that answers at a domain name, such as dialtone-1234-stage.twil.io."""
    every = tables.list("environment")
    return next((one for one in every if one.body["domain_name"] == domain_name.lower()), None)


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create an environment without a build; a conflict if its name or suffix is taken."""
    service = SERVICES.at(tables, request, "ServiceSid")
    values = read_parameters(CREATABLE, request.form)
    name, suffix = values["unique_name"], values.get("domain_suffix", "").lower()
    for other in tables.list("environment", service.sid):
        if other.name == name or (other.body["domain_suffix"] or "") == suffix:
            raise conflict(TAKEN)
    body = {
        "build_sid": None,
        "unique_name": name,
        "domain_suffix": suffix or None,
        "domain_name": f"{service.body['domain_base']}{'-' if suffix else ''}{suffix}.twil.io",
    }
    return ENVIRONMENTS.show(tables, ENVIRONMENTS.add(tables, service.sid, name, body), 201)


OPERATIONS = ENVIRONMENTS.operations(create=create, delete=ENVIRONMENTS.delete)
