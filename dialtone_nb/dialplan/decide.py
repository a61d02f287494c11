"""A call -> a decision, from the table alone; the deployed service's `decide.private.js` is the same, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, TypedDict
from urllib.parse import quote

from dialtone_nb.dialplan.decisions import (
    Call,
    Decision,
    DialEmergency,
    DialPstn,
    DialTrunk,
    IncomingCall,
    OutgoingCall,
    Refuse,
    RingClient,
)
from dialtone_nb.dialplan.table import Domains, Table, TableClient, TableEnvironment, TableRule
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX

_ESCAPE: Final = re.compile("%([0-9A-Fa-f]{2})")
_PLACEHOLDER: Final = re.compile(r"\{(client|context|dialled)\}")
# Reasons for refusing digits without a meaning; if these look like an emergency number, the caller is told its number.
_UNKNOWN: Final = ("no-rule", "not-a-number", "no-emergency-number")
# DialCallStatus values after which nothing follows: the call was answered, or the caller has hung up.
_OVER: Final = ("completed", "answered", "canceled")
_STEP: Final = re.compile("[1-9][0-9]?")
# On telephones, # ends dialling.
_SEND_KEY: Final = re.compile(r"(?<=[0-9])#\Z")
# Characters that JavaScript's encodeURIComponent does not escape, besides letters, digits and _.-~
_UNESCAPED: Final = "!*'()"


def decide(table: Table, call: Call) -> Decision:
    """The decision about a call; never raises, whatever the call's strings are."""
    environment = table.environments.get(call.environment)
    if isinstance(call, IncomingCall):
        return _decide_incoming(table, environment, call)
    return _decide_outgoing(table, environment, call)


@dataclass(frozen=True, slots=True)
class IdentifiedCaller:
    """The calling phone, and the parameter of Twilio's request that identified it."""

    client: str
    identified_by: Literal["SipUsername", "From"]


def caller_of(table: Table, call: OutgoingCall) -> IdentifiedCaller | None:
    """The caller: the user that Twilio authenticated, or else the user of From at a domain of this environment.

    Twilio's page on SIP domains promises SipUsername, but four recorded requests of real domains lack it. A domain with
    a credential list admits only its users, so From can at worst name another one of our phones; if both are there, the
    authenticated one counts. None if the caller is not one of our phones.
    """
    # A phone of another environment is not known here, although the credential list is the same.
    environment = table.environments.get(call.environment)
    if environment is None:
        return None
    caller = (
        IdentifiedCaller(call.sip_username, "SipUsername")
        if call.sip_username
        else IdentifiedCaller(_own_user(table, environment.domains, call.from_), "From")
    )
    return caller if caller.client in environment.clients else None


def dialled_of(table: Table, to: str) -> str:
    """The dialled keys, from the requested URI; empty if they are not keys of a phone."""
    user = _user_of(table, to)
    # Some softphones put a whole URI from the address book into the user part.
    dialled = _SEND_KEY.sub("", _compiled(table.left_out).sub("", _user_of(table, user) or user))
    return dialled if _compiled(table.dialled).fullmatch(dialled) else ""


def _user_of(table: Table, uri: str) -> str:
    """The user of a SIP URI or the number of a tel URI, without escapes; empty if it is neither."""
    found = _compiled(table.address).fullmatch(uri)
    # Escapes of other characters than ASCII may decode to anything here: only keys of a phone are accepted later.
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), found[1] or found[2] or "") if found else ""


def next_step(direction: str, dial_call_status: str, step: str) -> int:
    """The step after a Dial that ended with this DialCallStatus; `step` is from the Dial's action URL; 0 for none."""
    is_open = direction == "incoming" and dial_call_status not in _OVER
    return int(step) if is_open and _STEP.fullmatch(step) else 0


def spoken_reason(table: Table, direction: str, dial_call_status: str, emergency: str = "", to: str = "") -> str:
    """The message for the caller after a Dial that ended with this DialCallStatus; empty if there is none.

    `emergency` is the country whose emergency number was dialled, and `to` the SIP URI that the phone requested: a
    failure may be due to the phone's domain, if that has no emergency calling.
    """
    # After `canceled` the caller has hung up already.
    if dial_call_status in _OVER:
        return ""
    if emergency in table.emergency:
        found = _compiled(table.sip_domain_user).fullmatch(to)
        domain = found[2].lower() + SIP_DOMAIN_SUFFIX if found else ""
        elsewhere = any(domain == here.domains.nonemergency for here in table.environments.values())
        message = table.messages.emergency_domain if elsewhere else table.messages.emergency_failed
        return _with_number(message, table, emergency)
    if dial_call_status == "busy":
        return table.messages.busy
    if dial_call_status == "no-answer":
        return table.messages.no_answer
    return table.messages.phone_unreachable if direction == "incoming" else table.messages.failed


