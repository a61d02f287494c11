"""A call that was placed, held against what the dial plan says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dialtone_nb.calls.attempts.outcomes import code_of
from dialtone_nb.dialplan.decide import spoken_reason
from dialtone_nb.dialplan.decisions import Decision, DialEmergency, DialPstn, DialTrunk, Refuse, RingClient
from dialtone_nb.dialplan.table import Table
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, parse_sip_uri

NOT_REGISTERED = 32009


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
    *,
    is_there: bool = True,
) -> PlacedCall:
    """The call as the rehearsal told of it; `kind` is what it was meant to be, `is_there` whether the far side is."""
    differences = [] if isinstance(decision, kind) else [f"the dial plan does not make this {title}"]
    return PlacedCall(
        title,
        dialled,
        _expected(decision, is_there=is_there),
        _happened(told),
        tuple(told["heard"]),
        tuple(f"{alert['code']}: {code_of(str(alert['code'])).meaning}" for alert in told["alerts"]),
        (*differences, *_differences(table, decision, told, is_there=is_there)),
    )


def _differences(table: Table, decision: Decision, told: Mapping[str, Any], *, is_there: bool) -> list[str]:
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
    if isinstance(decision, RingClient):
        return decision.uris[0]
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
