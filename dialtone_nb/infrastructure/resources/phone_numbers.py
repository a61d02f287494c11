"""Phone numbers: those that the account owns, with their webhooks and emergency addresses; and those it can buy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError, FailedError
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.model import Action, ApplyContext, Group, Resource, ResourceType, read_fields
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.sip_domains import SIP_DOMAIN
from dialtone_nb.infrastructure.resources.variables import VARIABLE
from dialtone_nb.values.phone_numbers import country_of

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


def list_phone_numbers(account: Account) -> list[Resource]:
    """The account's numbers, in E.164."""
    return [_resource(one) for one in account.client.incoming_phone_numbers.list(page_size=1000)]


def create_phone_number(context: ApplyContext, resource: Resource) -> Resource:
    """Buy the number and register its emergency address: it costs money from now on, every month.

    Twilio ignores an emergency address that comes with a purchase (twilio-node#706), so it is set by a request of its
    own. One that was bought already, by a try that got no further, is not bought again.
    """
    fields = {name: value for name, value in resource.fields.items() if value != ""}
    wanted = fields.pop(EMERGENCY_ADDRESS, "")
    number = _owned(context, resource.key)
    if number is None:
        number = context.client.incoming_phone_numbers.create(phone_number=resource.key, **fields)
    elif differing := {name: value for name, value in fields.items() if _resource(number).fields[name] != value}:
        number = _of(context, number).update(**differing)
    return _with_address(context, number, str(wanted)) if wanted else _resource(number)


def update_phone_number(context: ApplyContext, resource: Resource) -> Resource:
    """Change the number's settings; register or unregister its emergency address, where that is among them."""
    found = context.client.incoming_phone_numbers(context.sid_of(resource))
    fields = dict(resource.fields)
    wanted = fields.pop(EMERGENCY_ADDRESS, None)
    number = found.update(**fields) if fields else found.fetch()
    return _resource(number) if wanted is None else _with_address(context, number, str(wanted))


def delete_phone_number(context: ApplyContext, resource: Resource) -> None:
    """Release the number: it can be recovered for ten days, then anybody may buy it.

    Its emergency address is unregistered first, and waited for: Twilio refuses to release a number that has one.
    """
    number = context.client.incoming_phone_numbers(context.sid_of(resource))
    before = context.state.get(resource.id)
    if before and before.fields.get(EMERGENCY_ADDRESS):
        _with_address(context, number.fetch(), "")
    number.delete()


