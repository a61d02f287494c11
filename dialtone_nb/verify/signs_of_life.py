"""When each phone was last heard of; Twilio has no list of registrations, so calls have to tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.values.sip import global_domain, parse_sip_uri
from dialtone_nb.verify.checks import Check, good, unknown
from dialtone_nb.verify.phones import subject_of
from dialtone_nb.verify.seen import Seen

SUBJECT = "Signs of life"
DAYS = 7
PLACED = "placed a call"
# How a call to a phone ends that was there to take it. One that nobody answered may have rung nowhere.
_THERE = {"completed": "answered a call", "in-progress": "answered a call", "busy": "was busy"}


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that a phone did, and when."""

    client: str
    domain: str
    what: str
    at: datetime


def fetch_signs(account: Account, now: datetime) -> list[Sign]:
    """What phones did in the last days, as the account's calls tell."""
    calls = account.client.calls.list(start_time_after=now - timedelta(days=DAYS), page_size=1000)
    signs = []
    for call in calls:
        caller, from_domain = parse_sip_uri(str(call._from or ""))
        called, to_domain = parse_sip_uri(str(call.to or ""))
        at = call.start_time or call.date_created
        if at is None:
            continue
        if call.direction == "inbound" and from_domain:
            signs.append(Sign(caller, global_domain(from_domain), PLACED, at))
        elif call.direction == "outbound-dial" and to_domain and call.status in _THERE:
            signs.append(Sign(called, global_domain(to_domain), _THERE[str(call.status)], at))
    return signs


def life_checks(seen: Seen, signs: Iterable[Sign]) -> Iterator[Check]:
    """The last sign of life of each phone that has a credential."""
    network = seen.parameters.network
    domains = {network.sip_domain(seen.environment, emergency=flag) for flag in (True, False)}
    last: dict[str, Sign] = {}
    for sign in sorted(signs, key=lambda sign: sign.at):
        if sign.domain in domains:
            last[sign.client] = sign
    for name in seen.parameters.clients_in(seen.environment):
        if seen.find(CREDENTIAL, name) is None:
            continue
        title = f"last sign of life of {name}"
        if name in last:
            found = f"{last[name].what} on {last[name].at:%Y-%m-%d at %H:%M} UTC"
            yield good(subject_of(name), title, found, "the phone had power, a connection and its password then")
        else:
            meaning = "without a call nobody can tell whether the phone is registered"
            yield unknown(
                subject_of(name), title, f"none in the last {DAYS} days", meaning, "place a call from it, or call it"
            )
