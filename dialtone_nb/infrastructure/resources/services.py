"""Serverless services."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.infrastructure.resources.model import Action, ApplyContext, Group, Resource, ResourceType

FIELDS = ("friendly_name", "include_credentials", "ui_editable")


def fetch_service(account: Account, name: str) -> Resource | None:
    """The service of this unique name, or None; Twilio takes the unique name in place of the SID."""
    try:
        return _resource(account.client.serverless.v1.services(name).fetch())
    except AbsentError:
        return None


def create_service(context: ApplyContext, resource: Resource) -> Resource:
    """Make the service."""
    return _resource(context.client.serverless.v1.services.create(unique_name=resource.key, **resource.fields))


def update_service(context: ApplyContext, resource: Resource) -> Resource:
    """Change the service's settings."""
    return _resource(context.serverless.update(**resource.fields))


def delete_service(context: ApplyContext, resource: Resource) -> None:
    """Delete the service, with its environments, functions and builds."""
    context.client.serverless.v1.services(context.sid_of(resource)).delete()


def find_service(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the service up."""
    return fetch_service(context.account, resource.key)


def _resource(service: Any) -> Resource:
    fields = {name: getattr(service, name) for name in FIELDS}
    return Resource(SERVICE, service.unique_name, fields, service.sid, {"domain_base": service.domain_base or ""})


SERVICE = ResourceType(
    "service",
    Group.CODE,
    create_service,
    find_service,
    update_service,
    delete_service,
    in_console="functions/services",
    warnings={Action.DELETE: "every function URL is gone for good: a new service gets others"},
    undo={Action.DELETE: "deploy again: the code comes back, its URLs differ"},
)
