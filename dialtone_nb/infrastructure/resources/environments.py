"""Environments of the service."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Item, Kind


def list_environments(account: Account, service_sid: str) -> list[Item]:
    """The service's environments by unique name; those that the official toolkit made by their suffix.

    The toolkit calls the environment of suffix "stage" "stage-environment"; no other could have that suffix.
    """
    return [_item(one) for one in account.client.serverless.v1.services(service_sid).environments.list()]


def create_environment(work: Work, item: Item) -> Item:
    """The environment, made; it has nothing live yet."""
    environments = work.account.client.serverless.v1.services(work.service_sid).environments
    return _item(environments.create(unique_name=item.key, domain_suffix=item.fields["domain_suffix"]))


def delete_environment(work: Work, item: Item) -> None:
    """Delete the environment, with its variables and logs."""
    sid = work.sid(item.kind, item.key)
    work.account.client.serverless.v1.services(work.service_sid).environments(sid).delete()


def find_environment(work: Work, item: Item) -> Item | None:
    """The environment, looked for again."""
    return next((one for one in list_environments(work.account, work.service_sid) if one.key == item.key), None)


def _item(environment: Any) -> Item:
    suffix = environment.domain_suffix or ""
    return Item(
        Kind.ENVIRONMENT,
        suffix if environment.unique_name == f"{suffix}-environment" else environment.unique_name,
        {"domain_suffix": suffix},
        environment.sid,
        {"domain_name": environment.domain_name, "build_sid": environment.build_sid or ""},
    )
