"""cases.yaml as calls and the sentences that tell what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ruamel.yaml import YAML

from dialtone_nb.dialplan.model import Call, IncomingCall, OutgoingCall

STAGE = ("workbench", "van")


@dataclass(frozen=True)
class Case:
    """One case: the situation in words, the call, and what becomes of it."""

    situation: str
    call: Call
    then: str


def _load() -> list[Case]:
    content = YAML(typ="safe").load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    outgoing = [Case(c["situation"], _outgoing(c["phone"], c["dials"]), c["then"]) for c in content["outgoing"]]
    incoming = [Case(c["situation"], IncomingCall("prod", c["to"], c["from"]), c["then"]) for c in content["incoming"]]
    return outgoing + incoming


def _outgoing(phone: str, dials: str) -> OutgoingCall:
    return OutgoingCall("stage" if phone in STAGE else "prod", phone, f"sip:{quote(dials, safe='')}@phones.example")


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
