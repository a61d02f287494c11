"""What a decision costs, as a class: what is charged, and by what; the prices themselves are Twilio's and change."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.dialplan.decisions import Decision, DialEmergency, DialPstn, Refuse
from dialtone_nb.values.phone_numbers import country_of, is_toll_free


@dataclass(frozen=True, slots=True)
class CostClass:
    """A class by name, and what it means in a few words."""

    name: str
    meaning: str


FREE = CostClass("free", "the call is never answered")
SPOKEN = CostClass("SIP leg", "the phone's own leg, for the seconds that the reason is spoken")
SIP_ONLY = CostClass("SIP legs", "the phone's leg and the one to our own server, each by the minute")
TOLL_FREE = CostClass("toll-free", "the phone's SIP leg by the minute, and a toll-free call")
DOMESTIC = CostClass("domestic", "the phone's SIP leg and a call inside its country, each by the minute")
# Twilio, emergency calling: 75 USD where the caller ID has no registered address.
EMERGENCY = CostClass("emergency", "by the minute; 75 USD for 911 where the number has no registered address")


def cost_class_of(decision: Decision) -> CostClass:
    """The class of what a decision costs; a call abroad names the country, ISO 3166."""
    if isinstance(decision, Refuse):
        return SPOKEN if decision.message else FREE
    if isinstance(decision, DialEmergency):
        return EMERGENCY
    if not isinstance(decision, DialPstn):
        return SIP_ONLY
    if is_toll_free(decision.number):
        return TOLL_FREE
    country = country_of(decision.number)
    if country == country_of(decision.caller_id):
        return DOMESTIC
    where = country or "no country that is known"
    return CostClass(f"abroad ({where})", f"the phone's SIP leg and a call to {where}, each by the minute")
