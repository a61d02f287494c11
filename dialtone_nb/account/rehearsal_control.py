"""The rehearsal's SIP door, through which real phones register and call; Twilio has none that could be opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dialtone_nb.account.account import CONTROL
from dialtone_nb.account.transport import Transport
from dialtone_nb.errors import Fault, InputError

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
    answer = account.transport.send("POST", f"{CONTROL}/door", json=asked, auth=account.credentials.basic)
    told = answer.json()
    if not answer.ok:
        raise InputError(Fault(f"SIP door at {address}", f"can't be opened: {told['message']}"))
    return DoorAddress(told["host"], told["port"], told["page"])


def close_door(account: Account) -> None:
    """Phones that registered are registered no more."""
    account.transport.send("DELETE", f"{CONTROL}/door")


def fetch_life(account: Account, client: str, domain: str) -> Mapping[str, Any] | None:
    """What a phone has done at the door so far, as JSON; None where no door is open."""
    lives: list[Mapping[str, Any]] = account.transport.send("GET", f"{CONTROL}/lives").json()["lives"]
    return next((one for one in lives if (one["client"], one["domain"]) == (client, domain)), None)


def call_number(account: Account, caller: str, number: str, *, talk_s: float) -> Mapping[str, Any]:
    """What came of a call from outside to a number of the account, once it is over; who called talks for so long."""
    transport = Transport(account.transport.base_url, timeout_s=LONGEST_CALL_S)
    try:
        order = {"from": caller, "to": number, "talk": talk_s}
        told: Mapping[str, Any] = transport.send("POST", f"{CONTROL}/calls", json=order).json()
    finally:
        transport.session.close()
    return told