def find_phone_number(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the number up among those that the account owns; wait for what is under way on it."""
    number = _owned(context, resource.key)
    return _resource(_settled(context, number)) if number else None


def _owned(context: ApplyContext, key: str) -> Any:
    """The number as Twilio has it; None where the account does not own it."""
    owned = context.client.incoming_phone_numbers.list(phone_number=key)
    return next((one for one in owned if one.phone_number == key), None)


def _of(context: ApplyContext, number: Any) -> Any:
    """The number, as twilio-python lets it be changed and looked at."""
    return context.client.incoming_phone_numbers(number.sid)


def _with_address(context: ApplyContext, number: Any, wanted: str) -> Resource:
    """The number once this emergency address is registered for it, or none is; a `FailedError` where that fails."""
    number = _settled(context, number)
    carried, status = number.emergency_address_sid or "", _status(number)
    if carried and wanted and (carried != wanted or status != REGISTERED):
        # An address can't directly replace another, or one whose registration failed: clear it, wait, set the new one.
        number = _asked(context, number, "")
    return _resource(_asked(context, number, wanted))


def _asked(context: ApplyContext, number: Any, wanted: str) -> Any:
    """The number once Twilio confirms the change; no request is made if it does so already."""
    if not _is_as_wanted(number, wanted):
        number = _settled(context, _of(context, number).update(emergency_address_sid=wanted), wanted)
    if not _is_as_wanted(number, wanted):
        status, phone_number = _status(number), number.phone_number
        problem = "failed" if status.endswith("-failure") else f"was not done within {POLLS * POLL_S} s"
        what = "registering" if wanted else "unregistering"
        repair = "look at the address in clients.yaml" if wanted else "look at the number in the Console"
        raise FailedError(
            f"{what} the emergency address of {phone_number} {problem} ({status}); {repair}, then run again"
        )
    return number


def _settled(context: ApplyContext, number: Any, wanted: str | None = None) -> Any:
    """The number once nothing is under way; where something was asked for, once that has happened or failed.

    Right after a request Twilio may still show the number as it was before: that is no answer to it.
    """
    failure = "registration-failure" if wanted else "unregistration-failure"
    for _ in range(POLLS):
        is_awaited = wanted is not None and _status(number) != failure and not _is_as_wanted(number, wanted)
        if not (is_awaited or _status(number).startswith("pending-")):
            break
        context.wait(POLL_S)
        number = _of(context, number).fetch()
    return number


def _is_as_wanted(number: Any, wanted: str) -> bool:
    if not wanted:
        return not number.emergency_address_sid or _status(number) == UNREGISTERED
    return number.emergency_address_sid == wanted and _status(number) == REGISTERED


def _status(number: Any) -> str:
    return str(number.emergency_address_status or UNREGISTERED)


def _resource(number: Any) -> Resource:
    fields = read_fields(number, FIELDS)
    # A number for voice may lack this field, as numbers of a real account do.
    fields["voice_receive_mode"] = fields["voice_receive_mode"] or "voice"
    status = _status(number)
    if fields[EMERGENCY_ADDRESS] and status != REGISTERED:
        # An address that is set but not registered counts as none: it equals no wanted address, so a plan changes it.
        fields[EMERGENCY_ADDRESS] = f"{fields[EMERGENCY_ADDRESS]} ({status})"
    return Resource(
        PHONE_NUMBER,
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


def _remark(number: Resource) -> str:
    carried = number.fields.get(EMERGENCY_ADDRESS)
    return f"emergency address {number.given['emergency_address_status']}" if carried else ""


# A number waits for code, tables and domains, so that no call arrives before it can be answered.
PHONE_NUMBER = ResourceType(
    "phone number",
    Group.PHONES,
    create_phone_number,
    find_phone_number,
    update_phone_number,
    delete_phone_number,
    in_console="phone-numbers/manage/incoming",
    read_all=list_phone_numbers,
    needs=(ADDRESS, DEPLOYMENT, VARIABLE, SERVED_TABLE, SIP_DOMAIN),
    warnings={Action.DELETE: "callers no longer reach it; after ten days anybody may get the number"},
    undo={
        Action.CREATE: "release it with the delete runbook; the month is paid",
        Action.DELETE: "in the Console, within ten days",
    },
    grave={Action.CREATE: "buys a number", Action.DELETE: "releases a number"},
    grave_when_emptied={"voice_url": "leaves a number without an answer"},
    remark=_remark,
    # It is bought by one request and gets its emergency address by another.
    is_made_in_parts=True,
)


@dataclass(frozen=True, slots=True)
class Price:
    """The monthly price of a local number in one country."""

    amount: str
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} a month"


def fetch_number_price(account: Account, country: str) -> Price | None:
    """The monthly price of a local number, as the account pays it; None where Twilio sells none there."""
    try:
        prices = account.client.pricing.v1.phone_numbers.countries(country).fetch()
    except AbsentError:
        return None
    for price in prices.phone_number_prices or []:
        if price.get("number_type") == "local":
            return Price(str(price.get("current_price") or price.get("base_price")), str(prices.price_unit).upper())
    return None


def find_numbers(account: Account, wanted: str, country: str = "US", limit: int = 10) -> list[str]:
    """Numbers that can be bought: by area code ("503") or by pattern ("503555****"), in E.164."""
    local = account.client.available_phone_numbers(country).local
    # "Applies to only phone numbers in the US and Canada" (Twilio's reference); elsewhere it would find none.
    if country in ("US", "CA") and wanted.isdigit() and len(wanted) == 3:
        found = local.list(area_code=int(wanted), voice_enabled=True, limit=limit)
    else:
        found = local.list(contains=wanted, voice_enabled=True, limit=limit)
    return [one.phone_number for one in found]


def is_available(account: Account, number: str) -> bool:
    """Whether this very number can be bought.

    The rehearsal lists only fictional numbers but sells any, so that a network can be rehearsed with its own.
    """
    if account.is_rehearsal:
        return True
    local = account.client.available_phone_numbers(country_of(number) or "US").local
    return any(one.phone_number == number for one in local.list(contains=number.lstrip("+"), limit=5))
