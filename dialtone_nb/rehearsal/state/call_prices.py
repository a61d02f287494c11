"""Prices of calls per started minute, in US dollars: made up, of the right order of magnitude."""

from __future__ import annotations

import math

from dialtone_nb.rehearsal.state.call_records import CallRecord
from dialtone_nb.values.phone_numbers import country_of

# Per started minute.
SIP_MINUTE = 0.0040
PSTN_INBOUND_MINUTE = 0.0085
PSTN_OUTBOUND_MINUTE = {"US": 0.0140, "CA": 0.0140, "MX": 0.0300}
PSTN_OUTBOUND_MINUTE_ELSEWHERE = 0.1000


def started_minutes(call: CallRecord) -> int:
    """The minutes that a call is billed for; 0 if it was never answered."""
    return math.ceil(call.duration / 60)


def price_of(call: CallRecord) -> float | None:
    """The price of a call or leg; None if it was never answered."""
    return None if call.answered is None else round(started_minutes(call) * _minute(call), 5)


def _minute(call: CallRecord) -> float:
    is_inbound = call.direction == "inbound"
    other_end = call.from_ if is_inbound else call.to
    if other_end.startswith("sip"):
        return SIP_MINUTE
    if is_inbound:
        return PSTN_INBOUND_MINUTE
    # Emergency numbers cost as much as other numbers of the country.
    country = country_of(other_end) if other_end.startswith("+") else "US"
    return PSTN_OUTBOUND_MINUTE.get(country, PSTN_OUTBOUND_MINUTE_ELSEWHERE)
