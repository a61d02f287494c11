"""What calls, alerts and registrations show of a phone, as checks: evidence beside verify's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final
from urllib.parse import unquote_plus

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import DELIVERED, LOST, OUTCOME_OF_CODE, code_of
from dialtone_nb.calls.attempts.schema import mask_parties
from dialtone_nb.calls.emergency_calls import REASONS
from dialtone_nb.dialplan.decisions import Refuse
from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.what_if import KeypadResult
from dialtone_nb.values.emergency import KNOWN, TEST_LINE
from dialtone_nb.values.phone_numbers import country_of, is_e164
from dialtone_nb.verify.checks import Check, CheckState, good, unknown, wrong
from dialtone_nb.verify.phones import subject_of

# A complaint is about today; earlier calls show what is usual.
RECENT: Final = timedelta(days=1)
LOOKED_BACK: Final = timedelta(days=7)
# Calls that Twilio turned away at the SIP domain, and registrations: they leave an alert and nothing else.
REFUSALS: Final = frozenset(
    {"32007", "32008", "32106", "32201", "32202", "32207", "32208", "32209", "32210", "32212", "32222"}
)
NO_SOUND: Final = "32014"
# The phone was off and is back: nothing is wrong with it any more.
NOT_REGISTERED: Final = "32009"
# ITU-T E.721 has 3 seconds for a local call, from the last digit to the ringing; a decision and a cold start take less.
SLOW_MS: Final = 2000
SLOW_KEYS_S: Final = 4.0
# Fewer calls to a new country may be somebody's family.
MANY: Final = 3
# The last calls tell what it is like now.
MEASURED: Final = 3
_HOST: Final = re.compile(r"[\w-]+(\.[\w-]+)+")


@dataclass(frozen=True)
class PhoneSigns:
    """What was fetched of an environment: `attempts` are those of the last days, oldest first."""

    now: datetime
    attempts: pd.DataFrame
    alerts: Sequence[Mapping[str, Any]] = ()
    # By phone the SIP domains at which it is registered; None where nobody knows.
    registered: Mapping[str, Collection[str]] | None = None
    # By phone the SIP domain that it last called through.
    called_through: Mapping[str, str] = field(default_factory=dict)


def phone_evidence(signs: PhoneSigns, parameters: Parameters, environment: str) -> Iterator[Check]:
    """What is known of each phone of an environment, by its calls, alerts and registrations."""
    recent = signs.attempts[signs.attempts["started_at"] >= signs.now - RECENT]
    yield from _unnamed_refusals(signs, list(parameters.clients))
    for name, client in parameters.clients_in(environment).items():
        own = recent[recent["client"] == name]
        yield from _declared(parameters, name)
        yield from _registration(signs, parameters, name)
        yield from _refusals(signs, list(parameters.clients), name)
        is_there = parameters.sip_domain_of(name) in (signs.registered or {}).get(name, ())
        yield from _calls(name, own, calls_emergency=client.calls_emergency, is_there=is_there)
        yield from _new_countries(name, signs, client.caller_id)


def _declared(parameters: Parameters, name: str) -> Iterator[Check]:
    """What in the phone's entry may surprise people; it is intended, so nothing is wrong."""
    subject, client = subject_of(name), parameters.clients[name]
    if sharing := [other for other in parameters.sharing(client.caller_id) if other != name]:
        found, meaning = f"{client.caller_id} is {', '.join(sharing)}'s too", "whoever is called can't tell them apart"
        yield unknown(subject, f"number of {name}", found, meaning)
    rung = [phone for step in client.steps(name) for phone in step] if client.owns_number else []
    if name not in rung:
        found = f"it rings {', '.join(rung)}" if rung else "incoming is false"
        yield unknown(subject, f"incoming calls of {name}", found, "a call to its number does not ring it")


def _registration(signs: PhoneSigns, parameters: Parameters, name: str) -> Iterator[Check]:
    """Whether the phone is registered, if that is known, and whether it uses its own SIP domain."""
    subject, right = subject_of(name), parameters.sip_domain_of(name)
    there = list((signs.registered or {}).get(name, ()))
    if signs.registered is not None and right in there:
        yield good(subject, f"registration of {name}", f"registered at {right}", "it can be called")
    elif signs.registered is not None:
        found = f"registered at {', '.join(there)}" if there else "not registered"
        repair = "look at its power and its network, then at its settings"
        yield wrong(subject, f"registration of {name}", found, "it can't be called", repair)
    used = there or [domain for domain in (signs.called_through.get(name),) if domain]
    if used and right not in used:
        found = f"{'registered at' if there else 'calls through'} {', '.join(used)}, not {right}"
        repair = f"enter {right} as its SIP domain, as its sheet says, and register it again"
        yield wrong(subject, f"SIP domain that {name} uses", found, "calls to it and from it go astray", repair)


