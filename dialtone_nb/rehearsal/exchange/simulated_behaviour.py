"""Simulated calls and the behaviour of simulated parties, as the control API's JSON describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.state.store import Tables
from dialtone_nb.values.sip import global_domain, parse_sip_uri

LONGEST_S = 86_400.0
KEYS = frozenset("0123456789*#wW")


@dataclass(frozen=True, slots=True)
class SimulatedParty:
    """The behaviour of a simulated calling or called party; times are in seconds.

    A called party answers after `answer_after` and hangs up after `talk`. A caller hangs up after `cancel_after` of
    ringing, and in any case `leaves_after` the beginning of the call. It presses the keys in `presses`, one entry for
    each Gather (w waits half a second, W a whole one), and a star `star_after` the beginning of the talk. It `speaks`
    so long when recorded, and `waits` so long in a queue. A number that is `blocked` is on Twilio's block list; that
    has to be set before the call.
    """

    answer_after: float = 3.0
    talk: float = 30.0
    busy: bool = False
    no_answer: bool = False
    unreachable: bool = False
    blocked: bool = False
    cancel_after: float | None = None
    leaves_after: float | None = None
    presses: tuple[str, ...] = ()
    star_after: float | None = None
    speaks: float = 10.0
    waits: float = 120.0


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call by a phone (`client`, `dial`, perhaps `domain`), or by an outside number (`from_`, `to`).

    `targets` has the behaviour of single numbers and SIP addresses that differ from `party`.
    """

    party: SimulatedParty
    client: str = ""
    dial: str = ""
    domain: str = ""
    from_: str = ""
    to: str = ""
    targets: Mapping[str, SimulatedParty] = field(default_factory=dict)


WORDS = {"client": "client", "dial": "dial", "domain": "domain", "from": "from_", "to": "to"}  # JSON keys and fields
BEHAVIOUR = {one.name for one in fields(SimulatedParty)}
FLAGS = {"busy", "no_answer", "unreachable", "blocked"}
OPTIONAL = {"cancel_after", "leaves_after", "star_after"}


def read_simulated_call(body: Mapping[str, Any]) -> SimulatedCall:
    """A simulated call from JSON; raises Refusal with what is missing or unknown."""
    known = {*WORDS, *BEHAVIOUR, "targets"}
    if strangers := sorted(set(body) - known):
        raise Refusal(20001, f"A call has no {strangers[0]!r}; it may have {', '.join(sorted(known))}")
    by_client, by_number = {"client", "dial"} <= set(body), {"from", "to"} <= set(body)
    if by_client == by_number:
        raise Refusal(20001, "A call needs either client and dial, or from and to")
    targets = body.get("targets", {})
    if not isinstance(targets, Mapping) or not all(isinstance(one, Mapping) for one in targets.values()):
        raise Refusal(20001, 'targets says how each behaves, as in {"+15035550199": {"busy": true}}')
    words = {word: body[word] for word in sorted(WORDS) if word in body}
    if strange := [word for word, said in words.items() if not isinstance(said, str)]:
        raise Refusal(20001, f"{strange[0]} of a call must be text, not {words[strange[0]]!r}")
    return SimulatedCall(
        read_party({name: value for name, value in body.items() if name in BEHAVIOUR}),
        targets={str(address): read_party(one) for address, one in targets.items()},
        **{WORDS[word]: said for word, said in words.items()},
    )


def read_party(values: Mapping[str, Any]) -> SimulatedParty:
    """A party from JSON; raises Refusal for an unknown or invalid field."""
    if strangers := sorted(set(values) - BEHAVIOUR):
        raise Refusal(20001, f"Unknown behaviour {strangers[0]!r}; use one of {', '.join(sorted(BEHAVIOUR))}")
    for name, value in values.items():
        if not _fits(name, value):
            raise Refusal(20001, f"{name} of a call can't be {value!r}; {_what_fits(name)}")
    presses = values.get("presses", ())
    return SimulatedParty(**(dict(values) | {"presses": (presses,) if isinstance(presses, str) else tuple(presses)}))


def _fits(name: str, value: Any) -> bool:
    if name in FLAGS:
        return isinstance(value, bool)
    if name == "presses":
        entries = [value] if isinstance(value, str) else value
        return isinstance(entries, list | tuple) and all(isinstance(one, str) and set(one) <= KEYS for one in entries)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (is_number and 0 <= value <= LONGEST_S) or (name in OPTIONAL and value is None)


def _what_fits(name: str) -> str:
    if name in FLAGS:
        return "it is true or false"
    if name == "presses":
        return "keys are 0 to 9, * and #, and w or W to wait"
    return f"it is seconds, from 0 to {LONGEST_S:.0f}"


def party_body(party: SimulatedParty) -> dict[str, Any]:
    """A party as JSON, without default values."""
    usual = asdict(SimulatedParty())
    return {name: value for name, value in asdict(party).items() if value != usual[name]}


KIND = "far_side"


def party_key(address: str) -> str:
    """The key of an address: a number as it is, a SIP URI as user@host."""
    if not address.startswith(("sip:", "sips:")):
        return address
    user, host = parse_sip_uri(address)
    return f"{user}@{global_domain(host)}"


def set_party(tables: Tables, address: str, party: SimulatedParty) -> None:
    """Set how the party at an address behaves from now on; the default behaviour is not stored."""
    key, body = party_key(address), {"behaviour": party_body(party)}
    kept = tables.find(KIND, "", key)
    if kept and not body["behaviour"]:
        tables.remove(kept.sid)
    elif kept:
        tables.save(kept, body)
    elif body["behaviour"]:
        tables.add("FS", KIND, "", key, body)


def party_at(tables: Tables, address: str) -> SimulatedParty | None:
    """The behaviour of the party at an address; None if none was set."""
    kept = tables.find(KIND, "", party_key(address))
    return read_party(kept.body["behaviour"]) if kept else None
