"""Variables of an environment: they act at once, whatever build is live, so they hold only what is secret."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Id, Item, Kind

# On an environment, the fingerprint of the plan that was applied there last. It is no secret.
APPLIED = "DIALTONE_APPLIED"
AS_DECLARED = "as declared"
ANOTHER = "another value"
# Tells in this process alone whether two values are the same.
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


def variable_item(environment: str, variable: Any, declared: str | None) -> Item:
    """The variable without its value: only whether it is the declared one, and a mark that equal values share."""
    return Item(
        Kind.VARIABLE,
        variable_key(environment, variable.key),
        {"value": AS_DECLARED if variable.value == declared else ANOTHER},
        variable.sid,
        {
            "date_updated": str(variable.date_updated),
            "mark": hashlib.blake2b(variable.value.encode(), key=_KEY, digest_size=16).hexdigest(),
        },
    )


def create_variable(work: Work, item: Item) -> Item:
    """The variable, made."""
    environment, name = item.key.split("/", 1)
    value = work.secrets[Id(item.kind, item.key)]
    made = _variables(work, environment).create(key=name, value=value)
    return Item(item.kind, item.key, item.fields, made.sid)


def update_variable(work: Work, item: Item) -> Item:
    """The variable with its declared value."""
    environment, _ = item.key.split("/", 1)
    sid = work.sid(item.kind, item.key)
    _context(work, environment).variables(sid).update(value=work.secrets[Id(item.kind, item.key)])
    return Item(item.kind, item.key, item.fields, sid)


def delete_variable(work: Work, item: Item) -> None:
    """Delete the variable."""
    environment, _ = item.key.split("/", 1)
    _context(work, environment).variables(work.sid(item.kind, item.key)).delete()


def find_variable(work: Work, item: Item) -> Item | None:
    """The variable, looked for again."""
    environment, name = item.key.split("/", 1)
    environment_sid = work.sid(Kind.ENVIRONMENT, environment)
    for variable in fetch_variables(work.account, work.service_sid, environment_sid):
        if variable.key == name:
            return variable_item(environment, variable, work.secrets.get(Id(item.kind, item.key)))
    return None


def _context(work: Work, environment: str) -> Any:
    sid = work.sid(Kind.ENVIRONMENT, environment)
    return work.account.client.serverless.v1.services(work.service_sid).environments(sid)


def _variables(work: Work, environment: str) -> Any:
    return _context(work, environment).variables