def _decide_outgoing(table: Table, environment: TableEnvironment | None, call: OutgoingCall) -> Decision:
    caller = caller_of(table, call)
    if environment is None or caller is None:
        return Refuse(rule="", client="", reason="unknown-client", message=table.messages.unknown_phone)
    name, client = caller.client, environment.clients[caller.client]
    dialled = dialled_of(table, call.to)
    if not dialled:
        return Refuse(rule="", client=name, reason="not-dialable", message=table.messages.not_dialable)
    dialled = _short_code(table, client, dialled) or dialled
    rule = next((rule for rule in table.rules if _compiled(rule.pattern).fullmatch(dialled)), None)
    if rule is None:
        refusal = Refuse(rule="", client=name, reason="no-rule", message=table.messages.no_rule)
        return _near_emergency(table, client, dialled, refusal)
    decision = _near_emergency(table, client, dialled, _follow(table, rule, name, client, dialled))
    if isinstance(decision, DialPstn) and _rings_itself(environment, decision):
        return Refuse(rule=rule.name, client=name, reason="own-number", message=table.messages.own_number)
    return decision


def _rings_itself(environment: TableEnvironment, decision: DialPstn) -> bool:
    """Whether a call would only ring the phone that makes it: that is always busy, and two legs would be charged."""
    client = environment.clients[decision.client]
    is_own = environment.numbers.get(decision.number) == decision.client
    return is_own and client.rings is None and client.then is None


def _near_emergency(table: Table, client: TableClient, dialled: str, decision: Decision) -> Decision:
    """The decision; if it refuses digits that look like an emergency number, with a message that says what to dial."""
    if not isinstance(decision, Refuse) or decision.reason not in _UNKNOWN:
        return decision
    if not _compiled(table.emergency[client.country].near).fullmatch(dialled):
        return decision
    can = client.emergency and table.emergency[client.country].numbers
    message = table.messages.dial_emergency if can else table.messages.no_emergency
    return replace(decision, reason="near-emergency", message=_with_number(message, table, client.country))


def _with_number(message: str, table: Table, country: str) -> str:
    """A message with a country's emergency number filled in."""
    return message.replace("{number}", table.emergency[country].said)


def _short_code(table: Table, client: TableClient, dialled: str) -> str:
    """The short code that was dialled with + and a calling code before it; empty if none was."""
    found = _compiled(table.short_codes[client.country]).fullmatch(dialled)
    return next(filter(None, found.groups())) if found else ""


def _own_user(table: Table, domains: Domains, from_: str) -> str:
    """The user of a From, without escapes, if its host is one of these domains, by any of their names; else empty."""
    found = _compiled(table.sip_domain_user).fullmatch(from_)
    if found is None or found[2].lower() + SIP_DOMAIN_SUFFIX not in (domains.emergency, domains.nonemergency):
        return ""
    # Names of phones are ASCII, so escapes of other characters can't decode to one.
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), found[1])


def _follow(table: Table, rule: TableRule, name: str, client: TableClient, dialled: str) -> Decision:
    if rule.to == "pstn":
        return _dial_pstn(table, rule, name, client, rule.prefix + dialled[rule.skip :])
    if rule.to == "number":
        return _dial_pstn(table, rule, name, client, rule.value)
    if rule.to == "trunk":
        return _trunk_call(table, rule.name, name, client, rule.value or client.trunk_context, dialled)
    if rule.to == "emergency":
        return _dial_emergency(table, rule, name, client, dialled)
    return Refuse(rule=rule.name, client=name, reason="refused-by-rule", message=rule.value)


def _dial_pstn(table: Table, rule: TableRule, name: str, client: TableClient, number: str) -> Decision:
    if not _compiled(table.number).fullmatch(number):
        return Refuse(rule=rule.name, client=name, reason="not-a-number", message=table.messages.not_a_number)
    for refused in table.refused:
        if _compiled(refused.pattern).match(number):
            return Refuse(rule=rule.name, client=name, reason=refused.name, message=refused.say)
    if refusal := _refused_country(table, number):
        reason, message = refusal
        return Refuse(rule=rule.name, client=name, reason=reason, message=message)
    return DialPstn(
        rule=rule.name,
        client=name,
        number=number,
        **_limits(table, client),
    )


