"""What numbers and calls cost: made-up prices of the right size, in US dollars, negative nowhere."""

from __future__ import annotations

from typing import Any

from dialtone_nb.e164 import country_of
from dialtone_nb.rehearsal.operations import Ask, Operation, Reply
from dialtone_nb.rehearsal.paging import list_reply
from dialtone_nb.rehearsal.refusal import absent
from dialtone_nb.rehearsal.store import Tables

HOST = "pricing.twilio.com"
UNIT = "USD"
COUNTRIES = {"CA": "Canada", "US": "United States"}
NUMBER_PRICES = {"local": "1.15", "toll free": "2.15"}

# Per started minute.
SIP_MINUTE = 0.0040
PSTN_INBOUND_MINUTE = 0.0085
PSTN_OUTBOUND_MINUTE = {"US": 0.0140, "CA": 0.0140, "MX": 0.0300}
PSTN_OUTBOUND_MINUTE_ELSEWHERE = 0.1000


def outbound_minute(number: str) -> float:
    """What a started minute to a number costs; emergency numbers cost what the country's own do."""
    country = country_of(number) if number.startswith("+") else "US"
    return PSTN_OUTBOUND_MINUTE.get(country, PSTN_OUTBOUND_MINUTE_ELSEWHERE)


def _url(country: str) -> str:
    return f"https://{HOST}/v1/PhoneNumbers/Countries/{country}"


def list_(tables: Tables, ask: Ask) -> Reply:
    """The countries that numbers are sold in."""
    bodies = [{"country": name, "iso_country": code, "url": _url(code)} for code, name in COUNTRIES.items()]
    return list_reply(ask, "countries", bodies, lambda body: body, lambda body: str(body["iso_country"]))


def fetch(tables: Tables, ask: Ask) -> Reply:
    """What a number costs a month in a country, by type."""
    country = ask.names["IsoCountry"].upper()
    if country not in COUNTRIES:
        raise absent(ask.path)
    prices: list[dict[str, Any]] = [
        {"number_type": kind, "base_price": price, "current_price": price} for kind, price in NUMBER_PRICES.items()
    ]
    body = {"country": COUNTRIES[country], "iso_country": country, "phone_number_prices": prices}
    return Reply(200, body | {"price_unit": UNIT, "url": _url(country)})


OPERATIONS = (
    Operation(HOST, "GET", "/v1/PhoneNumbers/Countries", list_),
    Operation(HOST, "GET", "/v1/PhoneNumbers/Countries/{IsoCountry}", fetch),
)
