"""The phones: each one's number, emergency address and credential."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.infrastructure.desired import address_key, desired_client, other_hosting
from dialtone_nb.infrastructure.plan import Change, compare_states
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.model import Resource, ResourceType, State
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.parameters import Client
from dialtone_nb.verify.checks import Check, CheckState, good, unknown, wrong
from dialtone_nb.verify.comparison import Comparison, difference, known_changes

REGISTERED = "registered"
_EMERGENCY_FIELD = "emergency_address_sid"


def phone_checks(compared: Comparison) -> Iterator[Check]:
    """The checks of every phone of the environment; of one that was never set up, just that."""
    for name, client in compared.parameters.clients_in(compared.environment).items():
        yield from _checks_of(compared, name, client) if _is_begun(compared, name) else (_not_begun(compared, name),)


def not_compared(check: Check, compared: Comparison) -> Check:
    """The check of a setting that points to the functions, unknown if their URL can't be read."""
    if not compared.is_part or compared.parameters.network.self_hosted or check.state is not CheckState.GOOD:
        return check
    found = "there; whether it leads to our functions can't be told, as their URL can't be read"
    return unknown(check.subject, check.name, found, check.meaning, "verify with a standard key")


def _is_begun(compared: Comparison, name: str) -> bool:
    """Whether anything of a phone is there: its number, its credential or its address."""
    number = compared.parameters.clients[name].caller_id
    wanted = [(CREDENTIAL, name), (ADDRESS, address_key(name))]
    # A number that is shared may be there for another phone.
    if compared.parameters.sharing(number) == [name]:
        wanted.append((PHONE_NUMBER, number))
    return any(compared.find(kind, key) for kind, key in wanted)


def _not_begun(compared: Comparison, name: str) -> Check:
    # A phone is declared before it is set up, so this is not a fault of the environment; a half set up phone is one.
    number = compared.parameters.clients[name].caller_id
    found = f"not set up yet: no number ({number}), no credential"
    return unknown(subject_of(name), f"set-up of {name}", found, "the phone can't be used yet", _setup(name))


def _checks_of(compared: Comparison, name: str, client: Client) -> Iterator[Check]:
    state = compared.existing.state
    other = other_hosting(compared.parameters.network, state, compared.environment)
    changes = compare_states(state, State(desired_client(compared.parameters, name, other)))
    if compared.is_part:
        changes = known_changes(changes)
    by_kind: dict[ResourceType, Change] = {change.kind: change for change in changes}
    number = compared.find(PHONE_NUMBER, client.caller_id)
    yield _credential(name, by_kind.get(CREDENTIAL))
    owner = compared.parameters.numbers[client.caller_id]
    caller_id = _caller_id(name, client, number, by_kind.get(PHONE_NUMBER), owner=owner, repair=compared.deploy_words)
    yield not_compared(caller_id, compared)
    holder = compared.parameters.address_holder(client.caller_id)
    if client.emergency_address is None:
        yield _no_emergency(name, number, holder)
    else:
        yield _emergency(compared, name, holder, number, by_kind.get(ADDRESS))


def _credential(name: str, change: Change | None) -> Check:
    title = f"credential of {name}"
    if change is None:
        return good(subject_of(name), title, "there", "the phone can register and call, if it has the right password")
    return wrong(subject_of(name), title, "not there", "the phone can neither register nor call", _setup(name))


def _caller_id(
    name: str, client: Client, number: Resource | None, change: Change | None, *, owner: str, repair: str
) -> Check:
    title = f"caller ID of {name}"
    if number is None:
        found = f"{client.caller_id} is not owned by this account"
        harm = "its calls are refused (13214), and nobody can call it"
        return wrong(subject_of(name), title, found, harm, f'{_setup(name)} and buy_number "{client.caller_id}"')
    fields = {key: value for key, value in (change.after if change else {}).items() if key != _EMERGENCY_FIELD}
    if not fields or change is None:
        found = f"{client.caller_id}, owned and pointed here"
        rung = "ring the phone" if owner == name else f"are answered as {owner} says"
        return good(subject_of(name), title, found, f"calls to this number {rung}; its own calls show it")
    differing = Change(change.action, change.kind, change.key, change.before, fields)
    harm = "calls to this number don't ring the phone"
    return wrong(subject_of(name), title, f"{client.caller_id}: {difference(differing)}", harm, repair)


def _emergency(
    compared: Comparison, name: str, holder: str, number: Resource | None, address_change: Change | None
) -> Check:
    title, meaning = f"emergency address of {name}", "an ambulance that is called goes to the phone's address"
    harm = "an emergency call goes to a national centre without an address, and costs $75"
    if number is None:
        found = "there is no number that could carry it"
        return unknown(subject_of(name), title, found, harm, _setup(name))
    address = compared.find(ADDRESS, address_key(holder))
    status = str(number.given["emergency_address_status"])
    carried = number.given[_EMERGENCY_FIELD]
    if address is None and not compared.is_part:
        found = "there is no such address at Twilio"
    elif address_change is not None:
        found = difference(address_change)
    elif address and not address.given["validated"]:
        found = "Twilio has not found the address valid"
    elif address and carried and carried != address.sid:
        found = f"{number.key} carries another address"
    elif status == "pending-registration":
        return unknown(subject_of(name), title, "is being registered", meaning, "verify once more in some minutes")
    elif not carried or status != REGISTERED:
        found = f"{status} on {number.key}"
    else:
        return good(subject_of(name), title, f"{status} on {number.key}", meaning)
    return wrong(subject_of(name), title, found, harm, _setup(name))


def _no_emergency(name: str, number: Resource | None, holder: str) -> Check:
    title = f"emergency address of {name}"
    if not holder and number is not None and number.fields[_EMERGENCY_FIELD]:
        found = f"none is declared, and {number.key} carries one"
        return wrong(subject_of(name), title, found, "it costs money every month and serves nobody", _setup(name))
    return good(subject_of(name), title, "none, as declared", "the phone is told that it can't make emergency calls")


def subject_of(name: str) -> str:
    """The heading of a phone's checks."""
    return f"Phone {name}"


def _setup(name: str) -> str:
    return f"client_setup with client {name}"
