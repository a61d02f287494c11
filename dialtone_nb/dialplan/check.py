"""Checks of dialplan.yaml: all faults, each with place and repair, so that compiling and deciding need no checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import reduce
from operator import sub
from typing import Final

from dialtone_nb.dialplan import countries
from dialtone_nb.dialplan.languages import Language
from dialtone_nb.dialplan.numbers import (
    Reach,
    also_allowed_problem,
    begins_some_number,
    is_e164,
    keys_of,
    parse_template,
    reaches_somebody,
)
from dialtone_nb.dialplan.patterns import KEYS, Pattern, language, parse_pattern
from dialtone_nb.dialplan.short_codes import never_dialled
from dialtone_nb.errors import Fault
from dialtone_nb.parameters import Network, Parameters
from dialtone_nb.parameters.dialplan import Dialplan, Rule
from dialtone_nb.parameters.yaml_files import YamlFile, suggest
from dialtone_nb.values.emergency import EMERGENCY_NUMBERS, countries_of
from dialtone_nb.values.phone_numbers import country_of

# As a rule's context, this stands for the phone's own.
OWN_CONTEXT: Final = "client"
# The most keys of one call.
LONGEST_DIALLED: Final = 40

# Twilio's limits (docs: <Sip>): a URI has less than 255 characters, all headers of a call together at most 1024.
_LONGEST_URI: Final = 254
_LONGEST_HEADERS: Final = 1024
_HEADER_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


def dialplan_faults(parameters: Parameters) -> list[Fault]:
    """All faults of the dial plan; empty if it can be compiled."""
    file = YamlFile(parameters.folder / "dialplan.yaml")
    dialplan = parameters.dialplan
    patterns = _sound_patterns(dialplan)
    return [
        *_pattern_faults(file, dialplan),
        *_name_faults(file, "rules", [rule.name for rule in dialplan.rules]),
        *_name_faults(file, "refused_prefixes", [entry.name for entry in dialplan.refused_prefixes]),
        *_order_faults(file, dialplan, patterns),
        *_target_faults(file, dialplan, patterns, parameters.network),
        *_emergency_faults(file, dialplan, patterns, {client.country for client in parameters.clients.values()}),
        *_country_faults(file, dialplan.allowed_countries),
        *_also_allowed_faults(file, dialplan),
        *_prefix_faults(file, dialplan),
        *_then_faults(parameters),
        *_trunk_faults(YamlFile(parameters.folder / "network.yaml"), parameters),
    ]


def prefix_patterns(prefixes: tuple[str, ...]) -> list[Pattern]:
    """Prefixes as patterns, without faulty ones."""
    parsed = (_parsed(prefix) for prefix in prefixes)
    return [pattern for pattern in parsed if pattern and not pattern.open_ended and begins_some_number(pattern)]


# --- rules ---


def _sound_patterns(dialplan: Dialplan) -> dict[int, Pattern]:
    """The patterns of the rules by index, without faulty ones."""
    parsed = {index: _parsed(rule.pattern) for index, rule in enumerate(dialplan.rules)}
    return {index: pattern for index, pattern in parsed.items() if pattern}


def _parsed(text: str) -> Pattern | None:
    try:
        return parse_pattern(text)
    except ValueError:
        return None


def _spelling_fault(place: str, what: str, text: str) -> Fault | None:
    """The fault in a pattern's syntax, or None."""
    try:
        parse_pattern(text)
    except ValueError as error:
        problem, _, repair = str(error).partition("; ")
        return Fault(place, f"the {what} {text!r}: {problem}", repair)
    return None


def _pattern_faults(file: YamlFile, dialplan: Dialplan) -> Iterator[Fault]:
    for index, rule in enumerate(dialplan.rules):
        place = file.place("rules", index, "pattern")
        if fault := _spelling_fault(place, "pattern", rule.pattern):
            yield fault
        elif len(parse_pattern(rule.pattern).keys) > LONGEST_DIALLED:
            problem = f"the pattern {rule.pattern!r} is longer than the {LONGEST_DIALLED} keys that a call can have"
            yield Fault(place, problem, "shorten it")


def _name_faults(file: YamlFile, section: str, names: list[str]) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name in names[:index]:
            first = file.place(section, names.index(name)).split(" ", 1)[0]
            yield Fault(
                file.place(section, index, "name"),
                f"the name {name!r} is taken at {first}",
                "give each its own, for the name says which one decided",
            )


