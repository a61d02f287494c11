"""Fault injection: the rehearsal fails on request, as Twilio may, so that recovery can be rehearsed as well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from dialtone_nb.rehearsal.http.errors import Refusal

# With -before the request is not carried out, with -after it is; with a truncated response it is, too.
FaultName = Literal[
    "429",
    "401",
    "500",
    "503",
    "500-html",
    "503-html",
    "504-after",
    "timeout-before",
    "timeout-after",
    "reset",
    "reset-after",
    "truncated",
    "slow-build",
    "failed-build",
]
FAULTS: tuple[str, ...] = get_args(FaultName)
REFUSALS = {
    "429": Refusal(20429, "Too Many Requests", 429),
    "401": Refusal(20003, "Authenticate", 401),
    "500": Refusal(20500, "Internal Server Error", 500),
    "503": Refusal(20503, "Service unavailable", 503),
}
# Error pages that a gateway in front of Twilio's API answers with.
GATEWAY_PAGES = {
    "500-html": (500, "Internal Server Error"),
    "503-html": (503, "Service Temporarily Unavailable"),
    "504-after": (504, "Gateway Time-out"),
}


@dataclass(slots=True)
class InjectedFault:
    """One fault: the requests that it matches, the first of these that it strikes (from 1), and how many it strikes."""

    name: FaultName
    method: str = ""
    host: str = ""
    path: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    nth: int = 1
    times: int = 1
    seen: int = 0

    def strikes(self, method: str, host: str, path: str) -> bool:
        """Whether the fault strikes this request; counts the request if it matches."""
        if (self.method and method != self.method) or (self.host and host != self.host) or not self.path.search(path):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


def read_fault(body: Mapping[str, Any]) -> InjectedFault:
    """A fault from JSON, as in `{"match": {"method", "host", "path", "nth"}, "fault": "429", "times": 1}`."""
    name, match = str(body.get("fault", "")), body.get("match", {})
    if not isinstance(match, dict) or not all(isinstance(value, str) for key, value in match.items() if key != "nth"):
        raise Refusal(20001, 'A fault\'s match is an object of texts, as in {"method": "POST", "path": "/Builds$"}')
    if name not in FAULTS:
        raise Refusal(20001, f"There is no fault {name!r}; there are {', '.join(FAULTS)}")
    if stranger := sorted(set(match) - {"method", "host", "path", "path-regex", "nth"}):
        raise Refusal(
            20001, f"A fault's match has no {stranger[0]!r}; it may have method, host, path (a regex) and nth"
        )
    try:
        path = re.compile(match.get("path") or match.get("path-regex") or "")
    except re.error as error:
        raise Refusal(20001, f"A fault's path is not a regular expression: {error}") from None
    method, host = match.get("method", "").upper(), match.get("host", "").lower()
    if name.endswith("-build"):
        method, host, path = "POST", "serverless.twilio.com", re.compile(r"/Builds$")
    return InjectedFault(cast(FaultName, name), method, host, path, _count(match, "nth"), _count(body, "times"))


def _count(body: Mapping[str, Any], name: str) -> int:
    count = body.get(name, 1)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise Refusal(20001, f"{name} of a fault must be a whole number from 1")
    return count


class InjectedFaults:
    """The injected faults that are not used up."""

    def __init__(self) -> None:
        self._faults: list[InjectedFault] = []

    def add(self, fault: InjectedFault) -> None:
        """Inject a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def strike(self, method: str, host: str, path: str) -> FaultName | None:
        """The fault that strikes this request, or None."""
        struck: FaultName | None = None
        for fault in self._faults:
            # Every fault counts the request, even if another one strikes it.
            if fault.strikes(method, host, path) and struck is None:
                struck = fault.name
        self._faults = [fault for fault in self._faults if fault.seen < fault.nth + fault.times - 1]
        return struck
