"""Serverless deployments: putting a build live in an environment, or taking the live one down."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.collection import Collection
from dialtone_nb.rehearsal.api.serverless.environments import ENVIRONMENTS
from dialtone_nb.rehearsal.api.serverless.services import SERVERLESS
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, read_parameters, sid
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

CREATABLE = (Parameter("BuildSid", sid("ZB")), Parameter("IsPlugin", flag))


def _fields(tables: Tables, deployment: Thing) -> Body:
    return {"build_sid": deployment.body["build_sid"], "date_updated": None}


DEPLOYMENTS = Collection(SERVERLESS, "Deployments", kind="deployment", prefix="ZD", above=ENVIRONMENTS, fields=_fields)


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Put a build live; without a BuildSid, take the live one down."""
    environment = ENVIRONMENTS.at(tables, request, "EnvironmentSid")
    build_sid = read_parameters(CREATABLE, request.form).get("build_sid") or None
    if build_sid:
        build = tables.get("build", build_sid, environment.parent)
        if build is None:
            raise Refusal(20001, f"Build {build_sid} is not found in this service")
        if build.body["status"] != "completed":
            raise Refusal(20001, f"Build {build_sid} is {build.body['status']}; only a completed build can be deployed")
    # Taking down where nothing is live is the same conflict as deploying what is live (twilio/twilio-cli#215).
    if environment.body["build_sid"] == build_sid:
        status = 409 if build_sid else tables.behaviour.nothing_deployed_again_status
        if status >= 400:
            raise Refusal(20409, "Environment already has requested deployment", status)
    # Deployments have no natural key: they are numbered in the order of creation, so their list is a history.
    deployment = DEPLOYMENTS.add(tables, environment.sid, "", {"build_sid": build_sid})
    tables.save(environment, {"build_sid": build_sid})
    return DEPLOYMENTS.show(tables, deployment, 201)


OPERATIONS = DEPLOYMENTS.operations(create=create)
