"""Phone numbers that the account owns: where their calls go, and which emergency address they carry."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import FailedError
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Item, Kind

EMERGENCY_ADDRESS = "emergency_address_sid"
REGISTERED, UNREGISTERED = "registered", "unregistered"
FIELDS = (
    "voice_url",
    "voice_method",
    "voice_fallback_url",
    "voice_application_sid",
    "trunk_sid",
    "voice_receive_mode",
    "voice_caller_id_lookup",
    "status_callback",
    EMERGENCY_ADDRESS,
)
POLL_S = 5
POLLS = 120


def list_phone_numbers(account: Account) -> list[Item]:
    """The account's numbers, in E.164."""
    return [_item(one) for one in account.client.incoming_phone_numbers.list(page_size=1000)]


def create_phone_number(work: Work, item: Item) -> Item:
    """The number, bought, with its emergency address registered: it costs money from now on, every month.

    Twilio ignores an emergency address that comes with a purchase (twilio-node#706), so it is set by a request of its
    own. One that was bought already, by a try that got no further, is not bought again.
    """
    fields = {name: value for name, value in item.fields.items() if value != ""}
    wanted = fields.pop(EMERGENCY_ADDRESS, "")
    number = _owned(work, item.key)
    if number is None:
        number = work.account.client.incoming_phone_numbers.create(phone_number=item.key, **fields)
    elif differing := {name: value for name, value in fields.items() if _item(number).fields[name] != value}:
        number = _of(work, number).update(**differing)
    return _with_address(work, number, str(wanted)) if wanted else _item(number)


def update_phone_number(work: Work, item: Item) -> Item:
    """The number, changed; with its emergency address registered, or unregistered, when that was part of it."""
    found = work.account.client.incoming_phone_numbers(work.sid(item.kind, item.key))
    fields = dict(item.fields)
    wanted = fields.pop(EMERGENCY_ADDRESS, None)
    number = found.update(**fields) if fields else found.fetch()
    return _item(number) if wanted is None else _with_address(work, number, str(wanted))


def delete_phone_number(work: Work, item: Item) -> None:
    """Give the number back: for ten days it can be had again, then anybody may get it.

    Its emergency address is unregistered first, and waited for: Twilio refuses to release a number that has one.
    """
    number = work.account.client.incoming_phone_numbers(work.sid(item.kind, item.key))
    before = work.state.find(item.kind, item.key)
    if before and before.fields.get(EMERGENCY_ADDRESS):
        _with_address(work, number.fetch(), "")
    number.delete()


def find_phone_number(work: Work, item: Item) -> Item | None:
    """The number, looked for again among those that the account owns; what is under way there is waited for."""
    number = _owned(work, item.key)
    return _item(_settled(work, number)) if number else None


def _owned(work: Work, key: str) -> Any:
    """The number as Twilio has it; None where the account does not own it."""
    owned = work.account.client.incoming_phone_numbers.list(phone_number=key)
    return next((one for one in owned if one.phone_number == key), None)


def _of(work: Work, number: Any) -> Any:
    """The number, as twilio-python lets it be changed and looked at."""
    return work.account.client.incoming_phone_numbers(number.sid)


def _with_address(work: Work, number: Any, wanted: str) -> Item:
    """The number once this emergency address is registered for it, or none is; a `FailedError` where that fails."""
    number = _settled(work, number)
    carried, status = number.emergency_address_sid or "", _status(number)
    if carried and wanted and (carried != wanted or status != REGISTERED):
        # One address can't follow another directly, nor one whose registration failed: clear it, wait, set the new one.
        number = _asked(work, number, "")
    return _item(_asked(work, number, wanted))


def _asked(work: Work, number: Any, wanted: str) -> Any:
    """The number once Twilio says that what is asked for has happened; nothing is asked where it says so already."""
    if not _is_as_wanted(number, wanted):
        number = _settled(work, _of(work, number).update(emergency_address_sid=wanted), wanted)
    if not _is_as_wanted(number, wanted):
        status, phone_number = _status(number), number.phone_number
        problem = "failed" if status.endswith("-failure") else f"was not done within {POLLS * POLL_S} s"
        what = "registering" if wanted else "unregistering"
        repair = "look at the address in clients.yaml" if wanted else "look at the number in the Console"
        raise FailedError(
            f"{what} the emergency address of {phone_number} {problem} ({status}); {repair}, then run again"
        )
    return number


def _settled(work: Work, number: Any, wanted: str | None = None) -> Any:
    """The number once nothing is under way; where something was asked for, once that has happened or failed.

    Right after a request Twilio may still show the number as it was before: that is no answer to it.
    """
    failure = "registration-failure" if wanted else "unregistration-failure"
    for _ in range(POLLS):
        is_awaited = wanted is not None and _status(number) != failure and not _is_as_wanted(number, wanted)
        if not (is_awaited or _status(number).startswith("pending-")):
            break
        work.wait(POLL_S)
        number = _of(work, number).fetch()
    return number


def _is_as_wanted(number: Any, wanted: str) -> bool:
    if not wanted:
        return not number.emergency_address_sid or _status(number) == UNREGISTERED
    return number.emergency_address_sid == wanted and _status(number) == REGISTERED


def _status(number: Any) -> str:
    return str(number.emergency_address_status or UNREGISTERED)


def _item(number: Any) -> Item:
    fields = {name: "" if (value := getattr(number, name)) is None else value for name in FIELDS}
    # A number that takes voice may lack this, as numbers of a real account do.
    fields["voice_receive_mode"] = fields["voice_receive_mode"] or "voice"
    status = _status(number)
    if fields[EMERGENCY_ADDRESS] and status != REGISTERED:
        # An address that is set and not registered is none: this equals no address that is wanted, so a plan finds it.
        fields[EMERGENCY_ADDRESS] += f" ({status})"
    return Item(
        Kind.PHONE_NUMBER,
        number.phone_number,
        fields,
        number.sid,
        {
            "emergency_address_status": status,
            EMERGENCY_ADDRESS: number.emergency_address_sid or "",
            "friendly_name": number.friendly_name or "",
            "date_updated": str(number.date_updated),
        },
    )
