"""Render a look for alarms: what is wrong and what to do, messages that wait, what was sent, and every rule."""

from __future__ import annotations

from dialtone_nb.alarms.book import Alarm, Look
from dialtone_nb.display.rendering import render

# How many alarms that are over, and messages that arrived, are shown.
SHOWN = 10


def look_text(look: Look) -> str:
    """The look for a terminal."""
    lines = [look.summary, *look_lines(look)]
    lines += [f"  ✓ over since {one.over_at:%Y-%m-%d %H:%M} UTC: {one.title}" for one in _over(look)]
    return "\n".join(lines)


def look_lines(look: Look) -> list[str]:
    """What a terminal shows beside the summary: each alarm with what to do, and what was not delivered.

    The address of a phone that called for help is only on the page and in the message: a workflow's log may be public.
    """
    lines = []
    for one in look.book.loud:
        more = ["" if one.is_event else one.evidence, one.command, _about(one)]
        lines += [f"  ! {one.title}", *(f"      {line}" for line in more if line)]
    lines += [f"  ✗ not delivered to {one.channel}, {one.tried}: {one.error}" for one in look.failed]
    if not look.is_told:
        fresh = [one for one in look.book.waiting if not one.error]
        lines += [f"  ~ would be told to {one.channel}: {one.title}" for one in fresh]
    return [*lines, *(f"  ? {name} can't look: {why}" for name, why in look.blind.items())]


def look_html(look: Look) -> str:
    """The look as tables."""
    return render(
        "alarms",
        look=look,
        loud=look.book.loud,
        over=_over(look),
        sent=look.book.sent[::-1][:SHOWN],
        about=_about,
        states=_states(look),
    )


def _over(look: Look) -> list[Alarm]:
    return [one for one in look.book.alarms if one.over_at][::-1][:SHOWN]


def _about(alarm: Alarm) -> str:
    return f"rule {alarm.rule}, since {alarm.since:%Y-%m-%d %H:%M} UTC, {alarm.id}"


def _states(look: Look) -> dict[str, tuple[str, str]]:
    """By rule, the role of its row and what it says now."""
    loud = [one.rule for one in look.book.loud]
    said = {
        name: ("failed", f"applies to {loud.count(name)}") if name in loud else ("done", "quiet")
        for name in look.rules.rules
    }
    return said | dict.fromkeys(look.blind, ("unknown", "can't look"))
