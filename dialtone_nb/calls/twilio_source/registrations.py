"""Which phones are registered: told by the rehearsal alone, for Twilio has no such list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dialtone_nb.account.account import CONTROL
from dialtone_nb.calls.twilio_source.frame import environment_of

if TYPE_CHECKING:
    from dialtone_nb.account.account import Account


def fetch_registrations(account: Account, environment: str) -> dict[str, str]:
    """By phone of an environment, whether and how it is registered, in words; nothing of an account at Twilio.

    A phone that somebody dialled in with says what it is and how long its registration lasts.
    """
    if not account.is_rehearsal:
        return {}
    told: dict[str, str] = {}
    for phone in _list(account, "clients", environment):
        if phone["registered"] or phone["client"] not in told:
            told[phone["client"]] = "registered" if phone["registered"] else "not registered"
    for binding in _list(account, "registrations", environment):
        about = (str(binding["user_agent"]), str(binding["transport"]).upper(), f"{binding['expires_in_s']} s left")
        told[binding["client"]] = "registered: " + ", ".join(filter(None, about))
    return told


def _list(account: Account, name: str, environment: str) -> list[Mapping[str, Any]]:
    listed = account.transport.send("GET", f"{CONTROL}/{name}").json()[name]
    return [one for one in listed if environment_of(one["domain"]) == environment]
