"""Environments of the service."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.model import Action, ApplyContext, Group, Resource, ResourceType, of_key
from dialtone_nb.infrastructure.resources.services import SERVICE


def list_environments(account: Account, service_sid: str) -> list[Resource]:
    """The service's environments by unique name; those that the official toolkit made by their suffix.

    The toolkit calls the environment of suffix "stage" "stage-environment"; no other could have that suffix.
    """
    return [_resource(one) for one in account.client.serverless.v1.services(service_sid).environments.list()]


def create_environment(context: ApplyContext, resource: Resource) -> Resource:
    """Make the environment; it has nothing live yet."""
    suffix = resource.fields["domain_suffix"]
    return _resource(context.serverless.environments.create(unique_name=resource.key, domain_suffix=suffix))


def delete_environment(context: ApplyContext, resource: Resource) -> None:
    """Delete the environment, with its variables and logs."""
    context.serverless.environments(context.sid_of(resource)).delete()


def find_environment(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the environment up."""
    return of_key(list_environments(context.account, context.service_sid), resource.key)


def _resource(environment: Any) -> Resource:
    suffix = environment.domain_suffix or ""
    return Resource(
        ENVIRONMENT,
        suffix if environment.unique_name == f"{suffix}-environment" else environment.unique_name,
        {"domain_suffix": suffix},
        environment.sid,
        {"domain_name": environment.domain_name, "build_sid": environment.build_sid or ""},
    )


ENVIRONMENT = ResourceType(
    "environment",
    Group.CODE,
    create_environment,
    find_environment,
    delete=delete_environment,
    needs=(SERVICE,),
    warnings={Action.DELETE: "its function URLs are gone for good"},
    undo={Action.DELETE: "deploy again"},
    remark=lambda environment: str(environment.given["domain_name"]),
)