def _order_faults(file: YamlFile, dialplan: Dialplan, patterns: dict[int, Pattern]) -> Iterator[Fault]:
    """Rules that can never match, because the rules before them take all that they would: by inclusion of languages."""
    never = never_dialled(dialplan)
    before: list[tuple[str, Language]] = []
    for index, pattern in patterns.items():
        rule, takes = dialplan.rules[index], language([pattern])
        possible = takes - never
        takers = [one for one in before if not one[1].isdisjoint(takes)]
        if possible.is_empty:
            yield Fault(
                file.place("rules", index, "pattern"),
                f"the rule {rule.name!r} can never match: a # after the last digit, and + or +1 before a short code, "
                "are left out before rules are tried",
                f"write {rule.pattern} without it",
            )
        # Little is left of one rule, while all rules together would grow with each.
        elif reduce(sub, (other for _, other in takers), possible).is_empty:
            names = " and ".join(dict.fromkeys(repr(name) for name, _ in takers))
            yield Fault(
                file.place("rules", index, "pattern"),
                f"the rule {rule.name!r} can never match: {names} before it take every {rule.pattern}",
                "move it up, or take it out",
            )
        before.append((rule.name, takes))


# --- targets ---


def _target_faults(
    file: YamlFile, dialplan: Dialplan, patterns: dict[int, Pattern], network: Network
) -> Iterator[Fault]:
    reach = _reach(dialplan)

    def reaches(gives: Pattern) -> bool:
        # Without any valid country, that is the fault to report, not each rule.
        return not reach.allowed or reaches_somebody(gives, reach)

    for index, rule in enumerate(dialplan.rules):
        if rule.trunk is not None and rule.trunk not in (OWN_CONTEXT, *network.trunk.contexts):
            yield Fault(
                file.place("rules", index, "trunk"),
                f"there is no context {rule.trunk!r} on the trunk",
                suggest(rule.trunk, [OWN_CONTEXT, *network.trunk.contexts]),
            )
        elif rule.number is not None:
            yield from _number_faults(file.place("rules", index, "number"), rule.number, reaches)
        elif rule.pstn is not None and index in patterns:
            yield from _template_faults(file.place("rules", index, "pstn"), rule, rule.pstn, patterns[index], reaches)


def _emergency_faults(
    file: YamlFile, dialplan: Dialplan, patterns: dict[int, Pattern], here: set[str]
) -> Iterator[Fault]:
    """Emergency rules whose number exists nowhere, or in none of the phones' countries (`here`)."""
    for index, rule in enumerate(dialplan.rules):
        if rule.emergency is None or index not in patterns:
            continue
        key, number = ("pattern", rule.pattern) if rule.emergency is True else ("emergency", rule.emergency)
        countries_there = countries_of(number)
        if not countries_there:
            known = "; ".join(f"{country}: {', '.join(numbers)}" for country, numbers in EMERGENCY_NUMBERS.items())
            yield Fault(
                file.place("rules", index, key),
                f"Twilio knows no emergency number {number}",
                f"known are {known}",
            )
        elif here and here.isdisjoint(countries_there):
            yield Fault(
                file.place("rules", index, key),
                f"{number} is an emergency number in {', '.join(countries_there)}, where none of the phones is "
                f"(they are in {', '.join(sorted(filter(None, here))) or 'no country that is known'})",
                "write the number of their country, or take the rule out",
            )


def _reach(dialplan: Dialplan) -> Reach:
    """The numbers that may be called, by the entries without faults."""
    return Reach(
        allowed=frozenset(filter(countries.is_country, dialplan.allowed_countries)),
        also_allowed=tuple(prefix_patterns(dialplan.also_allowed)),
        refused=tuple(pattern for entry in dialplan.refused_prefixes for pattern in prefix_patterns(entry.prefixes)),
    )


def _number_faults(place: str, number: str, reaches: Callable[[Pattern], bool]) -> Iterator[Fault]:
    is_number = set(number) <= KEYS and is_e164(Pattern(keys_of(number)))
    # libphonenumber does not know the numbers that also_allowed adds.
    if not is_number or not (country_of(number) or reaches(Pattern(keys_of(number)))):
        yield Fault(
            place,
            f"{number!r} is not a telephone number",
            "write a plus sign, the country code and the number, such as +15035550190",
        )
    elif not reaches(Pattern(keys_of(number))):
        yield Fault(place, f"{number} is refused by refused_prefixes or allowed_countries", "allow it there")


def _then_faults(parameters: Parameters) -> Iterator[Fault]:
    """Faults of the numbers in clients.yaml to which unanswered calls go on."""
    going_on = {name: one.then.number for name, one in parameters.clients.items() if one.then and one.then.number}
    reach = _reach(parameters.dialplan)
    if not going_on or not reach.allowed:
        return
    file = YamlFile(parameters.folder / "clients.yaml")
    for name, number in going_on.items():
        place = file.place(name, "then", "number")
        yield from _number_faults(place, number, lambda gives: reaches_somebody(gives, reach))


