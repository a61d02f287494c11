"""Deployments: which build an environment answers with."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT, find_environment
from dialtone_nb.infrastructure.resources.model import (
    Action,
    ApplyContext,
    Group,
    Resource,
    ResourceType,
    readable,
)

ALREADY_DEPLOYED = 20409


def answers_calls(deployment: Resource | None) -> bool:
    """Whether the functions that are live decide calls, and are not the fallback alone."""
    return deployment is not None and bool(deployment.given["answers_calls"])


def list_deployments(account: Account, service_sid: str, environment_sid: str) -> list[tuple[str, str]]:
    """Deployment and build SID of each deployment of an environment, newest first."""
    environment = account.client.serverless.v1.services(service_sid).environments(environment_sid)
    # Dates are whole seconds; within one the order of the list stays, which is newest first.
    deployments = sorted(environment.deployments.list(), key=lambda one: one.date_created, reverse=True)
    return [(one.sid, one.build_sid or "") for one in deployments]


def create_deployment(context: ApplyContext, resource: Resource) -> Resource:
    """Deploy the build: it is live."""
    made = _deployments(context, resource).create(build_sid=context.sid(BUILD, str(resource.fields["code"])))
    return Resource(resource.kind, resource.key, resource.fields, made.sid)


def delete_deployment(context: ApplyContext, resource: Resource) -> None:
    """Take the live build down, by a deployment without a build; a build can't be deleted before."""
    _deployments(context, resource).create()


def find_deployment(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look up whether the environment's live build is the wanted one."""
    environment = find_environment(context, Resource(ENVIRONMENT, resource.key))
    build = context.state.find(BUILD, str(resource.fields.get("code", "")))
    live = environment.given["build_sid"] if environment else ""
    if not live or (build and build.sid != live):
        return None
    return Resource(resource.kind, resource.key, resource.fields, str(live))


def _deployments(context: ApplyContext, resource: Resource) -> Any:
    return context.serverless.environments(context.sid(ENVIRONMENT, resource.key)).deployments


DEPLOYMENT = ResourceType(
    "deployment",
    Group.CODE,
    create_deployment,
    find_deployment,
    create_deployment,
    delete_deployment,
    needs=(BUILD, ENVIRONMENT),
    warnings={Action.DELETE: "the functions stop answering"},
    undo={Action.UPDATE: "promote the build that was live before"},
    why_updated="the code differs from what is live",
    already_so=ALREADY_DEPLOYED,
    remark=lambda deployment: f"code {readable(deployment.fields['code'])}",
)
