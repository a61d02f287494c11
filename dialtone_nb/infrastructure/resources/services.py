"""Serverless services."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Item, Kind

FIELDS = ("friendly_name", "include_credentials", "ui_editable")


def fetch_service(account: Account, name: str) -> Item | None:
    """The service of this unique name, or None; Twilio takes the unique name in place of the SID."""
    try:
        return _item(account.client.serverless.v1.services(name).fetch())
    except AbsentError:
        return None


def create_service(work: Work, item: Item) -> Item:
    """The service, made."""
    return _item(work.account.client.serverless.v1.services.create(unique_name=item.key, **item.fields))


def update_service(work: Work, item: Item) -> Item:
    """The service, changed."""
    return _item(work.account.client.serverless.v1.services(work.service_sid).update(**item.fields))


def delete_service(work: Work, item: Item) -> None:
    """Delete the service, with its environments, functions and builds."""
    work.account.client.serverless.v1.services(work.sid(item.kind, item.key)).delete()


def find_service(work: Work, item: Item) -> Item | None:
    """The service, looked for again."""
    return fetch_service(work.account, item.key)


def _item(service: Any) -> Item:
    return Item(
        Kind.SERVICE,
        service.unique_name,
        {name: getattr(service, name) for name in FIELDS},
        service.sid,
        {"domain_base": service.domain_base or ""},
    )