def _refused_country(table: Table, number: str) -> tuple[str, str] | None:
    """The reason and message if a number's country or rate is not allowed; None if it may be called."""
    countries, messages = table.countries, table.messages
    if not _compiled(countries.allowed).match(number) or _compiled(countries.elsewhere).match(number):
        return "country-not-allowed", messages.country_not_allowed
    if _compiled(countries.also_allowed).match(number):
        return None
    if _compiled(countries.special).match(number):
        return "special-rate", messages.special_rate
    if _compiled(countries.unassigned).match(number):
        return "no-such-code", messages.no_such_code
    return None


def _dial_emergency(table: Table, rule: TableRule, name: str, client: TableClient, dialled: str) -> Decision:
    number = rule.value or dialled
    words = _with_number(table.messages.no_emergency, table, client.country)
    if number not in table.emergency[client.country].numbers:
        return Refuse(rule=rule.name, client=name, reason="no-emergency-number", message=words)
    if not client.emergency:
        return Refuse(rule=rule.name, client=name, reason="no-emergency-address", message=words)
    return DialEmergency(
        rule=rule.name,
        client=name,
        number=number,
        country=client.country,
        caller_id=client.caller_id,
        time_limit_s=table.emergency_time_limit_s,
        ring_timeout_s=table.ring_timeout_s,
    )


def _trunk_call(table: Table, rule: str, name: str, client: TableClient, context: str, dialled: str) -> DialTrunk:
    values = {"client": name, "context": context, "dialled": dialled}
    return DialTrunk(
        rule=rule,
        client=name,
        uri=_filled(table.trunk.uri, {key: quote(value, safe=_UNESCAPED) for key, value in values.items()}),
        username=table.trunk.username,
        headers={header: _filled(value, values) for header, value in table.trunk.headers.items()},
        **_limits(table, client),
    )


def _decide_incoming(table: Table, environment: TableEnvironment | None, call: IncomingCall) -> Decision:
    name = environment.numbers.get(call.to) if environment else None
    if environment is None or name is None:
        # Without a message the call is rejected before it is answered, which costs nothing.
        return Refuse(rule="", client="", reason="unknown-number", message="")
    client = environment.clients[name]
    steps = ((name,),) if client.rings is None else client.rings
    if call.step >= len(steps):
        return _go_on(table, name, client, call)
    is_last = call.step + 1 == len(steps) and client.then is None
    return RingClient(
        rule="incoming",
        client=name,
        # The domain's global name, because a registered phone can't be dialled at an edge (error 32220).
        uris=tuple(f"sip:{one}@{environment.clients[one].domain}" for one in steps[call.step]),
        next_step=0 if is_last else call.step + 1,
        caller_id=call.from_ if _compiled(table.sip_caller_id).fullmatch(call.from_) else call.to,
        time_limit_s=client.call_time_limit_s,
        ring_timeout_s=table.ring_timeout_s,
    )


def _go_on(table: Table, name: str, client: TableClient, call: IncomingCall) -> Decision:
    """The decision after the last phone did not answer; a number or trunk gets the caller's own number as caller ID."""
    then = client.then
    if then is None:
        return Refuse(rule="incoming", client=name, reason="nobody-there", message=table.messages.phone_unreachable)
    if then.to == "say":
        return Refuse(rule="then", client=name, reason="told", message=then.value)
    if then.to == "pstn":
        caller_id = call.from_ if _compiled(table.number).fullmatch(call.from_) else call.to
        limits: _Limits = {**_limits(table, client), "caller_id": caller_id}
        return DialPstn(rule="then", client=name, number=then.value, **limits)
    caller_id = call.from_ if _compiled(table.sip_caller_id).fullmatch(call.from_) else call.to
    return replace(_trunk_call(table, "then", name, client, then.value, call.to), caller_id=caller_id)


class _Limits(TypedDict):
    caller_id: str
    time_limit_s: int
    ring_timeout_s: int


def _limits(table: Table, client: TableClient) -> _Limits:
    """The caller ID and the limits, in seconds, of a phone's calls."""
    return {
        "caller_id": client.caller_id,
        "time_limit_s": client.call_time_limit_s,
        "ring_timeout_s": table.ring_timeout_s,
    }


def _filled(template: str, values: dict[str, str]) -> str:
    """The template with its placeholders filled in, in one pass, so that values are not searched for placeholders."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


@lru_cache(maxsize=1024)
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)
