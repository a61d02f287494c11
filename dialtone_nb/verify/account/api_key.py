"""The API key in use: what the read-only runbooks need, and what the key may do beyond that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from dialtone_nb.account.account import Account
from dialtone_nb.errors import CredentialsError, PermissionMissingError
from dialtone_nb.parameters import Parameters
from dialtone_nb.verify.checks import Check, good, unknown, wrong

CALLS: Final = frozenset({"/twilio/voice/calls/list", "/twilio/monitor/alerts/list"})
# What the runbooks that change nothing need of Twilio. Serverless has no permission that a restricted key could be
# given (named in none of Twilio's seven change logs of them), nor have addresses, dialling permissions, customer
# profiles and webhook rules: whoever deploys needs a standard key, and these runbooks do without, and say so.
NEEDS: Final[Mapping[str, frozenset[str]]] = {
    "call_report": CALLS,
    "monitor": CALLS,
    "verify": CALLS
    | {
        "/twilio/iam/api-keys/read",
        "/twilio/phone-numbers/active-numbers/list",
        "/twilio/voice/sip.credential-lists/list",
        "/twilio/voice/sip.credential-lists.credentials/list",
        "/twilio/voice/sip.domains/list",
        "/twilio/voice/sip.domains.auth.calls.credential-list-mappings/list",
        "/twilio/voice/sip.domains.auth.registrations.credential-list-mappings/list",
    },
}
# If phones share a number, the call that dialled the test line shows which one it was.
SHARED: Final = "/twilio/voice/calls/read"
# The subject of each path that no restricted key may read.
_WORDS: Final = {
    "/Addresses": "addresses",
    "/CustomerProfiles": "customer profile",
    "/DialingPermissions": "dialling permissions",
    "/Services": "service",
    "/Webhooks": "webhook rules",
}
SUBJECT, TITLE = "Account", "API key"


def needs_of(runbook: str, parameters: Parameters) -> frozenset[str]:
    """What a runbook needs of Twilio for this network."""
    shares = any(len(parameters.sharing(number)) > 1 for number in parameters.numbers)
    return NEEDS[runbook] | ({SHARED} if shares and runbook == "verify" else frozenset())


def fetch_permissions(account: Account) -> frozenset[str] | None:
    """What the key in use may do; None for the auth token and for a standard key, which may do (nearly) everything."""
    if account.credentials.username == account.sid:
        return None
    try:
        policy = account.client.iam.v1.api_key(account.credentials.username).fetch().policy
    except PermissionMissingError:
        raise
    except CredentialsError:  # a standard key may look at no key, not even at itself (recorded 2026-03)
        return None
    return frozenset(map(str, policy["allow"])) if policy else None


def key_check(account: Account, allowed: frozenset[str] | None, parameters: Parameters) -> Check:
    """What the key in use may do beyond what reading needs."""
    every = frozenset[str]().union(*(needs_of(name, parameters) for name in NEEDS))
    if allowed is None:
        is_token = account.credentials.username == account.sid
        found = "the auth token, which may do everything" if is_token else "a standard key, which may do nearly all"
        meaning = f"reading takes only {len(every)} permissions: protect makes keys that may do only that"
        return good(SUBJECT, TITLE, found, meaning)
    if more := sorted(allowed - every):
        found = f"a restricted key that may do more than reading needs: {', '.join(more)}"
        return wrong(SUBJECT, TITLE, found, "whoever finds it can do that", "make one with the protect runbook")
    return good(SUBJECT, TITLE, f"a restricted key with {len(allowed)} permissions", "it can only read")


def missing_checks(errors: Iterable[PermissionMissingError]) -> Iterator[Check]:
    """What could not be checked because no restricted key may read it, each once."""
    for what in dict.fromkeys(error.what for error in errors):
        name = next((word for path, word in _WORDS.items() if path in what), "the rest")
        found = "no permission of a restricted key covers it"
        repair = "verify with a standard key or the auth token now and then"
        yield unknown(SUBJECT, f"{name} by this key", found, "this can't be looked at", repair)
