"""What calls cost, by the started minute."""

from __future__ import annotations

import math

from dialtone_nb.rehearsal.exchange import rates
from dialtone_nb.rehearsal.state.call_records import CallRecord


def started_minutes(call: CallRecord) -> int:
    """What a call is billed for; none where it was never answered."""
    return math.ceil(call.duration / 60)


def leg_price(leg: CallRecord) -> float | None:
    """What a leg costs that went out; None where it was never answered."""
    if leg.answered is None:
        return None
    rate = rates.SIP_MINUTE if leg.to.startswith("sip") else rates.outbound_minute(leg.to)
    return round(started_minutes(leg) * rate, 5)


def inbound_price(call: CallRecord, *, is_sip: bool) -> float | None:
    """What a call that came in costs; None where it was never answered."""
    if call.answered is None:
        return None
    return round(started_minutes(call) * (rates.SIP_MINUTE if is_sip else rates.PSTN_INBOUND_MINUTE), 5)
