"""What happens if a person presses these keys: what the phone sends, what the service decides, what that costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import Decision, DialEmergency, DialPstn, DialTrunk, OutgoingCall, Refuse
from dialtone_nb.dialplan.patterns import parse_pattern
from dialtone_nb.dialplan.table import Table
from dialtone_nb.dialplan.twiml import status_url, twiml_of
from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.keypad import Dialled, press_keys
from dialtone_nb.phones.settings import device_settings
from dialtone_nb.values.phone_numbers import country_of, example_number, is_toll_free, spellings
from dialtone_nb.values.sip import without_separators


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
    return cost_class_of_number(decision.number, decision.caller_id)


def cost_class_of_number(number: str, caller_id: str) -> CostClass:
    """The class of a call to a telephone number."""
    if is_toll_free(number):
        return TOLL_FREE
    country = country_of(number)
    if country == country_of(caller_id):
        return DOMESTIC
    where = country or "no country that is known"
    return CostClass(f"abroad ({where})", f"the phone's SIP leg and a call to {where}, each by the minute")


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


@dataclass(frozen=True, slots=True)
class KeypadResult:
    """What comes of some keys: `pressed` is None for a phone with a call key, `simulation` where nothing is sent."""

    keys: str
    pressed: Dialled | None
    simulation: Simulation | None
    cost: CostClass | None

    @property
    def at_the_phone(self) -> str:
        """What the phone does, in words: what it sends, after which key, and how long it waits."""
        if self.pressed is None:
            return f"sends {self.keys} when its call key is pressed"
        keys = f"key {self.pressed.after_keys}"
        if not self.pressed.sent:
            if math.isinf(self.pressed.wait_s):
                return f"sends nothing: it waits for more after {keys}"
            return f"sends nothing: it gives up {_later(self.pressed.wait_s)} {keys}"
        return f"sends {self.pressed.sent} {_later(self.pressed.wait_s)} {keys}"


def ask_dial_plan(parameters: Parameters, table: Table, client: str, keys: str) -> KeypadResult:
    """What happens if somebody presses these keys on a declared phone; the table answers, the files name the device."""
    settings = device_settings(parameters, client)
    grammar = settings.model.grammar
    # Who reads a number to a keypad presses no dashes.
    pressed = press_keys(grammar, settings.dial_string, without_separators(keys)) if grammar else None
    sent = keys if pressed is None else pressed.sent
    if not sent:
        return KeypadResult(keys, pressed, None, None)
    simulation = simulate(table, settings.environment, client, sent)
    return KeypadResult(keys, pressed, simulation, cost_class_of(simulation.decision))


def _later(seconds: float) -> str:
    return f"{seconds:g} s after" if seconds else "at"
