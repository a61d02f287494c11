"""Rate centers: the place that Twilio shows for the numbers of an area code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateCenter:
    """The place of an area code's numbers."""

    country: str
    locality: str
    region: str
    postal_code: str
    lata: str
    latitude: str
    longitude: str


RATE_CENTERS = {
    "503": RateCenter("US", "Portland", "OR", "97205", "672", "45.523064", "-122.676483"),
    "971": RateCenter("US", "Portland", "OR", "97214", "672", "45.523064", "-122.676483"),
    "360": RateCenter("US", "Vancouver", "WA", "98660", "672", "45.638730", "-122.661490"),
    "206": RateCenter("US", "Seattle", "WA", "98101", "674", "47.606210", "-122.332070"),
    "212": RateCenter("US", "New York", "NY", "10001", "132", "40.712780", "-74.005940"),
    "313": RateCenter("US", "Detroit", "MI", "48201", "340", "42.331430", "-83.045750"),
    "604": RateCenter("CA", "Vancouver", "BC", "V5K 0A1", "888", "49.282730", "-123.120740"),
    "416": RateCenter("CA", "Toronto", "ON", "M4B 1B3", "888", "43.653230", "-79.383180"),
}
