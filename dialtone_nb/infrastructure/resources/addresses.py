"""Addresses: where the ambulance goes."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import DialtoneError
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Item, Kind

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


def list_addresses(account: Account) -> list[Item]:
    """The account's addresses by friendly name."""
    return [_item(one) for one in account.client.addresses.list(page_size=1000)]


def create_address(work: Work, item: Item) -> Item:
    """The address, made and found valid (21628 where it is not; 21629 with the address that Twilio suggests)."""
    return _item(
        # Twilio must not move the ambulance: it may refuse the address and suggest another, not put it right by itself.
        work.account.client.addresses.create(friendly_name=item.key, auto_correct_address=False, **item.fields)
    )


def update_address(work: Work, item: Item) -> Item:
    """The address, changed; a `DialtoneError` where its country is to be another, which Twilio has no way to do."""
    if "iso_country" in item.fields:
        raise DialtoneError(
            f"Twilio can't change the country of {item.id}: delete this client with the delete runbook, "
            "keeping its number, then set it up again"
        )
    address = work.account.client.addresses(work.sid(item.kind, item.key))
    return _item(address.update(auto_correct_address=False, **item.fields))


def delete_address(work: Work, item: Item) -> None:
    """Delete the address. No number may have it as its emergency address."""
    work.account.client.addresses(work.sid(item.kind, item.key)).delete()


def find_address(work: Work, item: Item) -> Item | None:
    """The address, looked for again."""
    return next((one for one in list_addresses(work.account) if one.key == item.key), None)


def _item(address: Any) -> Item:
    fields = {name: getattr(address, name) for name in FIELDS}
    return Item(
        Kind.ADDRESS,
        address.friendly_name or "",  # it need not have one
        {name: "" if value is None else value for name, value in fields.items()},
        address.sid,
        {"validated": bool(address.validated), "date_updated": str(address.date_updated)},
    )
