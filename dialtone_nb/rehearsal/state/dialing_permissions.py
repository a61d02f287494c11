"""Dialling permissions: the countries that may be called, at first home and its neighbours, no high-risk numbers."""

from __future__ import annotations

from collections.abc import Callable

import phonenumbers

from dialtone_nb.rehearsal.state.store import Tables
from dialtone_nb.values.phone_numbers import country_of

SWITCHES = ("low_risk_numbers_enabled", "high_risk_special_numbers_enabled", "high_risk_tollfraud_numbers_enabled")
# Assumed: a new account may call its home country and the neighbours; the US territories count as home, and so does
# every country in which the account owns a number.
AT_FIRST = frozenset({"US", "CA", "MX", "PR", "VI", "GU", "AS", "MP"})
# Kinds of numbers that need a country's high-risk permission.
HIGH_RISK = frozenset(
    {
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
    }
)


def permissions(tables: Tables, country: str) -> dict[str, bool]:
    """The three permissions of a country."""
    return permissions_by_country(tables)(country)


def permissions_by_country(tables: Tables) -> Callable[[str], dict[str, bool]]:
    """The three permissions of each country that is asked for; what they depend on is read once for all."""
    changed = {one.name: one.body for one in tables.list("dialing_permission", "")}
    at_first = AT_FIRST if tables.behaviour.countries_at_first == "home and neighbours" else {"US"}
    home = at_first | {country_of(one.name) for one in tables.list("phone_number", "")}

    def of(country: str) -> dict[str, bool]:
        first = dict.fromkeys(SWITCHES, False) | {"low_risk_numbers_enabled": country in home}
        return first | changed.get(country, {})

    return of
