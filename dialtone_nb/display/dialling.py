"""How the answers to "what happens if" look: the keys, what the phone sends, what is decided, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from xml.etree import ElementTree

from dialtone_nb.dialplan.decisions import Decision, DialEmergency, DialPstn, DialTrunk, Refuse, RingClient
from dialtone_nb.display.tables import body, name_html, row, table
from dialtone_nb.phones.what_if import KeypadResult


@dataclass(frozen=True, slots=True)
class Dialling:
    """What one phone gets for some strings of keys, and which table answered: the live one, or the files."""

    client: str
    asked: str
    answers: tuple[KeypadResult, ...]


def dialling_text(dialling: Dialling) -> str:
    """A line for each string: what happens, by which rule, at what cost; then what the phone does."""
    lines = [_heading(dialling)]
    for one in dialling.answers:
        lines.append(f"{_mark(one)} {one.keys}: {'; '.join([*_facts(one), *_heard(one)])}")
        lines.append(f"    the phone {one.at_the_phone}")
    return "\n".join(lines)


def dialling_html(dialling: Dialling) -> str:
    """The same as a table, with the TwiML of each call folded under it."""
    return f'<div class="dialtone"><p>{escape(_heading(dialling))}</p>{answers_html(dialling.answers)}</div>'


def answers_html(answers: Iterable[KeypadResult]) -> str:
    """The answers alone."""
    rows = [row(_cells(one), _role(one)) for one in answers]
    return table(("dialled", "what happens", "what it costs"), [body(rows)])


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


def _heading(dialling: Dialling) -> str:
    return f"What {dialling.client} gets, by {dialling.asked}"


def _cells(one: KeypadResult) -> Sequence[str]:
    sign = f'<span class="sign">{_mark(one)}</span>'
    keys = f'{sign}<code>{escape(one.keys)}</code><div class="quiet">{escape(one.at_the_phone)}</div>'
    if one.simulation is None or one.cost is None:
        return keys, "no call", "nothing"
    rule = f"by the rule {one.simulation.rule}" if one.simulation.rule else "by no rule"
    heard = "".join(f"<div>{escape(words)}</div>" for words in _heard(one))
    twiml = f"<details><summary>TwiML</summary><pre>{escape(_indented(one.simulation.twiml))}</pre></details>"
    happens = f'{name_html(told(one.simulation.decision))}{heard}<div class="quiet">{escape(rule)}</div>{twiml}'
    return keys, happens, f'{escape(one.cost.name)}<div class="quiet">{escape(one.cost.meaning)}</div>'


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


def _role(one: KeypadResult) -> str:
    return "done" if _is_call(one) else "failed"


def _indented(twiml: str) -> str:
    element = ElementTree.fromstring(twiml)  # noqa: S314 - we wrote it ourselves
    ElementTree.indent(element)
    return ElementTree.tostring(element, encoding="unicode")
