"""Twilio's limit of simultaneous calls: no resource has it, but it follows from the account's type and profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dialtone_nb.errors import CredentialsError, TwilioError

if TYPE_CHECKING:
    from dialtone_nb.account.account import Account
    from dialtone_nb.calls.load import CallRunbook

APPROVED: Final = "twilio-approved"
# From Twilio's article "How Fast Can I Place or Receive Phone Calls with Twilio?", for Programmable Voice, as of 2026.
# By that article, accounts upgraded before 3 February 2026 are not affected; no resource has the date of an upgrade.
TRIAL, WITHOUT_PROFILE, INDIVIDUAL = 5, 2, 3


@dataclass(frozen=True, slots=True)
class CallLimit:
    """The lowest limit of simultaneous calls that may apply to the account, and Twilio's rule in words."""

    calls: int
    rule: str


def call_limit(account_type: str, profiles: Sequence[str]) -> CallLimit:
    """The limit of an account of this type (Trial or Full) with customer profiles in these states."""
    if account_type.casefold() == "trial":
        return CallLimit(TRIAL, f"{TRIAL}, as it is a trial account")
    since = "if it was upgraded since February 2026"
    if APPROVED not in profiles:
        return CallLimit(WITHOUT_PROFILE, f"{WITHOUT_PROFILE} {since}, as no customer profile is approved")
    return CallLimit(INDIVIDUAL, f"{INDIVIDUAL} {since} and its profile is an individual's; a business has no limit")


def load_call_limit(runbook: CallRunbook) -> CallLimit | None:
    """The limit of a runbook's account; None if its calls are from files, or the key has no permission to read it."""
    from dialtone_nb.calls.load import TWILIO

    if runbook.parameters.source != TWILIO:
        return None
    account = runbook.account
    try:
        found: Any = account.client.api.v2010.accounts(account.sid).fetch()
        return call_limit(str(found.type), fetch_profiles(account))
    except (TwilioError, CredentialsError):
        return None


def fetch_profiles(account: Account) -> list[str]:
    """The states of the account's customer profiles."""
    return [str(one.status) for one in account.client.trusthub.v1.customer_profiles.list(page_size=50)]
