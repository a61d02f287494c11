"""What probes make, found by its name and taken out again.

Whatever is made has a name that begins with `dialtone-probe`: so what a run leaves behind that was killed, the next one
takes out before anything else, and nothing has to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import DialtoneError

NAME = "dialtone-probe"
RUNNING = ("queued", "ringing", "in-progress")


def list_leftovers(account: Account) -> list[str]:
    """What is there of probes, by kind and name; nothing once a run is over."""
    return [label for label, _ in _leftovers(account)]


def sweep(account: Account) -> list[str]:
    """Take out whatever is there of probes; what could not be taken out, and why."""
    left = []
    for label, delete in _leftovers(account):
        try:
            delete()
        except DialtoneError as error:
            left.append(f"{label}: {account.transport.redact(str(error))}")
    return left


def _leftovers(account: Account) -> Iterator[tuple[str, Any]]:
    """What is there of probes, with how it is deleted, in the order that works."""
    client = account.client
    for domain in _named(client.sip.domains.list()):
        for call in client.calls.list(limit=50):
            if call.status in RUNNING and domain.domain_name in f"{call.to} {call._from}":
                yield f"call {call.sid}", lambda call=call: client.calls(call.sid).update(status="completed")
    for number in _named(client.incoming_phone_numbers.list()):
        yield f"number {number.friendly_name}", lambda number=number: _release(account, number.sid)
    for queue in _named(client.queues.list()):
        yield f"queue {queue.friendly_name}", client.queues(queue.sid).delete
    for address in _named(client.addresses.list()):
        yield f"address {address.friendly_name}", client.addresses(address.sid).delete
    for domain in _named(client.sip.domains.list()):
        yield f"SIP domain {domain.domain_name}", client.sip.domains(domain.sid).delete
    for listed in _named(client.sip.credential_lists.list()):
        yield f"credential list {listed.friendly_name}", client.sip.credential_lists(listed.sid).delete
    for service in client.serverless.v1.services.list():
        if service.unique_name == NAME:
            yield f"service {NAME}", client.serverless.v1.services(service.sid).delete


def _named(things: Sequence[Any]) -> list[Any]:
    return [one for one in things if str(one.friendly_name or "").startswith(NAME)]


def _release(account: Account, sid: str) -> None:
    """Give a number back, once its emergency address is unregistered."""
    number = account.client.incoming_phone_numbers(sid)
    found = number.fetch()
    if found.emergency_address_sid:
        number.update(emergency_address_sid="")
        for _ in range(60):
            if str(number.fetch().emergency_address_status) == "unregistered":
                break
            account.wait(5)
    number.delete()