def _refusals(signs: PhoneSigns, names: Sequence[str], name: str) -> Iterator[Check]:
    """The last time that Twilio turned the phone away, unless it was heard of since."""
    told = [one for one in signs.alerts if str(one.get("error_code")) in REFUSALS and _named_in(one, names) == name]
    last = max(told, key=_moment_of, default=None)
    if last is None or _was_heard_since(signs, name, _moment_of(last)):
        return
    code, known = str(last["error_code"]), code_of(str(last["error_code"]))
    found = f"{code}, {known.meaning}, {_clock(_moment_of(last))}"
    yield wrong(subject_of(name), f"refusals of {name}", found, "it can't register, or can't call", known.repair)


def _unnamed_refusals(signs: PhoneSigns, names: Sequence[str]) -> Iterator[Check]:
    """The last time in a day that Twilio turned a phone away and did not say which."""
    told = [
        one
        for one in signs.alerts
        if str(one.get("error_code")) in REFUSALS
        and not _named_in(one, names)
        and _moment_of(one) >= signs.now - RECENT
    ]
    if last := max(told, key=_moment_of, default=None):
        code = str(last["error_code"])
        found = f"{code}, {code_of(code).meaning}, {_clock(_moment_of(last))}"
        meaning = "it may be any phone, or nobody's"
        yield unknown("Account", "refusals that name no phone", found, meaning, code_of(code).repair)


def _named_in(alert: Mapping[str, Any], names: Sequence[str]) -> str:
    """The phone that an alert names, or empty. A name that is part of a host's name does not count."""
    text = " ".join(unquote_plus(str(alert.get(part) or "")) for part in ("alert_text", "request_variables"))
    words = set(re.findall(r"[\w.-]+", _HOST.sub(" ", text)))
    return next((name for name in names if name in words), "")


def _was_heard_since(signs: PhoneSigns, name: str, at: datetime) -> bool:
    own = signs.attempts[(signs.attempts["client"] == name) & (signs.attempts["started_at"] > at)]
    return bool(((own["direction"] == "outgoing") | (own["outcome"] == "answered")).any())


def _calls(name: str, own: pd.DataFrame, *, calls_emergency: bool, is_there: bool) -> Iterator[Check]:
    """The last call of each kind within a day; kinds without a call are left out."""
    party = own["other_party"].fillna("").astype(str)
    out, is_emergency = own["direction"] == "outgoing", party.isin([*KNOWN]) | own["reason"].isin(REASONS)
    is_drill, is_trunk = party == TEST_LINE, party.str.contains("@")
    kinds = {
        f"last call out of {name}": own[out & ~is_emergency & ~is_drill & ~is_trunk],
        f"last call of {name} to the trunk": own[out & is_trunk],
        f"last emergency call of {name}": own[out & is_emergency & ~is_drill],
        f"last drill of {name}": own[out & is_drill] if calls_emergency else own[:0],
        f"last call in to {name}": own[~out],
    }
    for title, some in kinds.items():
        if len(some):
            check = _last(subject_of(name), title, some)
            came_back = is_there or bool((out & (own["started_at"] > some["started_at"].iloc[-1])).any())
            yield replace(check, state=CheckState.UNKNOWN) if came_back and NOT_REGISTERED in check.found else check
    silent = own[own["reason"] == NO_SOUND]
    if len(silent):
        yield wrong(
            subject_of(name),
            f"sound of {name}",
            f"{len(silent)} of {len(own)} calls without audio ({NO_SOUND})",
            "one side hears nothing",
            code_of(NO_SOUND).repair,
        )


def _last(subject: str, title: str, attempts: pd.DataFrame) -> Check:
    """The last of these calls: good if the network did its part, wrong if not, otherwise for a person to judge."""
    last = mask_parties(attempts.iloc[-1:]).iloc[0]
    outcome, reason = str(last["outcome"]), "" if pd.isna(last["reason"]) else str(last["reason"])
    # Why a caller was told something is what the phone's own leg said.
    is_lost = outcome in LOST or (outcome == "told" and reason in OUTCOME_OF_CODE)
    known = code_of(reason)
    words = [outcome, *([f"{reason}: {known.meaning}"] if reason else [])]
    party = "" if pd.isna(last["other_party"]) else f", {last['other_party']}"
    found = f"{', '.join(words)}{party}, {_clock(last['started_at'])}"
    if is_lost:
        return wrong(subject, title, found, "the call did not come about", known.repair)
    if outcome in DELIVERED:
        return good(subject, title, found, "the network did its part")
    return unknown(subject, title, found, "a person has to judge that", known.repair)


