"""Dialled numbers in many thousands of spellings, each of which must be routed like its plain form."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import phonenumbers
from phonenumbers import PhoneNumberType

from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import OutgoingCall
from dialtone_nb.dialplan.table import Table
from tests.dialplan.cases import decision_data
from tests.faults.tables import as_table

# How many `make faults` tries.
SPELLINGS = 200_000
SHORT_CODES = ("911", "933", "988", "211", "311", "411", "511", "711", "811", "0", "#")
SEPARATORS = ("-", ".", "(", ")", " ", "\t", "\u00a0", ") ", " - ")
# What is no separator, and makes what it stands in no number: pauses, letters, digits of other scripts, line ends.
JUNK = (",", "p", "x", "/", "٣", "९", "５", "²", "\n", "\u2028", "&", "=", "@", ":", "%", "\0")
DOMAIN = "dialtone-example-prod.sip.twilio.com"
WRAPPED: tuple[Callable[[str], str], ...] = (
    *[lambda user: f"sip:{user}@{DOMAIN}"] * 6,
    lambda user: f"sips:{user}@{DOMAIN}:5061;transport=tls",
    lambda user: f"SIP:{user};phone-context=+44@{DOMAIN};user=phone",
    lambda user: f'"A friend" <sip:{user}@{DOMAIN}>;tag=1',
    lambda user: f"sip:sip:{user}@{DOMAIN};user=phone@{DOMAIN}",
    lambda user: f"sip:{quote(f'sip:{user}@{DOMAIN};user=phone', safe='')}@{DOMAIN}",
    lambda user: f"sip:tel:{user};ext=5@{DOMAIN}",
    lambda user: f"tel:{user};phone-context=example.org",
    lambda user: f"<tel:{user}>",
)
SPECIAL = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER)


@dataclass(frozen=True, slots=True)
class Spelling:
    """A spelling of something dialled; a spoilt one must be refused, whatever the plain form is."""

    plain: str
    to: str
    is_spoilt: bool


@dataclass
class Spelled:
    """The results for the spellings, and each that was wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def try_spellings(
    table: Table, ask_node: Callable[[OutgoingCall], Mapping[str, Any]], number: int, seed: int = 7
) -> Spelled:
    """Decide this many spellings, in Python and on Node."""
    spelled = Spelled()
    for spelling in generate_spellings(number, seed):
        call = OutgoingCall("prod", "lobby", spelling.to)
        decision = decision_data(decide(table, call))
        plain = decision_data(
            decide(table, OutgoingCall("prod", "lobby", f"sip:{quote(spelling.plain, safe='')}@{DOMAIN}"))
        )
        spelled.outcomes["spoilt" if spelling.is_spoilt else str(decision["kind"])] += 1
        faults = [*faults_of(spelling, decision, plain)]
        if ask_node(call) != decision:
            faults.append("Node decides otherwise")
        spelled.wrong += [f"{spelling}: {fault}: {decision}" for fault in faults]
    return spelled


def faults_of(spelling: Spelling, decision: Mapping[str, Any], plain: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a decision, in words."""
    if spelling.is_spoilt:
        if decision["kind"] != "refuse":
            yield "is called, though it is not a number"
        return
    if place_of(decision) != place_of(plain):
        yield f"is not where {spelling.plain} leads"
    if decision["kind"] == "dial-pstn" and not may_be_called(decision["number"]):
        yield "is a place that is refused"


def place_of(decision: Mapping[str, Any]) -> tuple[Any, ...]:
    """The destination of a decision; all refusals are one."""
    return decision["kind"], decision.get("number"), decision.get("uri")


def may_be_called(number: str) -> bool:
    """Whether libphonenumber says that the number is in the sample's countries and not premium."""
    parsed = phonenumbers.parse(number)
    # Of a number that nobody has, its place is asked: an exchange that is given out everywhere.
    if not phonenumbers.is_valid_number(parsed):
        near = [f"{number[:5]}{exchange}2345" for exchange in ("234", "345", "456", "678", "892")]
        near = near if number.startswith("+1") else [f"{number[:-7]}{rest}" for rest in ("2345678", "5345678")]
        parsed = next(filter(phonenumbers.is_valid_number, map(phonenumbers.parse, near)), parsed)
    if number.startswith("+1600") or phonenumbers.number_type(parsed) in SPECIAL:
        return False
    return phonenumbers.region_code_for_number(parsed) in {"US", "CA", "MX", "PR", "VI", "GU", "AS", "MP"}


def generate_spellings(number: int, seed: int) -> Iterator[Spelling]:
    """This many spellings, equal for equal seeds."""
    chance = random.Random(seed)
    for _ in range(number):
        if chance.random() < 0.3:
            plain = chance.choice(SHORT_CODES)
            dialled = chance.choice(("", "+", "+1") if plain != "#" else ("",)) + plain
        else:
            plain, dialled = _number(chance)
        is_spoilt = chance.random() < 0.1
        user = _escaped(chance, _separated(chance, dialled, spoilt=is_spoilt))
        yield Spelling(plain, chance.choice(WRAPPED)(user), is_spoilt)


def _number(chance: random.Random) -> tuple[str, str]:
    """A number in E.164 form, and as somebody may dial it: in North America, in Mexico, elsewhere."""
    digits = "".join(chance.choices("0123456789", k=7))
    match chance.randrange(8):
        case 0:
            area = chance.choice(("55", "33", "81", "90", "30", "50", "99", "22")) + digits[0]
            national = area + "".join(chance.choices("0123456789", k=7))
            return f"+52{national}", chance.choice(("+52", "01152", "011521", "+521")) + national
        case 1:
            national = chance.choice(("442079", "44900", "491371", "8816", "1242", "5355")) + digits
            return f"+{national}", chance.choice(("+", "011")) + national
    national = f"{chance.randrange(200, 1000)}{chance.choice('23456789')}{digits[1:]}"
    return f"+1{national}", chance.choice(("", "1", "+1", "0111")) + national


def _separated(chance: random.Random, dialled: str, *, spoilt: bool) -> str:
    """The dialled keys with separators, sometimes the send key, and junk if it is to be spoilt."""
    pieces = [piece for key in dialled for piece in (key, *_some(chance, SEPARATORS, 0.2))]
    if dialled[-1].isdigit():
        pieces += _some(chance, ("#",), 0.1)
    pieces += _some(chance, (" ",), 0.1)
    if spoilt:
        pieces.insert(chance.randrange(1, len(dialled) + 1) if len(pieces) > 1 else 1, chance.choice(JUNK))
    return "".join(pieces)


def _some(chance: random.Random, choices: Sequence[str], how_often: float) -> list[str]:
    return [chance.choice(choices)] if chance.random() < how_often else []


def _escaped(chance: random.Random, user: str) -> str:
    """Escaped as required in a SIP URI, or more than required."""
    match chance.randrange(3):
        case 0:
            return quote(user, safe="+")
        case 1:
            return "".join(f"%{byte:02{chance.choice('xX')}}" for byte in user.encode())
    return quote(user, safe="-.() +")


def table_of_spellings(spelled: Spelled) -> str:
    """One row: the number of spellings, their results, and how many were wrong."""
    kinds = ("dial-pstn", "dial-emergency", "dial-trunk", "refuse", "spoilt")
    heads = ["spellings", "to the telephone network", "emergency", "to the trunk", "refused", "no number", "wrong"]
    return as_table(
        heads, [[spelled.outcomes.total(), *(spelled.outcomes[kind] for kind in kinds), len(spelled.wrong)]]
    )
