"""Numbers for sale: only the 555-01xx numbers of a few area codes, which are reserved for fiction."""

from __future__ import annotations

import re
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Any
from urllib.parse import urlencode

from dialtone_nb.rehearsal.api.collection import API_2010, account_uri
from dialtone_nb.rehearsal.api.prices import COUNTRIES
from dialtone_nb.rehearsal.http.errors import Refusal, absent, not_modelled
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import cut_page, read_page_request
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, integer, matching, read_parameters
from dialtone_nb.rehearsal.state.rate_centers import RATE_CENTERS, RateCenter
from dialtone_nb.rehearsal.state.store import Tables

# Other countries where Twilio sells local numbers; the rehearsal has none there and answers with an empty list.
NORTH_AMERICA = frozenset(center.country for center in RATE_CENTERS.values())
EMPTY_COUNTRIES = COUNTRIES.keys() - NORTH_AMERICA
# In North America Twilio sells Local and TollFree numbers only, and answers these with a 404.
ABSENT_KINDS = ("Mobile", "National", "Voip", "SharedCost", "MachineToMachine")
CAPABILITIES = {"voice": True, "SMS": True, "MMS": True, "fax": False}

FILTERS = (
    Parameter("AreaCode", integer, code=21451),
    Parameter("Contains"),
    *(Parameter(name, flag) for name in ("VoiceEnabled", "SmsEnabled", "MmsEnabled", "FaxEnabled")),
    *map(Parameter, ("InRegion", "InLocality", "InPostalCode", "InLata", "InRateCenter")),
    Parameter("NearNumber", matching(r"\+?[0-9]+", "must be E.164")),
    Parameter("NearLatLong", matching(r"-?[0-9.]+, ?-?[0-9.]+", "must be a latitude and a longitude")),
    Parameter("Distance", integer),
    Parameter("Beta", flag),
    Parameter("ExcludeAllAddressRequired", flag),
    Parameter("ExcludeLocalAddressRequired", flag),
    Parameter("ExcludeForeignAddressRequired", flag),
)
# Without Distance, NearNumber and NearLatLong search within 25 miles.
NEAR_MILES, FARTHEST_MILES, EARTH_MILES = 25, 500, 3959


def stock(country: str) -> list[str]:
    """All numbers that the rehearsal can list in a country, in order of area code and number."""
    areas = [area for area, center in RATE_CENTERS.items() if center.country == country]
    return [f"+1{area}55501{last:02}" for area in areas for last in range(100)]


@lru_cache(maxsize=1 << 14)  # a page of a thousand calls writes two thousand numbers, many of them the same
def friendly(number: str) -> str:
    """A North American number as Twilio writes it: (503) 555-0101; others as they are."""
    found = re.fullmatch(r"\+1([0-9]{3})([0-9]{3})([0-9]{4})", number)
    return f"({found[1]}) {found[2]}-{found[3]}" if found else number


def free_numbers(tables: Tables, country: str) -> list[str]:
    """The numbers for sale now: the stock without the account's own numbers."""
    owned = {number.name for number in tables.list("phone_number", "")}
    return [number for number in stock(country) if number not in owned]


def contains_pattern(text: str) -> re.Pattern[str]:
    """The pattern for Contains: 2 to 16 digits or keypad letters, with * for any one digit at either end."""
    text = text.removeprefix("+")
    letters = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
    digits = text.upper().translate(letters)
    if not 2 <= len(text) <= 16 or not re.fullmatch(r"\**[0-9]+\**", digits):
        raise Refusal(21421, f"Invalid pattern {text} provided in Contains")
    wild = digits.replace("*", "[0-9]")
    return re.compile(f"{wild}$" if digits.startswith("*") and len(digits) >= 10 else wild)


def number_body(number: str) -> dict[str, Any]:
    """A number for sale as Twilio shows it."""
    center = RATE_CENTERS[number[2:5]]
    return {
        "friendly_name": friendly(number),
        "phone_number": number,
        "lata": center.lata,
        "locality": center.locality,
        "rate_center": center.locality.upper(),
        "latitude": center.latitude,
        "longitude": center.longitude,
        "region": center.region,
        "postal_code": center.postal_code,
        "iso_country": center.country,
        "address_requirements": "none",
        "beta": False,
        "capabilities": CAPABILITIES,
    }


