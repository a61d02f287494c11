"""Serverless deployments: putting a build live in an environment, or taking down what is."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.environments import environment_of, environment_url
from dialtone_nb.rehearsal.api.services import HOST
from dialtone_nb.rehearsal.http.errors import Refusal, absent, conflict
from dialtone_nb.rehearsal.http.operations import Ask, Operation, Reply
from dialtone_nb.rehearsal.http.paging import list_reply
from dialtone_nb.rehearsal.http.parameters import Field, flag, read_fields, sid
from dialtone_nb.rehearsal.state.clock import iso8601
from dialtone_nb.rehearsal.state.store import Tables, Thing

CREATABLE = (Field("BuildSid", sid("ZB")), Field("IsPlugin", flag))


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


def create(tables: Tables, ask: Ask) -> Reply:
    """The build is live; without a BuildSid nothing is live any more."""
    environment = environment_of(tables, ask)
    build_sid = read_fields(CREATABLE, ask.form).get("build_sid") or None
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
    return Reply(201, deployment_body(tables, deployment, environment))


def list_(tables: Tables, ask: Ask) -> Reply:
    """All deployments to an environment, newest first."""
    environment = environment_of(tables, ask)
    things = tables.list("deployment", environment.sid)
    return list_reply(
        ask, "deployments", things, lambda d: deployment_body(tables, d, environment), lambda d: str(d.sid)
    )


def fetch(tables: Tables, ask: Ask) -> Reply:
    """One deployment."""
    environment = environment_of(tables, ask)
    deployment = tables.get("deployment", ask.names["Sid"], environment.sid)
    if deployment is None:
        raise absent(ask.path)
    return Reply(200, deployment_body(tables, deployment, environment))


PATH = "/v1/Services/{ServiceSid}/Environments/{EnvironmentSid}/Deployments"
OPERATIONS = (
    Operation(HOST, "GET", PATH, list_),
    Operation(HOST, "POST", PATH, create),
    Operation(HOST, "GET", PATH + "/{Sid}", fetch),
)
