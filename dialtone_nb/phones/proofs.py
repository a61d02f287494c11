"""The proofs that a phone works, in the order in which one stands on the other."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.parameters import Parameters
from dialtone_nb.values.phone_numbers import format_number


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing to try: what to do, and what a good result is."""

    name: str
    do: str
    good: str


def rehearsed_proofs_for(parameters: Parameters, client: str, *, see_registered: str) -> tuple[Proof, ...]:
    """The proofs of a phone at a rehearsal's door, where nobody's telephone but this one is real."""
    dialled = {rule.pattern for rule in parameters.dialplan.rules}
    proofs = [
        Proof("registers", "Wait a minute after the last change.", see_registered),
        Proof("hears dial tone", "Lift the handset, or open the keypad.", "A steady tone, or the keypad is ready."),
        Proof("calls out", "Dial 503 555 0191, and speak.", "A voice says so, and then you hear yourself."),
    ]  # fmt: skip
    if "#" in dialled:
        good = "A voice says that this is the trunk, or your own server answers."
        proofs.append(Proof("reaches the menu", "Dial # and nothing else.", good))
    ring = "In the walkthrough, at “A real telephone”, press the button that rings it."
    proofs.append(Proof("rings from outside", ring, "This phone rings. A voice says that nobody real is calling."))
    if parameters.clients[client].calls_emergency:
        said = "A voice says that this is no emergency service, and what you dialled."
        proofs.append(Proof("reads its address back", "Dial 933. Never try with 911.", said))
    return tuple(proofs)


def proofs_for(parameters: Parameters, client: str, *, see_registered: str) -> tuple[Proof, ...]:
    """The proofs of one phone; its 933 only where emergency calling is on."""
    declared = parameters.clients[client]
    number = format_number(declared.caller_id)
    dialled = {rule.pattern for rule in parameters.dialplan.rules}
    proofs = [
        Proof("registers", "Wait a minute after the last change.", see_registered),
        Proof("hears dial tone", "Lift the handset, or open the keypad.", "A steady tone, or the keypad is ready."),
        Proof("calls out", "Dial your own mobile phone, area code first.", f"It rings and shows {number}. Both hear."),
    ]  # fmt: skip
    if "#" in dialled:
        proofs.append(Proof("reaches the menu", "Dial # and nothing else.", "The network’s own menu answers."))
    proofs.append(Proof("rings from outside", f"From your mobile phone call {number}.", "This phone rings. Both hear."))
    if declared.emergency_address:
        address = declared.emergency_address
        proofs.append(
            Proof(
                "reads its address back",
                "Dial 933. Never try with 911.",
                f"A voice reads the address: {address.street}, {address.city}.",
            )
        )
    return tuple(proofs)