def _nearness(wanted: dict[str, Any]) -> set[str] | None:
    """The area codes within the distance asked for; None if the request does not ask for nearness."""
    if number := wanted.get("near_number"):
        center = RATE_CENTERS.get(number.removeprefix("+")[1:4])
        if center is None:
            raise not_modelled(f"where {number} is, which NearNumber names")
        place = float(center.latitude), float(center.longitude)
    elif text := wanted.get("near_lat_long"):
        latitude, _, longitude = text.partition(",")
        place = float(latitude), float(longitude)
    else:
        return None
    distance = wanted.get("distance", NEAR_MILES)
    if distance > FARTHEST_MILES:
        raise Refusal(20001, f"Invalid Distance: it must be at most {FARTHEST_MILES} miles")
    return {area for area, center in RATE_CENTERS.items() if _miles(place, center) <= distance}


def _miles(place: tuple[float, float], center: RateCenter) -> float:
    """The great-circle distance in miles from a place to a rate center (haversine formula)."""
    here, there = map(radians, place), map(radians, (float(center.latitude), float(center.longitude)))
    (lat1, lon1), (lat2, lon2) = here, there
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_MILES * asin(sqrt(chord))


def search_kind(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Search a kind that North America does not have, such as Mobile: a 404 there, an empty list elsewhere."""
    if request.names["CountryCode"] not in EMPTY_COUNTRIES:
        raise absent(request.path)
    return search(tables, request)


def search(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The numbers for sale in a country that fit every filter."""
    country = request.names["CountryCode"]
    if country not in COUNTRIES:
        raise absent(request.path)
    wanted = read_parameters(FILTERS, request.query)
    near = _nearness(wanted)
    contains = contains_pattern(wanted["contains"]) if wanted.get("contains") else None
    area = wanted.get("area_code")
    bodies = [number_body(number) for number in free_numbers(tables, country)]
    places = {"in_region": "region", "in_locality": "locality", "in_postal_code": "postal_code", "in_lata": "lata"}
    places["in_rate_center"] = "rate_center"
    found = [
        body
        for body in bodies
        if (area is None or body["phone_number"].startswith(f"+1{area}"))
        and (contains is None or contains.search(body["phone_number"]))
        and all(wanted.get(filter_, body[key]).upper() == body[key].upper() for filter_, key in places.items())
        and not wanted.get("fax_enabled", False)
        and (near is None or body["phone_number"][2:5] in near)
    ]
    page, _, _ = cut_page(found, read_page_request(request), lambda body: str(body["phone_number"]))
    # One page only, as at Twilio: the list is a sample of the stock.
    query = urlencode(sorted(request.query))
    return ApiResponse(
        200, {"available_phone_numbers": list(page), "uri": f"{request.path}?{query}" if query else request.path}
    )


def country_body(tables: Tables, country: str) -> dict[str, Any]:
    """A country with numbers for sale, and the kinds of numbers that it has."""
    uri = f"{account_uri(tables)}/AvailablePhoneNumbers/{country}"
    kinds = (
        {"local": "Local", "toll_free": "TollFree"}
        if country in NORTH_AMERICA
        else {"local": "Local", "mobile": "Mobile"}
    )
    return {
        "country_code": country,
        "country": COUNTRIES[country],
        "uri": f"{uri}.json",
        "beta": False,
        "subresource_uris": {key: f"{uri}/{kind}.json" for key, kind in kinds.items()},
    }


def list_countries(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The countries that numbers are sold in, on one page, as at Twilio."""
    read_page_request(request)
    bodies = [country_body(tables, country) for country in COUNTRIES]
    return ApiResponse(200, {"countries": bodies, "uri": request.path})


def fetch_country(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One country that numbers are sold in."""
    country = request.names["CountryCode"]
    if country not in COUNTRIES:
        raise absent(request.path)
    return ApiResponse(200, country_body(tables, country))


def search_toll_free(tables: Tables, request: ApiRequest) -> ApiResponse:
    """An empty list, as no toll-free number is reserved for fiction; a 404 outside North America."""
    if request.names["CountryCode"] not in NORTH_AMERICA:
        raise absent(request.path)
    read_page_request(request)
    read_parameters(FILTERS, request.query)
    return ApiResponse(200, {"available_phone_numbers": [], "uri": request.path})


OPERATIONS = (
    API_2010.operation("GET", "/AvailablePhoneNumbers", list_countries),
    API_2010.operation("GET", "/AvailablePhoneNumbers/{CountryCode}", fetch_country),
    API_2010.operation("GET", "/AvailablePhoneNumbers/{CountryCode}/Local", search),
    API_2010.operation("GET", "/AvailablePhoneNumbers/{CountryCode}/TollFree", search_toll_free),
    *(
        API_2010.operation("GET", f"/AvailablePhoneNumbers/{{CountryCode}}/{kind}", search_kind)
        for kind in ABSENT_KINDS
    ),
)
