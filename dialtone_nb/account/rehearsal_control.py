"""What only the rehearsal can do, through its control host: phones that register and call, its SIP door, a past.

Twilio has neither: nobody can register a phone there by a request, nor list which phones are registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dialtone_nb.account.account import CONTROL
from dialtone_nb.account.transport import Transport
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.values.sip import environment_of

if TYPE_CHECKING:
    from dialtone_nb.account.account import Account

LONGEST_CALL_S = 300.0  # that whoever rings a phone waits to hear what came of it


@dataclass(frozen=True, slots=True)
class DoorAddress:
    """Where phones find the rehearsal, and the page that shows what they do."""

    host: str
    port: int
    page: str


def find_door(account: Account) -> DoorAddress | None:
    """The door that is open, whichever process has it open; None where none is, or the account is real."""
    if not account.is_rehearsal:
        return None
    told = account.transport.send("GET", f"{CONTROL}/door").json()
    return DoorAddress(told["host"], told["port"], told["page"]) if told["is_open"] else None


def open_door(account: Account, address: str, *, beyond_this_machine: bool = False) -> DoorAddress:
    """A door at an address of this machine; an `InputError` that says why there can't be one."""
    asked = {"address": address, "beyond_this_machine": beyond_this_machine}
    # It may let others in, or calls out: so it takes the account's token.
    response = account.transport.send("POST", f"{CONTROL}/door", json=asked, auth=account.credentials.basic)
    told = response.json()
    if not response.ok:
        raise InputError(Fault(f"SIP server at {address}", f"can't be started: {told['message']}"))
    return DoorAddress(told["host"], told["port"], told["page"])


def close_door(account: Account) -> None:
    """Close the door; phones that registered through it are no longer registered."""
    account.transport.send("DELETE", f"{CONTROL}/door")


def fetch_life(account: Account, client: str, domain: str) -> Mapping[str, Any] | None:
    """What a phone has done at the door so far, as JSON; None where no door is open."""
    lives: list[Mapping[str, Any]] = account.transport.send("GET", f"{CONTROL}/lives").json()["lives"]
    return next((one for one in lives if (one["client"], one["domain"]) == (client, domain)), None)


def set_registered(account: Account, client: str, domain: str = "", *, registered: bool) -> Mapping[str, Any]:
    """Set a simulated phone registered or not, at one of its domains; where it is now, or the code that refused it."""
    at = {"domain": domain} if domain else {}
    return _post(account.transport, f"/clients/{client}", {"registered": registered, **at})


def place_call(account: Account, order: Mapping[str, object]) -> Mapping[str, Any]:
    """What came of a simulated call, from a phone that dials or from a number outside."""
    return _post(account.transport, "/calls", order)


def call_number(account: Account, caller: str, number: str, *, talk_s: float) -> Mapping[str, Any]:
    """What came of a call from outside to a number of the account, once it is over; the caller talks for this long."""
    transport = Transport(account.transport.base_url, timeout_s=LONGEST_CALL_S)
    try:
        return _post(transport, "/calls", {"from": caller, "to": number, "talk": talk_s})
    finally:
        transport.session.close()


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


def fetch_domains(account: Account, environment: str) -> dict[str, list[str]]:
    """By phone of an environment, the SIP domains that it is registered at; nothing of an account at Twilio."""
    domains: dict[str, list[str]] = {}
    for phone in _list(account, "clients", environment) if account.is_rehearsal else ():
        if phone["registered"]:
            domains.setdefault(phone["client"], []).append(phone["domain"])
    return domains


def add_past(account: Account, *, days: int, calls: int) -> None:
    """Let calls of the last days have happened."""
    response = account.transport.send("POST", f"{CONTROL}/history", json={"days": days, "calls": calls})
    response.raise_for_status()


def lead_host(account: Account, host: str, address: str) -> None:
    """Lead what the rehearsal asks of a host to a server of our own."""
    names = {"host": host, "address": address}
    account.transport.send("POST", f"{CONTROL}/servers", json=names, auth=account.credentials.basic).raise_for_status()


def _post(transport: Transport, path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
    told: Mapping[str, Any] = transport.send("POST", f"{CONTROL}{path}", json=body).json()
    return told


def _list(account: Account, name: str, environment: str) -> list[Mapping[str, Any]]:
    listed = account.transport.send("GET", f"{CONTROL}/{name}").json()[name]
    return [one for one in listed if environment_of(one["domain"]) == environment]
