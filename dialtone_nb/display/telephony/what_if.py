"""Render the answers to "what happens if": the keys, what the phone sends, the decision, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dialtone_nb.dialplan.decisions import Decision, DialEmergency, DialPstn, DialTrunk, Refuse, RingClient
from dialtone_nb.display.rendering import render
from dialtone_nb.phones.what_if import KeypadResult


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What one phone gets for some strings of keys, and which table answered: the live one, or the files."""

    client: str
    asked: str
    answers: tuple[KeypadResult, ...]


def what_if_text(what_if: WhatIf) -> str:
    """One line for each string: what happens, by which rule, at what cost; then what the phone does."""
    lines = [_heading(what_if)]
    for one in what_if.answers:
        lines.append(f"{_mark(one)} {one.keys}: {'; '.join([*_facts(one), *_heard(one)])}")
        lines.append(f"    the phone {one.at_the_phone}")
    return "\n".join(lines)


def what_if_html(what_if: WhatIf) -> str:
    """Show the answers as a table, with the TwiML of each call folded under it."""
    return _html(what_if.answers, heading=_heading(what_if))


def answers_html(answers: Iterable[KeypadResult]) -> str:
    """The answers alone, for a box that replaces them."""
    return _html(answers, is_live=True)


def _html(answers: Iterable[KeypadResult], *, heading: str = "", is_live: bool = False) -> str:
    return render(
        "what_if",
        answers=answers,
        heading=heading,
        is_live=is_live,
        is_call=_is_call,
        mark=_mark,
        told=told,
        heard=_heard,
    )


def told(decision: Decision) -> str:
    """A decision in a few words."""
    match decision:
        case DialPstn() | DialEmergency():
            kind = "emergency call" if isinstance(decision, DialEmergency) else "call"
            return f"{kind} to {decision.number}, as {decision.caller_id}, {decision.time_limit_s // 60} min at most"
        case DialTrunk():
            return f"call to our own server, {decision.uri}"
        case RingClient():
            return f"rings {decision.client}"
        case Refuse():
            return f"refused: {decision.reason}"


def _heading(what_if: WhatIf) -> str:
    return f"What {what_if.client} gets, by {what_if.asked}"


def _facts(one: KeypadResult) -> list[str]:
    if one.simulation is None or one.cost is None:
        return ["no call"]
    return [told(one.simulation.decision), f"rule {one.simulation.rule or 'none'}", f"cost {one.cost.name}"]


def _heard(one: KeypadResult) -> list[str]:
    decision = one.simulation.decision if one.simulation else None
    return [f"the caller hears: {decision.message}"] if isinstance(decision, Refuse) and decision.message else []


def _is_call(one: KeypadResult) -> bool:
    return one.simulation is not None and not isinstance(one.simulation.decision, Refuse)


def _mark(one: KeypadResult) -> str:
    return "✓" if _is_call(one) else "✗"
