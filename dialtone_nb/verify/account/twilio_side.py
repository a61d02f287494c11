"""What Twilio itself may change under a working service: runtimes end, calls need a profile, webhooks have rules."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from phonenumbers import country_code_for_region

from dialtone_nb.account.account import Account
from dialtone_nb.calls.twilio_source.call_limit import APPROVED
from dialtone_nb.errors import AbsentError
from dialtone_nb.verify.checks import Check, good, unknown, wrong

SUBJECT: Final = "Twilio"
# The last day on which Twilio built it (change log of 2025-05-29). What is live goes on running.
ENDED: Final = {"node18": date(2025, 11, 9)}
# The last day of Node's own support (nodejs/Release, schedule.json). Twilio ended node18 half a year after it.
MENDED_UNTIL: Final = {"node20": date(2026, 4, 30), "node22": date(2027, 4, 30), "node24": date(2028, 4, 30)}
NEXT_RUNTIME: Final = "node22"
SOON: Final = timedelta(days=120)
_WEBHOOKS: Final = "https://webhooks.twilio.com/v1/Webhooks"
_PLUS_ONE: Final = 1


def runtime_check(runtime: str, today: date) -> Check:
    """Whether Twilio still builds with the runtime of network.yaml, and until when Node supports it."""
    title, harm = f"runtime {runtime}", "the functions go on answering, and no change of them can be deployed"
    repair = f"write runtime: {NEXT_RUNTIME} into network.yaml, and deploy"
    if runtime in ENDED and today > ENDED[runtime]:
        return wrong(SUBJECT, title, f"Twilio built it last on {ENDED[runtime]}", harm, repair)
    until = MENDED_UNTIL.get(runtime)
    if until is None:
        return unknown(SUBJECT, title, "its last day is not known here", harm, repair)
    found = f"maintained by Node until {until}; Twilio has named no last day"
    if today + SOON > until:
        return unknown(SUBJECT, title, found, "Twilio ends runtimes some months after Node does", repair)
    return good(SUBJECT, title, found, "changes of the functions can be deployed")


def profile_check(states: Sequence[str], allowed: Collection[str]) -> Check:
    """Whether Twilio knows who calls numbers of +1."""
    title, meaning = "customer profile", "calls to numbers of +1 go through"
    if not any(country_code_for_region(country) == _PLUS_ONE for country in allowed):
        return good(SUBJECT, title, "no country of +1 is called", "none is needed")
    if APPROVED in states:
        return good(SUBJECT, title, "approved", meaning)
    found = f"none is approved ({', '.join(states) or 'there is none'})"
    repair = "make a Primary Customer Profile in the Console: Trust Hub; a subaccount goes by its parent's: accept this"
    return wrong(SUBJECT, title, found, "Twilio may refuse every call to a number of +1 (21216)", repair)


@dataclass(frozen=True, slots=True)
class WebhookRule:
    """A rule of the webhooks API: what it matches, and whether its setting signs in another way than the account's."""

    match_type: str
    match: str
    signs_otherwise: bool


def fetch_webhook_rules(account: Account) -> list[WebhookRule]:
    """The account's rules for webhooks (public beta since September 2026); none where it has no such API."""
    try:
        rules, settings = _listed(account, "Rules"), _listed(account, "Settings")
    except AbsentError:
        return []
    signing = [str(one["id"]) for one in settings if one.get("signature")]
    return [
        WebhookRule(
            str(one.get("matchType", "")),
            str(one.get("value") or one.get("prefix") or ""),
            # How a rule names its settings differs between Twilio's pages; an id is an id wherever it stands.
            any(setting in json.dumps(one.get("settings")) for setting in signing),
        )
        for one in rules
    ]


def _listed(account: Account, name: str) -> list[Mapping[str, Any]]:
    response: Any = account.transport.request("GET", f"{_WEBHOOKS}/{name}", auth=account.credentials.basic)
    found = response.parsed
    lists = [found] if isinstance(found, list) else [one for one in found.values() if isinstance(one, list)]
    return [one for rows in lists for one in rows if isinstance(one, dict)]


def rule_for(url: str, rules: Sequence[WebhookRule]) -> WebhookRule | None:
    """The rule that Twilio applies: an exact one, then the longest prefix, then the default one."""
    exact = [one for one in rules if one.match_type == "EXACT_MATCH" and one.match == url]
    prefixes = [one for one in rules if one.match_type == "PREFIX_MATCH" and url.startswith(one.match)]
    prefixes.sort(key=lambda one: -len(one.match))
    return next(iter([*exact, *prefixes, *(one for one in rules if one.match_type == "DEFAULT")]), None)


def webhook_checks(rules: Sequence[WebhookRule], urls: Sequence[str]) -> Iterator[Check]:
    """Whether Twilio signs what it asks our URLs with the account's auth token, as our signature check takes it."""
    applied = {url: rule for url in urls if (rule := rule_for(url, rules)) and rule.signs_otherwise}
    title, meaning = "webhook rules", "Twilio signs with the account's auth token, which our signature check takes"
    if not applied:
        yield good(SUBJECT, title, "none signs our webhooks in another way", meaning)
        return
    url, rule = next(iter(applied.items()))
    which = "the default rule" if rule.match_type == "DEFAULT" else f"the rule for {rule.match}"
    found = f"{which} signs {url} with a key of its own"
    repair = f"make a rule for {url.rpartition('/')[0]} whose setting has no signature, at the webhooks API"
    yield wrong(SUBJECT, title, found, "our signature check refuses everything, and every call fails", repair)