def _template_faults(
    place: str, rule: Rule, text: str, pattern: Pattern, reaches: Callable[[Pattern], bool]
) -> Iterator[Fault]:
    template = parse_template(text)
    sure = len(pattern.keys)
    if template is None:
        yield Fault(
            place, f"{text!r} makes no number", 'write "+1{dialled}", or "+{dialled:3}" to leave out the first three'
        )
    elif template.skip > sure:
        yield Fault(
            place,
            f"{text!r} leaves out {template.skip} keys, but {rule.pattern} is sure of {sure} only",
            f"leave out at most {sure}",
        )
    elif not is_e164(template.applied_to(pattern)):
        yield Fault(
            place,
            f"{text!r} makes no E.164 number of {rule.pattern}",
            "a number is a plus sign and 7 to 15 digits, the first of them not 0",
        )
    elif not reaches(template.applied_to(pattern)):
        yield Fault(
            place,
            f"every number that the rule {rule.name!r} makes is refused, by refused_prefixes or allowed_countries",
            "allow some of them there, or let the rule refuse and say why",
        )


# --- countries and prefixes ---


def _country_faults(file: YamlFile, allowed: tuple[str, ...]) -> Iterator[Fault]:
    for index, country in enumerate(allowed):
        place = file.place("allowed_countries", index)
        if not countries.is_country(country):
            yield Fault(
                place, f"there is no country {country!r}", "write its two letters of ISO 3166, such as US, CA, MX"
            )
        elif country in allowed[:index]:
            yield Fault(place, f"{country} is there already", "take one out")


def _also_allowed_faults(file: YamlFile, dialplan: Dialplan) -> Iterator[Fault]:
    reach = _reach(dialplan)
    for index, prefix in enumerate(dialplan.also_allowed):
        place = file.place("also_allowed", index)
        if prefix in dialplan.also_allowed[:index]:
            yield Fault(place, f"{prefix} is there already", "take one out")
        elif fault := _one_prefix_fault(place, prefix, "+1471 or +14[67]1"):
            yield fault
        elif reach.allowed and (problem := also_allowed_problem(parse_pattern(prefix), reach)):
            yield Fault(place, f"what begins with {prefix} {problem[0]}", problem[1])


def _prefix_faults(file: YamlFile, dialplan: Dialplan) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for index, entry in enumerate(dialplan.refused_prefixes):
        for nth, prefix in enumerate(entry.prefixes):
            place = file.place("refused_prefixes", index, "prefixes", nth)
            if prefix in seen:
                yield Fault(place, f"{prefix} is refused as {seen[prefix]!r} already", "take one out")
            seen.setdefault(prefix, entry.name)
            if fault := _one_prefix_fault(place, prefix, "+1900 or +1NXX976"):
                yield fault


def _one_prefix_fault(place: str, prefix: str, such_as: str) -> Fault | None:
    """The fault of a single prefix, or None."""
    if fault := _spelling_fault(place, "prefix", prefix):
        return fault
    if prefix.endswith("."):
        return Fault(place, f"the prefix {prefix!r} ends in '.'", "leave it out: a prefix takes what follows")
    if not prefix_patterns((prefix,)):
        repair = f"write a plus sign and the country code first, such as {such_as}"
        return Fault(place, f"no number begins with {prefix!r}", repair)
    return None


# --- the trunk, in network.yaml ---


def _trunk_faults(file: YamlFile, parameters: Parameters) -> Iterator[Fault]:
    trunk = parameters.network.trunk
    for name in trunk.headers:
        if not _HEADER_NAME.fullmatch(name):
            yield Fault(file.place("trunk", "headers", name), f"{name!r} is not a SIP header", "write X-Like-This")
    # The greatest length of each placeholder's value; an escaped character has three.
    longest = {
        "{client}": max(map(len, parameters.clients), default=0),
        "{context}": 3 * max(map(len, trunk.contexts)),
        "{dialled}": 3 * LONGEST_DIALLED,
    }
    uri = _length(trunk.uri, longest)
    if uri > _LONGEST_URI:
        yield Fault(file.place("trunk", "uri"), f"grows to {uri} characters, more than {_LONGEST_URI}", "shorten it")
    headers = sum(len(f"{name}=&") + _length(value, longest) for name, value in trunk.headers.items())
    if headers > _LONGEST_HEADERS:
        yield Fault(
            file.place("trunk", "headers"),
            f"grow to {headers} characters, more than {_LONGEST_HEADERS}",
            "shorten them",
        )


def _length(template: str, longest: dict[str, int]) -> int:
    for placeholder, length in longest.items():
        template = template.replace(placeholder, "x" * length)
    return len(template)
