"""What a person asks of the exchange: who calls whom, and how the far side behaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from dialtone_nb.rehearsal.refusal import Refusal

LONGEST_S = 86_400.0


@dataclass(frozen=True, slots=True)
class FarSide:
    """How whoever is rung behaves. Times are in seconds; the caller hangs up `cancel_after` seconds of ringing."""

    answer_after: float = 3.0
    talk: float = 30.0
    busy: bool = False
    no_answer: bool = False
    unreachable: bool = False
    cancel_after: float | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A call: a phone dials digits (`client`, `dial`, perhaps `domain`), or a number calls a number (`from_`, `to`)."""

    far_side: FarSide
    client: str = ""
    dial: str = ""
    domain: str = ""
    from_: str = ""
    to: str = ""


WORDS = {"client", "dial", "domain", "from", "to"}


def read_order(body: Mapping[str, Any]) -> Order:
    """An order from what was posted; a Refusal that says what is missing or strange."""
    behaviour = {field.name for field in fields(FarSide)}
    if strangers := sorted(set(body) - WORDS - behaviour):
        raise Refusal(20001, f"A call has no {strangers[0]!r}; it may have {', '.join(sorted(WORDS | behaviour))}")
    by_client, by_number = {"client", "dial"} <= set(body), {"from", "to"} <= set(body)
    if by_client == by_number:
        raise Refusal(20001, "A call needs either client and dial, or from and to")
    words = {word: str(body.get(word, "")) for word in WORDS}
    return Order(
        read_far_side({name: value for name, value in body.items() if name in behaviour}),
        client=words["client"],
        dial=words["dial"],
        domain=words["domain"],
        from_=words["from"],
        to=words["to"],
    )


def read_far_side(values: Mapping[str, Any]) -> FarSide:
    """The far side from its JSON."""
    for name, value in values.items():
        if name in {"busy", "no_answer", "unreachable"}:
            fits = isinstance(value, bool)
        else:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            fits = (is_number and 0 <= value <= LONGEST_S) or (name == "cancel_after" and value is None)
        if not fits:
            raise Refusal(20001, f"{name} of a call can't be {value!r}")
    return FarSide(**values)