def _new_countries(name: str, signs: PhoneSigns, caller_id: str) -> Iterator[Check]:
    """Countries that the phone calls now, again and again, and that no phone called in the days before."""
    attempts = signs.attempts[signs.attempts["direction"] == "outgoing"]
    countries = (
        attempts["other_party"].fillna("").astype(str).map(lambda party: country_of(party) if is_e164(party) else "")
    )
    is_now = attempts["started_at"] >= signs.now - RECENT
    before = {*countries[~is_now], country_of(caller_id), ""}
    called = countries[is_now & (attempts["client"] == name) & ~countries.isin(before)].value_counts()
    many = [f"{country} {count} times" for country, count in called.items() if count >= MANY]
    if many:
        repair = f"client_setup with client {name} and action suspend, until somebody knows these calls"
        meaning = "a password that is misused calls where calls are dear"
        yield wrong(subject_of(name), f"new countries of {name}", f"{', '.join(many)} in a day", meaning, repair)


def number_evidence(name: str, number: str, asked: KeypadResult, recent: pd.DataFrame) -> Iterator[Check]:
    """What the dial plan says of a number that a phone dials, and the last call of the phone to it."""
    subject = subject_of(name)
    decision = asked.simulation.decision if asked.simulation else None
    if isinstance(decision, Refuse):
        found = f"{decision.reason}: {decision.message or 'the call is not answered'}"
        yield wrong(subject, "dial plan for the number", found, "the plan says so", "dialplan.yaml")
    elif decision:
        yield good(subject, "dial plan for the number", decision.kind, "the plan lets it through")
    reached = {number, getattr(decision, "number", number)}
    some = recent[
        (recent["client"] == name) & (recent["direction"] == "outgoing") & recent["other_party"].isin(reached)
    ]
    if len(some):
        yield _last(subject, "last call to the number", some)


def keys_evidence(name: str, asked: KeypadResult) -> Iterator[Check]:
    """How long the phone waits for more digits before it sends a number."""
    if asked.pressed is None or not asked.pressed.sent:
        return
    wait_s, title = asked.pressed.wait_s, f"keys of {name}"
    if wait_s < SLOW_KEYS_S:
        yield good(subject_of(name), title, asked.at_the_phone, "it sends at once, or nearly")
    else:
        repair = "load the dial string of its sheet; until then # after the number sends it, where the phone knows that"
        yield wrong(subject_of(name), title, asked.at_the_phone, "nothing is heard meanwhile", repair)


def wait_evidence(name: str, waits_ms: Sequence[int]) -> Iterator[Check]:
    """How long Twilio waited for our service in the phone's last calls; the caller hears silence meanwhile."""
    if not waits_ms:
        return
    middle, title = median(waits_ms), f"wait before ringing of {name}"
    found = f"{middle / 1000:.1f} s at our service, the median of {len(waits_ms)} calls"
    if middle < SLOW_MS:
        yield good(subject_of(name), title, found, "our service answers at once")
    else:
        repair = "read the log of the functions or of our own server; call_report shows since which deployment"
        yield wrong(subject_of(name), title, found, "nobody rings before that", repair)


def account_evidence(status: str) -> Check:
    """The account's status; empty where Twilio does not tell."""
    title, meaning = "status of the account", "Twilio carries calls of an active account alone"
    if not status:
        return unknown("Account", title, "Twilio tells it for the auth token alone", meaning, "look in the Console")
    if status == "active":
        return good("Account", title, status, meaning)
    return wrong("Account", title, status, meaning, "pay what is owed, or ask Twilio's support")


def calls_evidence(read: int | str, *, is_down: bool = False) -> Check:
    """How many calls could be read, or why none could."""
    subject, title, meaning = "Account", "calls of the last days", "who called whom, and what came of it"
    if isinstance(read, int):
        return good(subject, title, f"{read} calls", meaning)
    judge, repair = (wrong, "wait") if is_down else (unknown, "use a key that may read calls, alerts and logs")
    return judge(subject, title, read, meaning, repair)


def down_evidence(problem: str) -> Check:
    """What Twilio answered in place of what was asked."""
    meaning = "nothing can be looked at, and calls may fail"
    return wrong("Account", "answers of Twilio's API", problem, meaning, "wait, and follow status.twilio.com")


def _moment_of(alert: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(alert.get("date_generated") or alert["date_created"]))


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
