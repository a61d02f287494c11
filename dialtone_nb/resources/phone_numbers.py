"""Phone numbers that the account owns: where their calls go, and which emergency address they carry."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account import Account
from dialtone_nb.errors import FailedError
from dialtone_nb.resources.model import Item, Kind
from dialtone_nb.resources.work import Work

FIELDS = (
    "voice_url",
    "voice_method",
    "voice_fallback_url",
    "voice_application_sid",
    "trunk_sid",
    "voice_receive_mode",
    "voice_caller_id_lookup",
    "status_callback",
    "emergency_address_sid",
)
POLL_S = 5
POLLS = 120


def list_phone_numbers(account: Account) -> list[Item]:
    """The account's numbers, in E.164."""
    return [_item(one) for one in account.client.incoming_phone_numbers.list(page_size=1000)]


def create_phone_number(work: Work, item: Item) -> Item:
    """The number, bought: it costs money from now on, every month. Never repeated blindly."""
    fields = {name: value for name, value in item.fields.items() if value != ""}
    return _settled(work, work.account.client.incoming_phone_numbers.create(phone_number=item.key, **fields))


def update_phone_number(work: Work, item: Item) -> Item:
    """The number, changed; with its emergency address registered, or unregistered, when that was part of it."""
    number = work.account.client.incoming_phone_numbers(work.sid(item.kind, item.key))
    fields = dict(item.fields)
    before = work.state.find(item.kind, item.key)
    carried = before.fields.get("emergency_address_sid", "") if before else ""
    if carried and fields.get("emergency_address_sid") not in (None, "", carried):
        # One address can't follow another directly, nor one whose registration failed: clear it, wait, set the new one.
        _settled(work, number.update(emergency_address_sid=""))
    return _settled(work, number.update(**fields))


def delete_phone_number(work: Work, item: Item) -> None:
    """Nothing; the number is given back: for ten days it can be had again, then anybody may get it.

    Its emergency address is unregistered first, and waited for: Twilio refuses to release a number that has one.
    """
    number = work.account.client.incoming_phone_numbers(work.sid(item.kind, item.key))
    before = work.state.find(item.kind, item.key)
    if before and before.fields.get("emergency_address_sid"):
        _settled(work, number.update(emergency_address_sid=""))
    number.delete()


def find_phone_number(work: Work, item: Item) -> Item | None:
    """The number, looked for again among those that the account owns."""
    owned = work.account.client.incoming_phone_numbers.list(phone_number=item.key)
    # Where an answer was lost, its emergency address is still to be waited for.
    return next((_settled(work, one) for one in owned if one.phone_number == item.key), None)


def _settled(work: Work, number: Any) -> Item:
    """The number once its emergency address is registered or unregistered; a `FailedError` where that failed."""
    for _ in range(POLLS):
        status = str(number.emergency_address_status or "unregistered")
        if not status.startswith("pending-"):
            break
        work.wait(POLL_S)
        number = work.account.client.incoming_phone_numbers(number.sid).fetch()
    if status.endswith("-failure") or status.startswith("pending-"):
        problem = "failed" if status.endswith("-failure") else f"did not end within {POLLS * POLL_S} s"
        raise FailedError(
            f"the emergency address of {number.phone_number} is {status}: it {problem}; "
            "look at the address in clients.yaml, then run again"
        )
    return _item(number)


def _item(number: Any) -> Item:
    fields = {name: "" if (value := getattr(number, name)) is None else value for name in FIELDS}
    status = str(number.emergency_address_status or "unregistered")
    if fields["emergency_address_sid"] and status not in {"registered", "pending-registration"}:
        # An address that is set and not registered is none: this equals no address that is wanted, so a plan finds it.
        fields["emergency_address_sid"] += f" ({status})"
    return Item(
        Kind.PHONE_NUMBER,
        number.phone_number,
        fields,
        number.sid,
        {
            "emergency_address_status": status,
            "emergency_address_sid": number.emergency_address_sid or "",
            "friendly_name": number.friendly_name or "",
            "date_updated": str(number.date_updated),
        },
    )
