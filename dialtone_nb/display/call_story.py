"""How calls look one by one: the recent ones in a table, and one of them step by step; as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from xml.etree import ElementTree

import pandas as pd

from dialtone_nb.calls.call_story import CallLeg, CallStep, Story
from dialtone_nb.display.tables import body, name_html, row, table
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, global_domain, parse_sip_uri

_HEADS = ("at (UTC)", "phone", "direction", "other party", "outcome", "reason")


@dataclass(frozen=True)
class Exploration:
    """The recent calls of an environment, newest first, and the story of one; None where there was none."""

    environment: str
    minutes: int
    attempts: pd.DataFrame
    story: Story | None

    @property
    def summary(self) -> str:
        """One line: how many calls there were."""
        count = len(self.attempts)
        calls = "1 call" if count == 1 else f"{count:,} calls"
        return f"{self.environment}: {calls} in the last {self.minutes} minutes"


def exploration_text(exploration: Exploration) -> str:
    """The calls, a line each, and the steps of the one that is told."""
    lines = [exploration.summary, *("  ".join(filter(None, attempt_cells(one))) for one in _records(exploration))]
    if exploration.story:
        lines += ["", *_story_lines(exploration.story)]
    return "\n".join(lines)


def exploration_html(exploration: Exploration) -> str:
    """The same as tables."""
    rows = [row([escape(cell) for cell in attempt_cells(one)]) for one in _records(exploration)]
    shown = table(_HEADS, [body(rows)]) if rows else ""
    told = story_html(exploration.story) if exploration.story else ""
    return f'<div class="dialtone dialtone-calls"><p><b>{escape(exploration.summary)}</b></p>{shown}</div>{told}'


def attempt_cells(attempt: dict[str, object]) -> Sequence[str]:
    """What a line of the calls says of one attempt."""
    names = ("client", "direction", "other_party", "outcome", "reason")
    told = ["" if pd.isna(attempt[name]) else str(attempt[name]).replace("_", " ") for name in names]  # type: ignore[call-overload]
    return f"{attempt['started_at']:%H:%M:%S}", *told


def story_html(story: Story) -> str:
    """One call: a table of its legs, and of its steps in their order, with the TwiML folded under each answer."""
    legs = table(("leg", "status", "price"), [body(map(_leg_row, story.legs))])
    steps = table(("at (UTC)", "what happened"), [body(map(_step_row, story.steps))])
    return (
        f'<div class="dialtone dialtone-story"><p><b>{escape(_heading(story))}</b> '
        f"<code>{escape(story.call_sid)}</code></p>{legs}{steps}</div>"
    )


def _story_lines(story: Story) -> list[str]:
    lines = [f"{_heading(story)} ({story.call_sid})"]
    for step in story.steps:
        lines.append(f"{'✗' if step.is_trouble else '·'} {step.at:%H:%M:%S} {step.about}: {step.what}")
        lines += [f"    {line}" for line in _indented(step.text).splitlines()]
    return lines


def _heading(story: Story) -> str:
    first = story.legs[0]
    return f"{_party(first.from_)} calls {_party(first.to)}"


def _party(address: str) -> str:
    """A phone or what it dialled by its name alone, where it is in a domain of ours; else the whole address."""
    user, host = parse_sip_uri(address)
    return user if global_domain(host).endswith(SIP_DOMAIN_SUFFIX) else address


def _leg_row(leg: CallLeg) -> str:
    which = "dialled" if leg.is_dialled else "placed"
    took = f", {leg.duration_s} s" if leg.duration_s else ""
    cells = (
        f'{name_html(leg.to)}<div class="quiet">{which} · {escape(leg.sid)}</div>',
        escape(f"{leg.status}{took}"),
        escape(leg.price or "not settled"),
    )
    return row(cells)


def _step_row(step: CallStep) -> str:
    text = f"<details><summary>TwiML</summary><pre>{escape(_indented(step.text))}</pre></details>" if step.text else ""
    sign = f'<span class="sign">{"✗" if step.is_trouble else "·"}</span>'
    cells = f"{sign}{step.at:%H:%M:%S}", f'<span class="quiet">{escape(step.about)}</span> {name_html(step.what)}{text}'
    return row(cells, "failed" if step.is_trouble else "none")


def _records(exploration: Exploration) -> list[dict[str, object]]:
    records: list[dict[str, object]] = exploration.attempts.to_dict("records")  # type: ignore[assignment]
    return records


def _indented(text: str) -> str:
    """TwiML with a line for each verb; what is none, as it is."""
    if not text.lstrip().startswith("<"):
        return text
    try:
        element = ElementTree.fromstring(text)  # noqa: S314 - Twilio's copy of what our own functions answered
    except ElementTree.ParseError:
        return text
    ElementTree.indent(element)
    return ElementTree.tostring(element, encoding="unicode")
