"""What numbers cost: made-up prices of the right size, in US dollars."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.state.store import Tables

HOST = "pricing.twilio.com"
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


def _url(country: str) -> str:
    return f"https://{HOST}/v1/PhoneNumbers/Countries/{country}"


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The countries that numbers are sold in."""
    bodies = [{"country": name, "iso_country": code, "url": _url(code)} for code, name in COUNTRIES.items()]
    return list_response(request, "countries", bodies, lambda body: body, lambda body: str(body["iso_country"]))


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """What a number costs a month in a country, by type."""
    country = request.names["IsoCountry"].upper()
    if country not in COUNTRIES:
        raise absent(request.path)
    prices: list[dict[str, Any]] = [
        {"number_type": kind, "base_price": price, "current_price": price}
        for kind, price in (NORTH_AMERICA if country in {"US", "CA"} else ELSEWHERE).items()
    ]
    body = {"country": COUNTRIES[country], "iso_country": country, "phone_number_prices": prices}
    return ApiResponse(200, body | {"price_unit": UNIT, "url": _url(country)})


OPERATIONS = (
    Operation(HOST, "GET", "/v1/PhoneNumbers/Countries", list_),
    Operation(HOST, "GET", "/v1/PhoneNumbers/Countries/{IsoCountry}", fetch),
)
