"""What a minute of a call costs: made-up prices of the right size, in US dollars."""

from __future__ import annotations

from dialtone_nb.values.phone_numbers import country_of

# Per started minute.
SIP_MINUTE = 0.0040
PSTN_INBOUND_MINUTE = 0.0085
PSTN_OUTBOUND_MINUTE = {"US": 0.0140, "CA": 0.0140, "MX": 0.0300}
PSTN_OUTBOUND_MINUTE_ELSEWHERE = 0.1000


def outbound_minute(number: str) -> float:
    """What a started minute to a number costs; emergency numbers cost what the country's own do."""
    country = country_of(number) if number.startswith("+") else "US"
    return PSTN_OUTBOUND_MINUTE.get(country, PSTN_OUTBOUND_MINUTE_ELSEWHERE)
