"""Dialling permissions: the countries that may be called, at first home and its neighbours, no high-risk numbers."""

from __future__ import annotations

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
    changed = tables.find("dialing_permission", "", country)
    at_first = AT_FIRST if tables.behaviour.countries_at_first == "home and neighbours" else {"US"}
    is_home = country in at_first or any(country_of(one.name) == country for one in tables.list("phone_number", ""))
    first = dict.fromkeys(SWITCHES, False) | {"low_risk_numbers_enabled": is_home}
    return first | (changed.body if changed else {})
