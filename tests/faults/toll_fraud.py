"""Generated calls, many thousands: none may be dialled at a forbidden cost, or in another phone's name."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import Decision, DialEmergency, DialPstn, DialTrunk, OutgoingCall, Refuse
from dialtone_nb.dialplan.table import Table
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.values.phone_numbers import country_of
from dialtone_nb.values.sip import parse_sip_uri
from tests.dialplan.strategies import ENVIRONMENTS, HOSTS, PHONES, REFUSED_AREAS, STRANGERS

SAMPLE = Path(__file__).parents[2] / "parameters" / "sample"
# How many `make faults` generates.
DIALLED = 200_000
KEYS = "0123456789*#+"
# Digits of other scripts, what separates, what escapes, what ends a header or begins a parameter.
ODD = "٠١٢٩९۹１９²ſK\u0130\n\r\u2028\0 -().,;:@<>?&%\"'\\${}[]^|aAxX\U0001d7d9"
PREFIXES = (
    "",
    "1",
    "+1",
    "+",
    "011",
    "0111",
    "01152",
    "011521",
    "01144",
    "00",
    "9",
    "*67",
    "1010",
    "+011",
    "+52",
    "%2B1",
)
SHAPES = (
    *["sip:{}@{}"] * 6,
    "sips:{}@{}",
    "SIP:{}@{};transport=tls",
    "sip:{};phone-context=+1@{}",
    '"Lobby" <sip:{}@{}>',
    "<sip:{}@{};user=phone>",
    "tel:{}",
    "{}",
    "sip:911@x <sip:{}@{}>",
    "sip:{}@{}\n",
    "sip:{}@{}?Replaces=1",
    "sip:{}:secret@{}",
)


@dataclass
class Tried:
    """The results of the generated calls, and each that should not have been dialled."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """The number of calls."""
        return self.outcomes.total()


def sample_table() -> Table:
    """The table of the sample network."""
    return compile_table(load_parameters(SAMPLE))


def try_dialling(number: int, seed: int = 7) -> Tried:
    """Decide this many generated calls of the sample network, and return the results."""
    parameters, table = load_parameters(SAMPLE), sample_table()
    tried = Tried()
    for call in generate_calls(number, seed):
        decision = decide(table, call)
        tried.outcomes[decision.kind] += 1
        tried.wrong += [f"{call}: {fault}" for fault in faults_of(parameters, call, decision)]
    return tried


def generate_calls(number: int, seed: int) -> Iterator[OutgoingCall]:
    """This many calls, equal for equal seeds: what people dial, and what an attacker would send."""
    chance = random.Random(seed)
    for nth in range(number):
        dialled = _dialled(chance)
        escaped = chance.choice(
            (dialled, dialled, quote(dialled, safe=""), "".join(f"%{ord(c) % 256:02x}" for c in dialled))
        )
        to = chance.choice(SHAPES).replace("{}", escaped, 1).replace("{}", chance.choice(HOSTS))
        who = chance.choice((*PHONES * 4, *STRANGERS))
        own = "stage" if who in ("workbench", "van") else "prod"
        environment = chance.choice((*[own] * 12, *ENVIRONMENTS, "", "__proto__"))
        from_ = f"sip:{who}@dialtone-example-{environment}.sip.twilio.com"
        yield OutgoingCall(environment, who if nth % 2 else "", to, from_)


def _dialled(chance: random.Random) -> str:
    area = chance.choice(
        ("503", "212", "416", "787", "664", *chance.sample(REFUSED_AREAS, 3), f"{chance.randrange(200, 1000)}")
    )
    rest = "".join(chance.choices("0123456789", k=chance.choice((0, 3, 4, *[7] * 12, 8, 12))))
    whole = (area + rest, area + "5" + rest[1:], area + "2" + rest[1:], area + "976" + rest[3:])
    prefix = chance.choice(("", "1", "+1", *PREFIXES))
    text = chance.choice((*(prefix + number for number in whole), prefix + rest, "911", "933", "211", "#", "0"))
    match chance.randrange(8):
        case 0:  # something odd in the middle
            at = chance.randrange(len(text) + 1)
            return text[:at] + chance.choice(ODD) + text[at:]
        case 1:  # a digit of another script in the place of one of ours
            return text.translate({ord("9"): chance.choice("९９۹٩𝟡")})
        case 2:  # anything at all
            return "".join(chance.choices(KEYS + ODD, k=chance.randrange(60)))
        case 3:  # very long
            return text * chance.randrange(1, 40)
    return text


def faults_of(parameters: Parameters, call: OutgoingCall, decision: Decision) -> Iterator[str]:
    """What is wrong with a decision, in words."""
    if isinstance(decision, Refuse):
        return
    client = parameters.clients[decision.client]
    if decision.client != (call.sip_username or parse_sip_uri(call.from_)[0]) or client.environment != call.environment:
        yield "is placed for another phone"
    if decision.caller_id != client.caller_id:
        yield "shows another's number"
    longest = 14400 if isinstance(decision, DialEmergency) else parameters.network.call_time_limit_s
    if not 0 < decision.time_limit_s <= longest or not 0 < decision.ring_timeout_s <= 600:
        yield "has no limit in time"
    if isinstance(decision, DialEmergency):
        if client.emergency_address is None or decision.number not in ("911", "933"):
            yield "is an emergency call without an address"
    elif isinstance(decision, DialPstn):
        yield from _number_faults(parameters, decision.number)
    elif isinstance(decision, DialTrunk):
        if not decision.uri.endswith("@pbx.example.org;transport=tls"):
            yield f"leaves the trunk: {decision.uri}"
    else:
        yield "rings a phone, though a phone dialled"


def _number_faults(parameters: Parameters, number: str) -> Iterator[str]:
    if not (number.isascii() and number[1:].isdecimal() and number.startswith("+")):
        yield f"dials {number!r}"
    if number.startswith(tuple(f"+1{area}" for area in REFUSED_AREAS)) or (number[5:8] == "976" and number[1] == "1"):
        yield f"dials {number}, which is refused"
    if country_of(number) not in {"", *parameters.dialplan.allowed_countries} or not number.startswith(("+1", "+52")):
        yield f"dials {number}, in a country that is not allowed"


def table_of_dialling(tried: Tried) -> str:
    """One row: the number of calls, their results, and how many were wrong."""
    counts: Mapping[str, int] = {
        "generated calls": tried.calls,
        "refused": tried.outcomes[Refuse.kind],
        "to the telephone network": tried.outcomes[DialPstn.kind],
        "to the trunk": tried.outcomes[DialTrunk.kind],
        "emergency": tried.outcomes[DialEmergency.kind],
        "wrong": len(tried.wrong),
    }
    heads, cells = " | ".join(counts), " | ".join(f"{count:,}" for count in counts.values())
    return f"| {heads} |\n|{' ---: |' * len(counts)}\n| {cells} |"
