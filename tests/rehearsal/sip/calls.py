"""Complete calls of a handset, and the account's records of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiosipua.sdp import parse_sdp

from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import DOMAIN
from tests.rehearsal.sip.network import Network, until

Phones = Callable[..., Baresip]
Handsets = Callable[..., Handset]


def lifted(handset: Handset, dialled: str, **headers: Any) -> tuple[str, int]:
    """The address for the sound of an answered call, whose 200 is acknowledged."""
    answer = handset.invite(dialled, **headers)
    while answer.status_code < 200:
        answer = handset.response(to=handset.sent)
    assert answer.status_code == 200
    handset.acknowledge(answer, handset.sent)
    handset.answered = answer
    audio = parse_sdp(answer.text).audio
    assert audio
    return "127.0.0.1", audio.port


def refusal(handset: Handset, dialled: str, **headers: Any) -> int:
    """The final response to a rejected call."""
    answer = handset.invite(dialled, **headers)
    while answer.status_code < 200:
        answer = handset.response(to=handset.sent)
    handset.acknowledge(answer, handset.sent)
    return int(answer.status_code)


def hang_up(handset: Handset) -> None:
    """Send BYE."""
    bye = handset.request("BYE", handset.sent.uri, to=handset.answered.get_header("To") or "")
    assert handset.ask(bye).status_code == 200


def child_of(network: Network, handset: Handset) -> tuple[str, str]:
    """The number and status of the child of a phone's last call, once it has ended."""

    def found() -> tuple[str, str] | None:
        calls = network.client.calls.list()
        own = next((one for one in calls if one._from == f"sip:{handset.user}@{DOMAIN}"), None)
        children = [one for one in calls if own and one.parent_call_sid == own.sid]
        is_over = own and own.status not in {"ringing", "in-progress"} and children and children[0].duration is not None
        return (children[0].to, children[0].status) if is_over else None

    return until(found)


def digits_of(network: Network, handset: Handset) -> str:
    """The digits that the application got in a phone's last call."""
    call = next(one for one in network.client.calls.list() if one._from == f"sip:{handset.user}@{DOMAIN}")
    events = network.client.calls(call.sid).events.list()
    return str(next(filter(None, (one.request["parameters"].get("Digits") for one in events)), ""))
