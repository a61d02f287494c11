"""Monthly prices of numbers in US dollars: made up, of the right order of magnitude."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.collection import Api
from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.state.store import Body, Tables

PRICING = Api("pricing.twilio.com")
UNIT = "USD"
NORTH_AMERICA = {"local": "1.15", "toll free": "2.15"}
ELSEWHERE = {"local": "3.00", "mobile": "6.00", "national": "3.00", "toll free": "25.00"}
COUNTRIES = {
    "AU": "Australia",
    "CA": "Canada",
    "DE": "Germany",
    "FR": "France",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "JP": "Japan",
    "MX": "Mexico",
    "NL": "Netherlands",
    "SE": "Sweden",
    "US": "United States",
}


def _country(tables: Tables, code: str) -> Body:
    address = PRICING.addresses(tables, f"/PhoneNumbers/Countries/{code}", {})
    return {"country": COUNTRIES[code], "iso_country": code, **address}


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The countries that numbers are sold in."""
    bodies = [_country(tables, code) for code in COUNTRIES]
    return list_response(request, "countries", bodies, lambda body: body, lambda body: str(body["iso_country"]))


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Monthly prices of a country's numbers, by type."""
    country = request.names["IsoCountry"].upper()
    if country not in COUNTRIES:
        raise absent(request.path)
    prices: list[dict[str, Any]] = [
        {"number_type": kind, "base_price": price, "current_price": price}
        for kind, price in (NORTH_AMERICA if country in {"US", "CA"} else ELSEWHERE).items()
    ]
    return ApiResponse(200, _country(tables, country) | {"phone_number_prices": prices, "price_unit": UNIT})


OPERATIONS = (
    PRICING.operation("GET", "/PhoneNumbers/Countries", list_),
    PRICING.operation("GET", "/PhoneNumbers/Countries/{IsoCountry}", fetch),
)
