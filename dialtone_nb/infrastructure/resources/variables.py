"""Variables of an environment: they act at once, whatever build is live, so they hold only what is secret."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.model import Action, ApplyContext, Group, Resource, ResourceType

# On an environment, the fingerprint of the plan that was applied there last. It is no secret.
APPLIED = "DIALTONE_APPLIED"
AS_DECLARED = "as declared"
ANOTHER = "another value"
# Shows whether two values are the same, in this process only.
_KEY = secrets.token_bytes(32)


def variable_key(environment: str, name: str) -> str:
    """How a variable is known: by its environment and its name."""
    return f"{environment}/{name}"


def fetch_variables(account: Account, service_sid: str, environment_sid: str) -> list[Any]:
    """The environment's variables as Twilio shows them, values in clear."""
    try:
        return list(account.client.serverless.v1.services(service_sid).environments(environment_sid).variables.list())
    except AbsentError:  # an environment that was deleted stays listed for some seconds
        return []


def variable_resource(environment: str, variable: Any, declared: str | None) -> Resource:
    """The variable without its value: only whether it is the declared one, and a mark that equal values share."""
    return Resource(
        VARIABLE,
        variable_key(environment, variable.key),
        {"value": AS_DECLARED if variable.value == declared else ANOTHER},
        variable.sid,
        {
            "date_updated": str(variable.date_updated),
            "mark": hashlib.blake2b(variable.value.encode(), key=_KEY, digest_size=16).hexdigest(),
        },
    )


def create_variable(context: ApplyContext, resource: Resource) -> Resource:
    """Make the variable."""
    environment, name = resource.key.split("/", 1)
    made = _variables(context, environment).create(key=name, value=context.secrets[resource.id])
    return Resource(resource.kind, resource.key, resource.fields, made.sid)


def update_variable(context: ApplyContext, resource: Resource) -> Resource:
    """Give the variable its declared value."""
    environment, _ = resource.key.split("/", 1)
    sid = context.sid_of(resource)
    _variables(context, environment)(sid).update(value=context.secrets[resource.id])
    return Resource(resource.kind, resource.key, resource.fields, sid)


def delete_variable(context: ApplyContext, resource: Resource) -> None:
    """Delete the variable."""
    environment, _ = resource.key.split("/", 1)
    _variables(context, environment)(context.sid_of(resource)).delete()


def find_variable(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the variable up."""
    environment, name = resource.key.split("/", 1)
    environment_sid = context.sid(ENVIRONMENT, environment)
    for variable in fetch_variables(context.account, context.service_sid, environment_sid):
        if variable.key == name:
            return variable_resource(environment, variable, context.secrets.get(resource.id))
    return None


def _variables(context: ApplyContext, environment: str) -> Any:
    return context.serverless.environments(context.sid(ENVIRONMENT, environment)).variables


# The code comes first, so that old code never runs with new variables.
VARIABLE = ResourceType(
    "variable",
    Group.CODE,
    create_variable,
    find_variable,
    update_variable,
    delete_variable,
    needs=(DEPLOYMENT, ENVIRONMENT),
    warnings=dict.fromkeys(Action, "acts at once, whatever build is live"),
)
