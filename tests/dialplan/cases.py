"""cases.yaml as calls, and decisions in the words of its sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from dialtone_nb.dialplan.decisions import Call, Decision, IncomingCall, OutgoingCall

STAGE = ("workbench", "van")


@dataclass(frozen=True)
class Case:
    """One case: the situation in words, the call, and its decision."""

    situation: str
    call: Call
    then: str


CONTENT: Any = yaml.load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)


def _load() -> list[Case]:
    outgoing = [Case(c["situation"], _outgoing(c["phone"], c["dials"]), c["then"]) for c in CONTENT["outgoing"]]
    incoming = [Case(c["situation"], IncomingCall("prod", c["to"], c["from"]), c["then"]) for c in CONTENT["incoming"]]
    return outgoing + incoming


def _outgoing(phone: str, dials: str) -> OutgoingCall:
    return OutgoingCall("stage" if phone in STAGE else "prod", phone, f"sip:{quote(dials, safe='')}@phones.example")


@dataclass(frozen=True)
class CallerCase:
    """One case of identifying the caller: the situation in words, the call, the caller, and by which parameter."""

    situation: str
    call: OutgoingCall
    caller: str


def _callers() -> list[CallerCase]:
    return [
        CallerCase(
            case["situation"],
            OutgoingCall(case.get("in", "stage"), case.get("username", ""), "sip:5035550199@x", case.get("from", "")),
            case["then"],
        )
        for case in CONTENT["callers"]
    ]


def decision_data(decision: Decision) -> dict[str, object]:
    """The decision as plain data with its kind, the same as from the deployed service's decide."""
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(decision).items()}
    return {"kind": decision.kind, **plain}


def told(decision: dict[str, object]) -> str:
    """A decision in the words of cases.yaml."""
    match decision:
        case {"kind": "dial-pstn", "number": number}:
            return f"calls {number}"
        case {"kind": "dial-emergency", "number": number}:
            return f"emergency {number}"
        case {"kind": "dial-trunk", "uri": uri}:
            return f"trunk {uri}"
        case {"kind": "ring-client", "client": client, "caller_id": caller_id}:
            return f"rings {client} as {caller_id}"
        case {"kind": "refuse", "reason": reason}:
            return f"refuses {reason}"
    raise AssertionError(f"no words for {decision}")


CASES = _load()
CALLERS = _callers()
