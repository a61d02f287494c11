"""What each phone did lately: its last sign of life, and whether it calls more than usual.

Twilio has no list of registrations, so only calls show that a phone is there. And a phone whose password is abused
suddenly calls all day long.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.values.sip import global_domain, parse_sip_uri
from dialtone_nb.verify.checks import Check, good, unknown, wrong
from dialtone_nb.verify.comparison import Comparison
from dialtone_nb.verify.phones import subject_of

SUBJECT = "Signs of life"
DAYS = 7
PLACED = "placed a call"
# How a call ends to a phone that is there. An unanswered one may have rung nowhere.
_THERE = {"completed": "answered a call", "in-progress": "answered a call", "busy": "was busy"}

# Up to this many calls a day are never unusual; this many times the busiest day before always is.
USUAL: Final = 10
TIMES: Final = 3
# How many unknown names are shown.
MOST_NAMES: Final = 5
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that a phone did, and when."""

    client: str
    domain: str
    what: str
    at: datetime


def fetch_signs(account: Account, now: datetime) -> list[Sign]:
    """What phones did in the last days, by the account's calls."""
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


def activity_checks(compared: Comparison, signs: Iterable[Sign], now: datetime) -> Iterator[Check]:
    """The last sign of life of each phone that has a credential, and its calls of 24 hours beside those of days before.

    It includes calls under unknown names, if there were any.
    """
    network = compared.parameters.network
    domains = {network.sip_domain(compared.environment, emergency=flag) for flag in (True, False)}
    last: dict[str, Sign] = {}
    placed: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for sign in sorted(signs, key=lambda sign: sign.at):
        if sign.domain in domains:
            last[sign.client] = sign
            if sign.what == PLACED:
                placed[sign.client][(now - sign.at) // _DAY] += 1
    phones = compared.parameters.clients_in(compared.environment)
    for name in phones:
        if compared.find(CREDENTIAL, name) is not None:
            yield _last_sign(name, last.get(name))
            yield _usage(name, placed[name])
    if strangers := sorted(name for name, calls in placed.items() if name not in phones and calls[0]):
        yield _strangers(strangers, sum(placed[name][0] for name in strangers))


def _last_sign(name: str, sign: Sign | None) -> Check:
    subject, title = subject_of(name), f"last sign of life of {name}"
    if sign is None:
        meaning = "without a call nobody can tell whether the phone is registered"
        return unknown(subject, title, f"none in the last {DAYS} days", meaning, "place a call from it, or call it")
    found = f"{sign.what} on {sign.at:%Y-%m-%d at %H:%M} UTC"
    return good(subject, title, found, "the phone had power, a connection and its password then")


def _strangers(names: Sequence[str], calls: int) -> Check:
    # A call came in with some phone's credential, but the caller chooses the name that it shows.
    found = f"{calls} in 24 hours, as {', '.join(names[:MOST_NAMES])}{' and others' if names[MOST_NAMES:] else ''}"
    meaning = "somebody calls with a phone's password under another name, or a phone is set to another's SIP domain"
    repair = "see with explore whose number they show; give that phone its settings, or by client_setup a new password"
    return wrong(SUBJECT, "calls under names of no phone here", found, meaning, repair)


def _usage(name: str, calls: Counter[int]) -> Check:
    last = calls[0]
    busiest = max((calls[day] for day in range(1, DAYS)), default=0)
    title = f"usage of {name}"
    found = f"{last} calls in 24 hours, at most {busiest} on a day of the {DAYS - 1} before"
    if last <= max(USUAL, TIMES * busiest):
        return good(subject_of(name), title, found, f"no more than {USUAL}, or {TIMES} times its busiest day")
    meaning = "somebody else may be calling with its password"
    repair = f"look at its calls with call_report; to stop them, client_setup with client {name} and action suspend"
    return wrong(subject_of(name), title, found, meaning, repair)
