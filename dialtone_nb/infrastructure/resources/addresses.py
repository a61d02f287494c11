"""Addresses: where the ambulance goes."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import DialtoneError
from dialtone_nb.infrastructure.resources.model import (
    Action,
    ApplyContext,
    Group,
    Resource,
    ResourceType,
    of_key,
    read_fields,
)

FIELDS = (
    "customer_name",
    "street",
    "street_secondary",
    "city",
    "region",
    "postal_code",
    "iso_country",
    "emergency_enabled",
)


def list_addresses(account: Account) -> list[Resource]:
    """The account's addresses by friendly name."""
    return [_resource(one) for one in account.client.addresses.list(page_size=1000)]


def create_address(context: ApplyContext, resource: Resource) -> Resource:
    """Make the address; Twilio validates it (21628 if it is invalid, 21629 with the address that it suggests)."""
    return _resource(
        # Twilio must not send the ambulance elsewhere: it may refuse an address and suggest one, but not correct it.
        context.client.addresses.create(friendly_name=resource.key, auto_correct_address=False, **resource.fields)
    )


def update_address(context: ApplyContext, resource: Resource) -> Resource:
    """Change the address; a `DialtoneError` where its country is to be another, which Twilio has no way to do."""
    if "iso_country" in resource.fields:
        raise DialtoneError(
            f"Twilio can't change the country of {resource.id}: delete this client with the delete runbook, "
            "keeping its number, then set it up again"
        )
    address = context.client.addresses(context.sid_of(resource))
    return _resource(address.update(auto_correct_address=False, **resource.fields))


def delete_address(context: ApplyContext, resource: Resource) -> None:
    """Delete the address. No number may have it as its emergency address."""
    context.client.addresses(context.sid_of(resource)).delete()


def find_address(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the address up."""
    return of_key(list_addresses(context.account), resource.key)


def _resource(address: Any) -> Resource:
    return Resource(
        ADDRESS,
        address.friendly_name or "",  # it need not have one
        read_fields(address, FIELDS),
        address.sid,
        {"validated": bool(address.validated), "date_updated": str(address.date_updated)},
    )


ADDRESS = ResourceType(
    "address",
    Group.PHONES,
    create_address,
    find_address,
    update_address,
    delete_address,
    plural="addresses",
    read_all=list_addresses,
    undo={Action.DELETE: "set the client up again: the address is registered anew"},
)
