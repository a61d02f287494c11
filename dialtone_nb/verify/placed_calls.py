"""A placed call, compared with what the dial plan says of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dialtone_nb.calls.attempts.outcomes import code_of
from dialtone_nb.dialplan.decide import decide, spoken_reason
from dialtone_nb.dialplan.decisions import (
    Decision,
    DialEmergency,
    DialPstn,
    DialTrunk,
    IncomingCall,
    Refuse,
    RingClient,
)
from dialtone_nb.dialplan.table import Table
from dialtone_nb.dialplan.twiml import EMERGENCY_IN_E164
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, parse_sip_uri

NOT_REGISTERED = 32009
# Who calls from outside.
STRANGER = "+12065550142"


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


def judge_call(
    table: Table,
    title: str,
    dialled: str,
    decision: Decision,
    told: Mapping[str, Any],
    kind: type[Decision],
) -> PlacedCall:
    """Judge a phone's call by the rehearsal's account of it; `kind` is what it was meant to be."""
    differences = [] if isinstance(decision, kind) else [f"the dial plan does not make this {title}"]
    return _placed(title, dialled, _expected(decision), told, (*differences, *_differences(decision, told)))


def ringing_phones(table: Table, environment: str, number: str) -> list[str]:
    """The phones that a call to a number may ring, whatever becomes of it."""
    steps = _steps(table, environment, STRANGER, number)
    return list(dict.fromkeys(name for one in steps if isinstance(one, RingClient) for name in _phones(one)))


def judge_incoming(
    table: Table,
    environment: str,
    title: str,
    ends: tuple[str, str],
    told: Mapping[str, Any],
    reachable: Collection[str],
) -> PlacedCall:
    """A call from outside, step by step as its number's phone says; `reachable` are the phones that are registered."""
    caller, number = ends
    steps, legs, heard, words = list(_steps(table, environment, caller, number)), [], [], []
    is_over = False
    for step in steps:
        words.append(
            _expected(step, is_there=not isinstance(step, RingClient) or bool({*_phones(step)} & {*reachable}))
        )
        if isinstance(step, Refuse):
            heard = [step.message] if step.message else []
            break
        legs += _addresses(step)
        is_over = not isinstance(step, RingClient) or bool({*_phones(step)} & {*reachable})
        if is_over:
            break
    last, children = steps[len(words) - 1], told["children"]
    if not is_over and isinstance(last, RingClient) and children:
        heard = [spoken_reason(table, "incoming", children[-1]["status"])]
    codes = [alert["code"] for alert in told["alerts"]]
    dialled = [child["to"].partition("?")[0] for child in children]
    missing = any(_name(leg) not in reachable for leg in legs if parse_sip_uri(leg)[1].endswith(SIP_DOMAIN_SUFFIX))
    answered = any(child["status"] == "completed" for child in children)
    differences = [
        *([] if sorted(dialled) == sorted(legs) else [f"{', '.join(dialled) or 'nothing'} was dialled"]),
        *([] if answered == is_over else ["it was answered" if answered else "nobody answered"]),
        *([] if is_over or list(told["heard"]) == heard else ["the reason was not heard"]),
        *([f"no alert {NOT_REGISTERED}"] if missing and NOT_REGISTERED not in codes else []),
        *_strange_alerts(codes, (NOT_REGISTERED,) if missing else ()),
    ]
    return _placed(title, f"{caller} dials {number}", "; then ".join(words), told, differences)


def _steps(table: Table, environment: str, caller: str, number: str) -> Iterator[Decision]:
    """What a caller gets when nobody answers, step by step."""
    step: int | None = 0
    while step is not None:
        decision = decide(table, IncomingCall(environment, number, caller, step))
        yield decision
        step = (isinstance(decision, RingClient) and decision.next_step) or None


def _phones(decision: Decision) -> list[str]:
    """The phones that a step rings."""
    return [_name(uri) for uri in decision.uris] if isinstance(decision, RingClient) else []


def _name(uri: str) -> str:
    return parse_sip_uri(uri)[0]


def _placed(title: str, dialled: str, expected: str, told: Mapping[str, Any], differences: Sequence[str]) -> PlacedCall:
    alerts = tuple(f"{alert['code']}: {code_of(str(alert['code'])).meaning}" for alert in told["alerts"])
    return PlacedCall(title, dialled, expected, _happened(told), tuple(told["heard"]), alerts, tuple(differences))


def _differences(decision: Decision, told: Mapping[str, Any]) -> list[str]:
    """Where the outcome of a phone's call differs from its decision."""
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
    child, (wanted, *_) = children[0], _addresses(decision)
    found = [] if child["to"].partition("?")[0] == wanted else [f"{child['to']} was dialled, not {wanted}"]
    if isinstance(decision, DialTrunk) and child["sip_headers"] != dict(decision.headers):
        found.append("the trunk was told other headers")
    found += [] if child["status"] == "completed" else [f"it ended as {child['status']}, not answered"]
    return [*found, *_strange_alerts(codes, ())]


def _strange_alerts(codes: Sequence[int], wanted: Sequence[int]) -> list[str]:
    return [f"alert {code}" for code in codes if code not in wanted]


def _addresses(decision: Decision) -> list[str]:
    """What is dialled: numbers or SIP URIs."""
    if isinstance(decision, DialPstn):
        return [decision.number]
    if isinstance(decision, DialEmergency):
        return [EMERGENCY_IN_E164.get(decision.number, decision.number)]
    if isinstance(decision, RingClient):
        return list(decision.uris)
    return [] if isinstance(decision, Refuse) else [decision.uri]


def _expected(decision: Decision, *, is_there: bool = True) -> str:
    if isinstance(decision, Refuse):
        return "words are heard" if decision.reason == "told" else f"refused ({decision.reason}), the reason is heard"
    if isinstance(decision, RingClient):
        names = " and ".join(_phones(decision))
        if is_there:
            return f"rings {names}"
        absent = "which is not there" if len(decision.uris) == 1 else "which are not there"
        return f"rings {names}, {absent}" + ("" if decision.next_step else "; that is heard")
    return f"dials {', '.join(map(_party, _addresses(decision)))}"


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
