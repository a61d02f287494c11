"""Compiling parameters/ into the table that `decide` reads, in Python and in JavaScript."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from dialtone_nb.dialplan import countries
from dialtone_nb.dialplan.check import LONGEST_DIALLED, OWN_CONTEXT, dialplan_faults, prefix_patterns
from dialtone_nb.dialplan.numbers import parse_template
from dialtone_nb.dialplan.patterns import Pattern, parse_pattern
from dialtone_nb.dialplan.short_codes import near_emergency_regex, short_codes_regex
from dialtone_nb.dialplan.table import (
    Countries,
    Domains,
    Emergency,
    Limits,
    RefusedNumbers,
    Table,
    TableClient,
    TableEnvironment,
    TableRule,
    TableThen,
    TableTrunk,
    load_table,
    table_json,
    table_module,
)
from dialtone_nb.errors import DialplanError
from dialtone_nb.parameters import ClientLimits, Parameters
from dialtone_nb.parameters.clients import Then
from dialtone_nb.parameters.dialplan import Dialplan, RefusedPrefixes, Rule
from dialtone_nb.values.emergency import EMERGENCY_NUMBERS, emergency_number
from dialtone_nb.values.sip import SEPARATORS, SIP_DOMAIN_USER

__all__ = ["Table", "compile_table", "load_table", "table_json", "table_module"]

# The user of a SIP URI (RFC 3261, 19.1.1), which may itself be a whole SIP URI, or the number of a tel URI (RFC 3966).
# Python and JavaScript use these expressions without flags. They avoid \d, which in Python takes the digits of every
# script, and case flags, with which s takes ſ.
_SIP: Final = "[Ss][Ii][Pp][Ss]?:"
ADDRESS: Final = rf"^(?:[^<]*<)?(?:{_SIP}((?:{_SIP}[^@]*@)?[^@]*)@[^@]*|[Tt][Ee][Ll]:([^@>]*)(?:>[^@]*)?)$"
# URI parameters and separators; \u00c2 is the first byte of a percent-encoded \u00a0 in UTF-8.
LEFT_OUT: Final = rf";[\s\S]*|[{SEPARATORS}]|\u00c2(?=\u00a0)"
DIALLED: Final = rf"^[0-9*#+]{{1,{LONGEST_DIALLED}}}$"
# E.164; under +1 exactly the North American form NXX NXX XXXX.
NUMBER: Final = r"(?:1[2-9][0-9]{2}[2-9][0-9]{6}|[2-9][0-9]{6,14})$"
# Twilio's rule for the caller ID of a call to SIP (docs: <Dial>): alphanumeric and + - _ . only; longer is alert 13248.
SIP_CALLER_ID: Final = r"^[A-Za-z0-9+._-]{1,64}$"
# A phone's own time limit must not cut off an emergency call; four hours is the longest that Twilio grants by default.
EMERGENCY_TIME_LIMIT_S: Final = 14400


@lru_cache(maxsize=4)  # cell after cell of a runbook asks for it
def compile_table(parameters: Parameters) -> Table:
    """The table of all environments; raises DialplanError with all faults of dialplan.yaml."""
    if faults := dialplan_faults(parameters):
        raise DialplanError(faults)
    network, dialplan = parameters.network, parameters.dialplan
    countries_here = sorted({client.country for client in parameters.clients.values()})
    return Table(
        address=ADDRESS,
        sip_domain_user=SIP_DOMAIN_USER,
        left_out=LEFT_OUT,
        dialled=DIALLED,
        number=_number(dialplan),
        sip_caller_id=SIP_CALLER_ID,
        short_codes={country: short_codes_regex(dialplan, country) for country in countries_here},
        emergency={country: _emergency(country) for country in countries_here},
        rules=tuple(map(_rule, dialplan.rules)),
        refused=tuple(map(_refused, dialplan.refused_prefixes)),
        countries=_countries(dialplan),
        trunk=TableTrunk(
            uri=network.trunk.uri,
            username=network.trunk.username,
            headers=dict(network.trunk.headers),
            contexts=network.trunk.contexts,
        ),
        ring_timeout_s=network.ring_timeout_s,
        call_time_limit_s=network.call_time_limit_s,
        emergency_time_limit_s=EMERGENCY_TIME_LIMIT_S,
        messages=dialplan.messages,
        environments={name: _environment(parameters, name) for name in network.environments},
    )


def _number(dialplan: Dialplan) -> str:
    """A regular expression for telephone numbers, in allowed countries of a length that they have there.

    Else +44118118 would be one: the directory that is dialled as 118118, which begins like the numbers of Reading.
    """
    codes = sorted({countries.calling_code(country) for country in dialplan.allowed_countries} - {countries.NANP})
    lengths = ((code, "|".join(f"[0-9]{{{length}}}" for length in countries.possible_lengths(code))) for code in codes)
    return r"^\+" + "".join(f"(?!{code}(?!(?:{length})$))" for code, length in lengths) + NUMBER


def _rule(rule: Rule) -> TableRule:
    name, pattern, exempt = rule.name, parse_pattern(rule.pattern).regex(), bool(rule.exempt)
    template = parse_template(rule.pstn or "")
    if template:
        return TableRule(
            name=name, pattern=pattern, to="pstn", prefix=template.prefix, skip=template.skip, exempt=exempt
        )
    if rule.trunk is not None:
        context = "" if rule.trunk == OWN_CONTEXT else rule.trunk
        return TableRule(name=name, pattern=pattern, to="trunk", value=context, exempt=exempt)
    if rule.number is not None:
        return TableRule(name=name, pattern=pattern, to="number", value=rule.number, exempt=exempt)
    if rule.refuse is not None:
        return TableRule(name=name, pattern=pattern, to="refuse", value=rule.refuse)
    return TableRule(
        name=name, pattern=pattern, to="emergency", value="" if rule.emergency is True else str(rule.emergency)
    )


def _emergency(country: str) -> Emergency:
    return Emergency(
        numbers=EMERGENCY_NUMBERS.get(country, ()),
        near=near_emergency_regex(country),
        said=" ".join(emergency_number(country)),
    )


def _refused(entry: RefusedPrefixes) -> RefusedNumbers:
    return RefusedNumbers(name=entry.name, say=entry.say, pattern=_any_of(prefix_patterns(entry.prefixes)))


def _countries(dialplan: Dialplan) -> Countries:
    refused = countries.refused_beginnings(frozenset(dialplan.allowed_countries))
    return Countries(
        allowed=countries.allowed_regex(dialplan.allowed_countries),
        elsewhere=countries.beginnings_regex(refused.elsewhere),
        special=countries.beginnings_regex(refused.special),
        unassigned=countries.beginnings_regex(refused.unassigned),
        also_allowed=_any_of(prefix_patterns(dialplan.also_allowed)),
    )


def _any_of(prefixes: list[Pattern]) -> str:
    """A regular expression for all that begins with one of these; it matches nothing if there are none."""
    return "|".join(sorted(prefix.prefix_regex() for prefix in prefixes)) or "^(?!)"


def _environment(parameters: Parameters, name: str) -> TableEnvironment:
    network, clients = parameters.network, parameters.clients_in(name)
    return TableEnvironment(
        domains=Domains(
            emergency=network.sip_domain(name, emergency=True),
            nonemergency=network.sip_domain(name, emergency=False),
        ),
        clients={client: _client(parameters, client) for client in clients},
        numbers={entry.caller_id: client for client, entry in clients.items() if entry.owns_number},
    )


def _client(parameters: Parameters, name: str) -> TableClient:
    entry, longest = parameters.clients[name], parameters.network.call_time_limit_s
    return TableClient(
        country=entry.country,
        caller_id=entry.caller_id,
        domain=parameters.sip_domain_of(name),
        trunk_context=entry.trunk_context,
        emergency=entry.calls_emergency,
        # A phone may have a shorter limit than the network, not a longer one.
        call_time_limit_s=min(entry.call_time_limit_s or longest, longest),
        limits=_limits(entry.limits, parameters.network.time_zone),
        rings=steps if (steps := entry.steps(name)) != ((name,),) else None,
        then=_then(entry.then) if entry.then else None,
    )


def _then(then: Then) -> TableThen:
    if then.number is not None:
        return TableThen(to="pstn", value=then.number)
    return (
        TableThen(to="trunk", value=then.trunk) if then.trunk is not None else TableThen(to="say", value=str(then.say))
    )


def _limits(limits: ClientLimits | None, time_zone: str) -> Limits | None:
    if limits is None:
        return None
    begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (limits.quiet_hours or "00:00-00:00").split("-"))
    return Limits(calls_an_hour=limits.calls_an_hour or 0, quiet_from=begin, quiet_until=end, time_zone=time_zone)
