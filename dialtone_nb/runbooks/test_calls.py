"""Test calls: five kinds of calls on the rehearsal, each held against what the dial plan says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from dialtone_nb.account import CONTROL, Account
from dialtone_nb.calls.codes import code_of
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decide import decide, spoken_reason
from dialtone_nb.dialplan.model import (
    Decision,
    DialEmergency,
    DialPstn,
    DialTrunk,
    IncomingCall,
    OutgoingCall,
    Refuse,
    RingClient,
)
from dialtone_nb.dialplan.table import Table
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters import Parameters
from dialtone_nb.resources.credential_lists import list_credential_lists, list_credentials
from dialtone_nb.resources.phone_numbers import list_phone_numbers
from dialtone_nb.runbook import Runbook
from dialtone_nb.sip import SIP_DOMAIN_SUFFIX, parse_sip_uri
from dialtone_nb.yaml_models import suggest

STRANGER = "+12065550142"
NOT_REGISTERED = 32009
# The strings that a person tries for each kind of call; the first that the dial plan takes for this kind is dialled.
PSTN = ("5035550199", "15035550199", "+15035550199")
TRUNK = ("#", "0")
PREMIUM = ("9005550199", "19005550199", "+19005550199")


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """One call: what was dialled, what was to happen, what happened, and where the two differ."""

    title: str
    dialled: str
    expected: str
    happened: str
    heard: tuple[str, ...]
    alerts: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def is_as_expected(self) -> bool:
        """Whether the call went as the dial plan says."""
        return not self.differences


@dataclass(frozen=True)
class TestCalls:
    """The calls that were placed in one environment, and where its phones were registered for them."""

    # pytest would take the name for a test's.
    __test__: ClassVar[bool] = False

    environment: str
    registered: Mapping[str, str]
    calls: tuple[PlacedCall, ...]

    @property
    def exit_code(self) -> int:
        """0 where every call went as expected, 2 otherwise."""
        return 0 if all(call.is_as_expected for call in self.calls) else 2

    @property
    def summary(self) -> str:
        """One line: how many calls, and which did not go as expected."""
        strange = [call.title for call in self.calls if not call.is_as_expected]
        if not strange:
            return f"Test calls in {self.environment}: all {len(self.calls)} went as the dial plan says"
        return f"Test calls in {self.environment}: {len(strange)} of {len(self.calls)} differ: {', '.join(strange)}"


@dataclass(frozen=True, slots=True)
class _Phones:
    """The phone that calls and is called, and another that is not registered."""

    client: str
    unregistered: str


def place_test_calls(runbook: Runbook) -> TestCalls:
    """What came of five calls; an `InputError` where the account is real, or a phone is not set up."""
    parameters = runbook.parameters
    _refuse_real_calls(runbook.account_kind, runbook.environment)
    return place_calls(
        runbook.account,
        runbook.declared,
        runbook.environment,
        client=str(parameters.client),
        unregistered=str(parameters.unregistered_client),
    )


def place_calls(
    account: Account, parameters: Parameters, environment: str, *, client: str = "", unregistered: str = ""
) -> TestCalls:
    """The same, for an account that rehearses; a phone that is not named is the first that is set up."""
    _refuse_real_calls(account.kind, environment)
    phones = _choose_phones(account, parameters, environment, client, unregistered)
    table = compile_table(parameters)
    number = {name: parameters.clients[name].caller_id for name in (phones.client, phones.unregistered)}
    domain = parameters.sip_domain_of(phones.client)
    registered = {phones.client: _register(account, phones.client, domain)}
    # The rehearsal's phones stay registered from run to run; this one must not be.
    _control(account, f"/clients/{phones.unregistered}", {"registered": False})

    def outgoing(title: str, kind: type[Decision], tried: Sequence[str]) -> PlacedCall:
        decisions = {dialled: _decide_outgoing(table, environment, phones.client, domain, dialled) for dialled in tried}
        dialled = next((one for one in tried if isinstance(decisions[one], kind)), tried[0])
        order = {"client": phones.client, "dial": dialled, "domain": domain}
        return _place(account, table, title, f"{phones.client} dials {dialled}", order, decisions[dialled], kind)

    def incoming(title: str, name: str, *, is_there: bool) -> PlacedCall:
        decision = decide(table, IncomingCall(environment, number[name], STRANGER))
        order = {"from": STRANGER, "to": number[name]}
        dialled = f"{STRANGER} dials {number[name]}"
        return _place(account, table, title, dialled, order, decision, RingClient, is_there=is_there)

    calls = (
        outgoing("outgoing to a telephone", DialPstn, PSTN),
        outgoing("outgoing to the trunk", DialTrunk, TRUNK),
        incoming("incoming that rings", phones.client, is_there=True),
        incoming("incoming to a phone that is not registered", phones.unregistered, is_there=False),
        outgoing("outgoing to a premium number", Refuse, PREMIUM),
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
    ready = [name for name in declared if name in _set_up(account, parameters)]
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
                Fault(place, f"{name} is no phone of {environment}", f"its environment is {elsewhere.environment}")
            )
        else:
            faults.append(Fault(place, f"there is no phone {name!r}", suggest(name, list(declared))))
    if client and client == unregistered:
        faults.append(Fault("parameter unregistered_client of test_calls", f"is {client}, too", "name another phone"))
    if not faults and len({*ready} | {client, unregistered} - {""}) < 2:
        missing = next((name for name in declared if name not in ready), "")
        repair = f"run client_setup with client {missing}" if missing else "declare another phone in clients.yaml"
        faults.append(Fault(f"phones of {environment}", f"{len(ready)} set up, and these calls take two", repair))
    if faults:
        raise InputError(faults)
    chosen = client or next(name for name in ready if name != unregistered)
    return _Phones(chosen, unregistered or next(name for name in ready if name != chosen))


def _set_up(account: Account, parameters: Parameters) -> set[str]:
    """The phones that have a credential and whose number the account owns."""
    lists = [one for one in list_credential_lists(account) if one.key == parameters.network.credential_list]
    credentials = {item.key for one in lists for item in list_credentials(account, one.sid)}
    owned = {item.key for item in list_phone_numbers(account)}
    return {name for name, client in parameters.clients.items() if name in credentials and client.caller_id in owned}


def _register(account: Account, client: str, domain: str) -> str:
    """Where the phone is registered now, or why it was turned away."""
    answer = _control(account, f"/clients/{client}", {"registered": True, "domain": domain})
    return str(answer.get("domain") or f"turned away: {answer.get('message')} ({answer.get('code')})")


def _control(account: Account, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    answer: dict[str, Any] = account.transport.send("POST", f"{CONTROL}{path}", json=body).json()
    return answer


def _decide_outgoing(table: Table, environment: str, client: str, domain: str, dialled: str) -> Decision:
    return decide(table, OutgoingCall(environment, client, f"sip:{quote(dialled, safe='')}@{domain}"))


def _place(
    account: Account,
    table: Table,
    title: str,
    dialled: str,
    order: Mapping[str, object],
    decision: Decision,
    kind: type[Decision],
    *,
    is_there: bool = True,
) -> PlacedCall:
    told = _control(account, "/calls", order)
    differences = [] if isinstance(decision, kind) else [f"the dial plan does not make this {title}"]
    differences += differences_of(table, decision, told, is_there=is_there)
    return PlacedCall(
        title,
        dialled,
        _expected(decision, is_there=is_there),
        _happened(told),
        tuple(told["heard"]),
        tuple(f"{alert['code']}: {code_of(str(alert['code'])).meaning}" for alert in told["alerts"]),
        tuple(differences),
    )


def differences_of(table: Table, decision: Decision, told: Mapping[str, Any], *, is_there: bool) -> list[str]:
    """Where what happened to a call is not what its decision says; `is_there` says whether the far side is."""
    children, heard = told["children"], list(told["heard"])
    codes = [alert["code"] for alert in told["alerts"]]
    if isinstance(decision, Refuse):
        words = [decision.message] if decision.message else []
        return [
            *(["something was dialled"] if children else []),
            *(["the reason was not heard"] if heard != words else []),
            *_strange_alerts(codes, ()),
        ]
    if len(children) != 1:
        return [f"{len(children)} numbers were dialled, not one", *_strange_alerts(codes, ())]
    child = children[0]
    wanted = _address(decision)
    found = [] if child["to"].partition("?")[0] == wanted else [f"{child['to']} was dialled, not {wanted}"]
    if isinstance(decision, DialTrunk) and child["sip_headers"] != dict(decision.headers):
        found.append("the trunk was told other headers")
    if is_there:
        found += [] if child["status"] == "completed" else [f"it ended as {child['status']}, not answered"]
        return [*found, *_strange_alerts(codes, ())]
    words = [spoken_reason(table, "incoming", child["status"])]
    return [
        *found,
        *(["it was answered"] if child["status"] == "completed" else []),
        *(["the reason was not heard"] if heard != words else []),
        *([] if NOT_REGISTERED in codes else [f"no alert {NOT_REGISTERED}"]),
        *_strange_alerts(codes, (NOT_REGISTERED,)),
    ]


def _strange_alerts(codes: Sequence[int], wanted: Sequence[int]) -> list[str]:
    return [f"alert {code}" for code in codes if code not in wanted]


def _address(decision: Decision) -> str:
    """What is dialled: a number or a SIP URI."""
    if isinstance(decision, DialPstn | DialEmergency):
        return decision.number
    return "" if isinstance(decision, Refuse) else decision.uri


def _expected(decision: Decision, *, is_there: bool) -> str:
    if isinstance(decision, Refuse):
        return f"refused ({decision.reason}), the reason is heard"
    if isinstance(decision, RingClient):
        return f"rings {decision.client}" if is_there else f"rings {decision.client}, which is not there; that is heard"
    return f"dials {_party(_address(decision))}"


def _party(address: str) -> str:
    """A number, one of our phones, or somebody at another SIP server."""
    user, host = parse_sip_uri(address)
    if not host:
        return address
    return user if host.endswith(SIP_DOMAIN_SUFFIX) else f"{user}@{host}"


def _happened(told: Mapping[str, Any]) -> str:
    """The statuses of the call and of what it dialled."""
    if told["status"] == "refused":
        return f"turned away: {told['reason']}"
    legs = [f"{_party(leg['to'])} {leg['status']}" for leg in told["children"]]
    return "; ".join([f"call {told['status']}", *(legs or ["nothing dialled"])])
