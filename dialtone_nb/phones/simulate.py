"""What would happen if a phone dialled this: for runbooks, with no call and no account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import Decision, DialEmergency, DialPstn, DialTrunk, OutgoingCall, Refuse
from dialtone_nb.dialplan.patterns import parse_pattern
from dialtone_nb.dialplan.table import Table
from dialtone_nb.dialplan.twiml import status_url, twiml_of
from dialtone_nb.parameters import Parameters
from dialtone_nb.values.phone_numbers import country_of, example_number, spellings


@dataclass(frozen=True, slots=True)
class Simulation:
    """A decision, the name of the rule that took it (empty where none did), and the TwiML that Twilio would get."""

    dialled: str
    decision: Decision
    rule: str
    twiml: str


def simulate(table: Table, environment: str, client: str, dialled: str) -> Simulation:
    """What becomes of a call that a phone dials; the trunk's password is not known here, and not shown."""
    entry = table.environments[environment].clients.get(client) if environment in table.environments else None
    domain = entry.domain if entry else "sip.invalid"
    decision = decide(table, OutgoingCall(environment, client, f"sip:{quote(dialled, safe='')}@{domain}"))
    url = status_url("https://example.invalid", "outgoing", decision)
    return Simulation(dialled, decision, decision.rule, twiml_of(decision, url))


def usual_strings(parameters: Parameters, table: Table, client: str) -> Mapping[type[Decision], str]:
    """What a person dials at a phone for each kind of call that the dial plan has rules for.

    A number of the phone's own country, an emergency number, the trunk, and a premium number, which is to be refused;
    of the spellings that people try the first that the dial plan takes so, and otherwise simply the first.
    """
    entry, rules = parameters.clients[client], parameters.dialplan.rules
    country = country_of(entry.caller_id)
    places = (country, *parameters.dialplan.allowed_countries)
    tried: dict[type[Decision], list[str]] = {
        DialPstn: [one for place in places for one in _spelled(example_number(place), country)],
        DialEmergency: [_example(rule.pattern) for rule in rules if rule.emergency],
        DialTrunk: [_example(rule.pattern) for rule in rules if rule.trunk is not None],
        Refuse: _spelled(example_number(country, premium=True) or example_number("US", premium=True), country),
    }
    if not any(rule.pstn for rule in rules):
        del tried[DialPstn]

    def chosen(kind: type[Decision], strings: list[str]) -> str:
        fits = (one for one in strings if isinstance(simulate(table, entry.environment, client, one).decision, kind))
        return next(fits, strings[0])

    return {kind: chosen(kind, strings) for kind, strings in tried.items() if strings}


def _spelled(number: str, country: str) -> list[str]:
    return list(spellings(number, country)) if number else []


def _example(pattern: str) -> str:
    """The first string, in the order of the keys, that a pattern takes."""
    parsed = parse_pattern(pattern)
    return "".join(map(min, parsed.keys)) + ("0" if parsed.open_ended else "")
