"""The account's second line of defence if the dial plan fails: countries that may be called, and spend alarms.

Twilio enforces the first by itself, and calls the URL of the second within minutes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dialtone_nb.account.account import Account
from dialtone_nb.errors import FailedError, TwilioError
from dialtone_nb.infrastructure.resources.model import (
    Action,
    ApplyContext,
    Fields,
    Group,
    Resource,
    ResourceType,
    Value,
    of_key,
)

# --- dialling permissions ---

EVERYWHERE: Final = "of all countries"
OFF, ON, RISKY = "off", "on", "on, with high-risk numbers"
# Not verified: Twilio's pages show the United States and Canada as one entry, "US". A country that has no entry of its
# own is taken to stand under this one.
COUNTED_WITH: Final = {"CA": "US"}
SWITCHES: Final = (
    "low_risk_numbers_enabled",
    "high_risk_special_numbers_enabled",
    "high_risk_tollfraud_numbers_enabled",
)


@dataclass(frozen=True, slots=True)
class CountryPermission:
    """One country's switches."""

    code: str
    low_risk: bool
    high_risk: bool

    @property
    def words(self) -> str:
        """The switches as a field of a resource."""
        return RISKY if self.high_risk else ON if self.low_risk else OFF


def fetch_countries(account: Account) -> list[CountryPermission]:
    """The switches of every country that Twilio knows."""
    countries = account.client.voice.v1.dialing_permissions.countries.list(page_size=1000)
    return [
        CountryPermission(
            one.iso_code,
            bool(one.low_risk_numbers_enabled),
            bool(one.high_risk_special_numbers_enabled or one.high_risk_tollfraud_numbers_enabled),
        )
        for one in countries
    ]


def countries_wanted(known: Collection[str], allowed: Iterable[str]) -> set[str]:
    """The entries of Twilio's that are on where these countries are allowed."""
    return {code if code in known else COUNTED_WITH.get(code, code) for code in allowed}


def list_dialling_permissions(account: Account) -> list[Resource]:
    """The dialling permissions of all countries, as one resource: they are changed in one request."""
    fields: dict[str, Value] = {one.code: one.words for one in fetch_countries(account)}
    return [Resource(DIALLING_PERMISSIONS, EVERYWHERE, fields)]


def desired_permissions(existing: Resource, allowed: Iterable[str]) -> Resource:
    """On where the dial plan allows calls, off in all other countries, with high-risk numbers off everywhere."""
    wanted = countries_wanted(existing.fields, allowed)
    return Resource(existing.kind, existing.key, {code: ON if code in wanted else OFF for code in existing.fields})


def update_dialling_permissions(context: ApplyContext, resource: Resource) -> Resource:
    """Set the switches of countries and read them back; a `FailedError` if Twilio accepted them without effect.

    Twilio's description spells the keys in one way and its example in another, so both are tried.
    """
    last: TwilioError | None = None
    for spell in (str, _pascal_case):
        countries = [
            {spell("iso_code"): code} | {spell(key): value for key, value in _switches(str(words)).items()}
            for code, words in resource.fields.items()
        ]
        try:
            context.client.voice.v1.dialing_permissions.bulk_country_updates.create(json.dumps(countries))
        except TwilioError as error:
            last = error
            continue
        (found,) = list_dialling_permissions(context.account)
        if all(found.fields.get(code) == words for code, words in resource.fields.items()):
            return found
    raise last or FailedError("Twilio accepted the dialling permissions, but shows others: set them in the Console")


def _switches(words: str) -> Mapping[str, str]:
    # The booleans are strings, in all that Twilio publishes.
    return dict.fromkeys(SWITCHES, "false") | {SWITCHES[0]: "true" if words == ON else "false"}


def _pascal_case(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))


def find_dialling_permissions(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look all countries up."""
    return of_key(list_dialling_permissions(context.account), resource.key)


DIALLING_PERMISSIONS = ResourceType(
    "dialling permissions",
    Group.ACCOUNT,
    update_dialling_permissions,
    find_dialling_permissions,
    update_dialling_permissions,
    plural="dialling permissions",
    warnings={Action.UPDATE: "for every call of the account, whatever network it is of"},
    undo={Action.UPDATE: "in the Console: Voice, Settings, Geo permissions"},
    grave={Action.UPDATE: "changes which countries the account may call"},
)

# --- spend alarms ---

CATEGORY: Final = "totalprice"
NAME: Final = "dialtone spend alarm, "
AS_DECLARED, ANOTHER = "as declared", "another address"


def list_spend_alarms(account: Account, address: str) -> list[Resource]:
    """Our spend alarms by their period; `address` is whom they should tell, which may hold a key and is not shown."""
    found = account.client.usage.triggers.list(page_size=1000)
    return [
        Resource(
            SPEND_ALARM,
            str(one.friendly_name).removeprefix(NAME),
            {
                "usd": _whole(str(one.trigger_value)),
                "tells": AS_DECLARED if one.callback_url == address else ANOTHER,
            },
            str(one.sid),
        )
        for one in found
        if str(one.friendly_name).startswith(NAME) and one.usage_category == CATEGORY
    ]


def spend_alarm(period: str, usd: float) -> Resource:
    """The alarm for a day, a month or a year that costs more than this."""
    return Resource(SPEND_ALARM, period, {"usd": _whole(str(usd)), "tells": AS_DECLARED})


def _whole(amount: str) -> str:
    return f"{float(amount):.2f}".removesuffix(".00")


def create_spend_alarm(context: ApplyContext, resource: Resource) -> Resource:
    """Make the alarm, then delete others of its period: Twilio can't change an alarm's amount."""
    address = context.secrets[resource.id]
    before = [one for one in list_spend_alarms(context.account, address) if one.key == resource.key]
    fields: Fields = {**(before[0].fields if before else {}), **resource.fields}
    made = context.client.usage.triggers.create(
        friendly_name=f"{NAME}{resource.key}",
        usage_category=CATEGORY,
        trigger_by="price",
        trigger_value=str(fields["usd"]),
        recurring=resource.key,
        callback_url=address,
        callback_method="POST",
    )
    for one in before:
        context.client.usage.triggers(one.sid).delete()
    return Resource(resource.kind, resource.key, {**fields, "tells": AS_DECLARED}, str(made.sid))


def delete_spend_alarm(context: ApplyContext, resource: Resource) -> None:
    """Delete the alarm."""
    context.client.usage.triggers(context.sid_of(resource)).delete()


def find_spend_alarm(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the alarm up."""
    return of_key(list_spend_alarms(context.account, context.secrets.get(resource.id, "")), resource.key)


SPEND_ALARM = ResourceType(
    "spend alarm",
    Group.ACCOUNT,
    create_spend_alarm,
    find_spend_alarm,
    create_spend_alarm,
    delete_spend_alarm,
)
