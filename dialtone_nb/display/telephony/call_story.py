"""How calls look one by one: the recent ones in a table, and one of them step by step; as text and as HTML."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dialtone_nb.calls.call_story import Story
from dialtone_nb.calls.emergency_calls import EmergencyCall
from dialtone_nb.calls.twilio_source.fetch import EMERGENCY
from dialtone_nb.display.rendering import indented, render
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, global_domain, parse_sip_uri

EMERGENCY_HEADS = ("phone", "dialled", "outcome", "address", "call-back number")
ATTEMPT_HEADS = ("phone", "direction", "other party", "outcome", "reason")


@dataclass(frozen=True)
class Exploration:
    """The recent calls of an environment, newest first, and the story of one; None where there was none.

    Emergency calls come first a second time, with what a dispatcher was told about them.
    """

    environment: str
    minutes: int
    attempts: pd.DataFrame
    story: Story | None
    emergency_calls: tuple[EmergencyCall, ...] = ()

    @property
    def summary(self) -> str:
        """One line: how many calls there were."""
        count = len(self.attempts)
        calls = "1 call" if count == 1 else f"{count:,} calls"
        return f"{self.environment}: {calls} in the last {self.minutes} minutes"


def exploration_text(exploration: Exploration) -> str:
    """The calls, one a line, and the steps of the one that is told."""
    lines = [
        exploration.summary,
        *emergency_lines(exploration.emergency_calls),
        *("  ".join(filter(None, attempt_cells(one))) for one in exploration.attempts.to_dict("records")),
    ]
    if exploration.story:
        lines += ["", *_story_lines(exploration.story)]
    return "\n".join(lines)


def exploration_html(exploration: Exploration, *, lists: bool = True) -> str:
    """Show the calls as a table, unless they are listed elsewhere, and the story of the one that is told."""
    return render(
        "exploration",
        exploration=exploration,
        emergency_heads=(moment_head(exploration.attempts["started_at"].dt.tz), *EMERGENCY_HEADS),
        emergency_rows=[emergency_cells(one) for one in exploration.emergency_calls],
        heads=(moment_head(exploration.attempts["started_at"].dt.tz), *ATTEMPT_HEADS),
        rows=[attempt_cells(one) for one in exploration.attempts.to_dict("records")] if lists else [],
        story=story_html(exploration.story) if exploration.story else "",
    )


def moment_head(zone: object) -> str:
    """The head of a column of times, with their time zone."""
    return f"at ({zone or 'UTC'})"


def emergency_lines(calls: Sequence[EmergencyCall]) -> list[str]:
    """Emergency calls as text, under their heading; empty if there are none."""
    return (
        ["Emergency calls", *("  " + "  ".join(filter(None, emergency_cells(one))) for one in calls)] if calls else []
    )


def emergency_cells(call: EmergencyCall) -> Sequence[str]:
    """Cells of one emergency call; a call to the test line says that it is one."""
    number = f"{call.number} (test line)" if call.is_test else call.number
    return f"{call.at:%H:%M:%S}", call.phone, number, call.ended, call.address, call.call_back


def attempt_cells(attempt: Mapping[Hashable, Any]) -> Sequence[str]:
    """Cells of one attempt: its start, phone, direction, other party, outcome and reason."""
    names = ("client", "direction", "other_party", "outcome", "reason")
    told = ["" if pd.isna(attempt[name]) else str(attempt[name]).replace("_", " ") for name in names]
    return f"{attempt['started_at']:%H:%M:%S}", *told


def story_html(story: Story) -> str:
    """One call: a table of its legs, and of its steps in their order, with the TwiML folded under each answer."""
    at = moment_head(next((step.at.tzinfo for step in story.steps), None))
    return render("call_story", story=story, heading=_heading(story), at=at)


def _story_lines(story: Story) -> list[str]:
    lines = [f"{_heading(story)} ({story.call_sid})"]
    for step in story.steps:
        lines.append(f"{'✗' if step.is_trouble else '·'} {step.at:%H:%M:%S} {step.about}: {step.what}")
        lines += [f"    {line}" for line in indented(step.text).splitlines()]
    return lines


def _heading(story: Story) -> str:
    first = story.legs[0]
    words = f"{_party(first.from_)} calls {_party(first.to)}"
    is_emergency = any(step.what.partition(" ")[0] == EMERGENCY for step in story.steps)
    return f"Emergency call: {words}" if is_emergency else words


def _party(address: str) -> str:
    """The user name of an address in one of our own domains; of any other, the whole address."""
    user, host = parse_sip_uri(address)
    return user if global_domain(host).endswith(SIP_DOMAIN_SUFFIX) else address
