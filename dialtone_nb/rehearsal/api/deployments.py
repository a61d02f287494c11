"""Serverless deployments: putting a build live in an environment, or taking down what is."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.environments import environment_of, environment_url
from dialtone_nb.rehearsal.api.services import HOST
from dialtone_nb.rehearsal.http.errors import Refusal, absent, conflict
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, read_parameters, sid
from dialtone_nb.rehearsal.state.clock import iso8601
from dialtone_nb.rehearsal.state.store import Tables, Thing

CREATABLE = (Parameter("BuildSid", sid("ZB")), Parameter("IsPlugin", flag))


def deployment_body(tables: Tables, deployment: Thing, environment: Thing) -> dict[str, Any]:
    """A deployment as Twilio shows it."""
    return {
        "sid": deployment.sid,
        "account_sid": tables.identity.account_sid,
        "service_sid": environment.parent,
        "environment_sid": environment.sid,
        "build_sid": deployment.body["build_sid"],
        "date_created": iso8601(deployment.created),
        "date_updated": None,
        "url": f"{environment_url(environment)}/Deployments/{deployment.sid}",
    }


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The build is live; without a BuildSid nothing is live any more."""
    environment = environment_of(tables, request)
    build_sid = read_parameters(CREATABLE, request.form).get("build_sid") or None
    if build_sid:
        build = tables.get("build", build_sid, environment.parent)
        if build is None:
            raise Refusal(20001, f"Build {build_sid} is not found in this service")
        if build.body["status"] != "completed":
            raise Refusal(20001, f"Build {build_sid} is {build.body['status']}; only a completed build can be deployed")
    # Where nothing is live, taking it down is the same conflict (twilio/twilio-cli#215).
    if environment.body["build_sid"] == build_sid:
        raise conflict("Environment already has requested deployment")
    # An environment's deployments are numbered as they come, so that their list tells what was live before.
    deployment = tables.add("ZD", "deployment", environment.sid, "", {"build_sid": build_sid})
    tables.save(environment, {"build_sid": build_sid})
    return ApiResponse(201, deployment_body(tables, deployment, environment))


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All deployments to an environment, newest first."""
    environment = environment_of(tables, request)
    things = tables.list("deployment", environment.sid)
    return list_response(
        request, "deployments", things, lambda d: deployment_body(tables, d, environment), lambda d: str(d.sid)
    )


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One deployment."""
    environment = environment_of(tables, request)
    deployment = tables.get("deployment", request.names["Sid"], environment.sid)
    if deployment is None:
        raise absent(request.path)
    return ApiResponse(200, deployment_body(tables, deployment, environment))


PATH = "/v1/Services/{ServiceSid}/Environments/{EnvironmentSid}/Deployments"
OPERATIONS = (
    Operation(HOST, "GET", PATH, list_),
    Operation(HOST, "POST", PATH, create),
    Operation(HOST, "GET", PATH + "/{Sid}", fetch),
)
