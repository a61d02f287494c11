"""Test calls: a call of each kind on the rehearsal, held against what the dial plan says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dialtone_nb.account.account import Account
from dialtone_nb.account.rehearsal_control import place_call, set_registered
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decisions import (
    Decision,
    DialEmergency,
    DialPstn,
    DialTrunk,
    Refuse,
)
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.resources.credential_lists import list_credential_lists
from dialtone_nb.infrastructure.resources.credentials import list_credentials
from dialtone_nb.infrastructure.resources.phone_numbers import list_phone_numbers
from dialtone_nb.parameters import Parameters
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.what_if import simulate, usual_strings
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.values.emergency import TEST_LINE
from dialtone_nb.verify.placed_calls import STRANGER, PlacedCall, TestCalls, judge_call, judge_incoming, ringing_phones


@dataclass(frozen=True)
class TestCallsParameters:
    """What test calls take of a runbook's parameters."""

    client: str = ""
    unregistered_client: str = ""


@dataclass(frozen=True, slots=True)
class _Phones:
    """The phone that calls and is called, and one that is not registered: another, or the same where it is alone."""

    client: str
    unregistered: str


def place_test_calls(runbook: Runbook) -> TestCalls:
    """What came of a call of each kind; an `InputError` where the account is real, or a phone is not set up."""
    given = runbook.parameters.read(TestCallsParameters)
    _refuse_real_calls(runbook.account_kind, runbook.environment)
    return place_calls(
        runbook.account,
        runbook.declared,
        runbook.environment,
        client=given.client,
        unregistered=given.unregistered_client,
    )


def place_calls(
    account: Account, parameters: Parameters, environment: str, *, client: str = "", unregistered: str = ""
) -> TestCalls:
    """The same, for an account that rehearses; a phone that is not named is the first that is set up.

    A phone that is alone in its environment is unplugged for the call that must not reach it.
    """
    _refuse_real_calls(account.kind, environment)
    phones = _choose_phones(account, parameters, environment, client, unregistered)
    table = compile_table(parameters)
    answered = table.environments[environment].numbers
    domain = parameters.sip_domain_of(phones.client)
    registered = {phones.client: _register(account, phones.client, domain)}
    strings = usual_strings(parameters, table, phones.client)

    def outgoing(title: str, kind: type[Decision]) -> Iterator[PlacedCall]:
        if dialled := strings.get(kind):
            decision = simulate(table, environment, phones.client, dialled).decision
            told = place_call(account, {"client": phones.client, "dial": dialled, "domain": domain})
            yield judge_call(table, title, f"{phones.client} dials {dialled}", decision, told, kind)

    def drill() -> Iterator[PlacedCall]:
        decision = simulate(table, environment, phones.client, TEST_LINE).decision
        if isinstance(decision, DialEmergency):
            told = place_call(account, {"client": phones.client, "dial": TEST_LINE, "domain": domain})
            dialled = f"{phones.client} dials {TEST_LINE}"
            yield judge_call(table, "emergency drill", dialled, decision, told, DialEmergency)

    def incoming(title: str, name: str, *, is_there: bool) -> Iterator[PlacedCall]:
        number = parameters.clients[name].caller_id
        if number not in answered:
            return
        # The rehearsal's phones stay registered from run to run, so each that may ring is set.
        ringing = ringing_phones(table, environment, number)
        is_registered = {one: is_there and one in ready for one in ringing}
        for one, there in is_registered.items():
            set_registered(account, one, parameters.sip_domain_of(one) if there else "", registered=there)
        told = place_call(account, {"from": STRANGER, "to": number})
        reachable = {one for one, there in is_registered.items() if there}
        yield judge_incoming(table, environment, title, (STRANGER, number), told, reachable)
        if not is_there and phones.client in ringing:
            _register(account, phones.client, domain)

    ready = list_set_up(account, parameters)
    calls = (
        *outgoing("outgoing to a telephone", DialPstn),
        *outgoing("outgoing to the trunk", DialTrunk),
        *drill(),
        *incoming("incoming that rings", phones.client, is_there=True),
        *incoming("incoming to a phone that is not registered", phones.unregistered, is_there=False),
        *outgoing("outgoing to a premium number", Refuse),
    )
    return TestCalls(environment, registered, calls)


def _refuse_real_calls(account_kind: str, environment: str) -> None:
    if account_kind != "rehearsal":
        raise InputError(
            Fault(
                "parameter account of test_calls",
                "is 'twilio', and test calls are for the rehearsal so far",
                f"dial 933, a number that you know and # from a phone of {environment} itself, call it from outside, "
                "and then run call_report",
            )
        )


def _choose_phones(
    account: Account, parameters: Parameters, environment: str, client: str, unregistered: str
) -> _Phones:
    """The phones to use; an `InputError` that names client_setup where one is not set up."""
    declared = parameters.clients_in(environment)
    ready = [name for name in declared if name in list_set_up(account, parameters)]
    faults = []
    for parameter, name in (("client", client), ("unregistered_client", unregistered)):
        if not name or name in ready:
            continue
        place = f"parameter {parameter} of test_calls"
        elsewhere = parameters.clients.get(name)
        if name in declared:
            faults.append(
                Fault(place, f"{name} is not set up in {environment}", f"run client_setup with client {name}")
            )
        elif elsewhere:
            faults.append(
                Fault(place, f"{name} is not a phone of {environment}", f"its environment is {elsewhere.environment}")
            )
        else:
            faults.append(Fault(place, f"there is no phone {name!r}", suggest(name, list(declared))))
    if client and client == unregistered:
        faults.append(Fault("parameter unregistered_client of test_calls", f"is {client}, too", "name another phone"))
    is_alone = len(declared) == 1 and ready == list(declared)
    if not faults and not is_alone and len({*ready} | {client, unregistered} - {""}) < 2:
        missing = next((name for name in declared if name not in ready), "")
        repair = f"run client_setup with client {missing}" if missing else "declare another phone in clients.yaml"
        faults.append(Fault(f"phones of {environment}", f"{len(ready)} set up, and these calls take two", repair))
    if faults:
        raise InputError(faults)
    chosen = client or next((name for name in ready if name != unregistered), unregistered)
    return _Phones(chosen, unregistered or next((name for name in ready if name != chosen), chosen))


def list_set_up(account: Account, parameters: Parameters) -> set[str]:
    """The phones that have a credential and whose number the account owns."""
    lists = [one for one in list_credential_lists(account) if one.key == parameters.network.credential_list]
    credentials = {item.key for one in lists for item in list_credentials(account, one.sid)}
    owned = {item.key for item in list_phone_numbers(account)}
    return {name for name, client in parameters.clients.items() if name in credentials and client.caller_id in owned}


def _register(account: Account, client: str, domain: str) -> str:
    """Where the phone is registered now, or why it was turned away."""
    answer = set_registered(account, client, domain, registered=True)
    return str(answer.get("domain") or f"turned away: {answer.get('message')} ({answer.get('code')})")
