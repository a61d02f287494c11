"""What a phone number costs, and which ones can be had."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.values.phone_numbers import country_of


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
    if wanted.isdigit() and len(wanted) == 3:
        found = local.list(area_code=int(wanted), voice_enabled=True, limit=limit)
    else:
        found = local.list(contains=wanted, voice_enabled=True, limit=limit)
    return [one.phone_number for one in found]


def is_available(account: Account, number: str) -> bool:
    """Whether this very number can be bought.

    The rehearsal lists fictional numbers alone and sells any, so that a network can be rehearsed with its own.
    """
    if account.is_rehearsal:
        return True
    local = account.client.available_phone_numbers(country_of(number) or "US").local
    return any(one.phone_number == number for one in local.list(contains=number.lstrip("+"), limit=5))
