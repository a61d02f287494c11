"""Render what exists: a table of kinds, with the resources of each."""

from __future__ import annotations

from dialtone_nb.display.rendering import render
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.resources import RESOURCE_TYPES
from dialtone_nb.infrastructure.resources.model import Resource

CONSOLE = "https://console.twilio.com/us1/develop"


def state_names(existing: Existing) -> dict[str, list[str]]:
    """The resources of each kind that a page lists."""
    found = {kind.name: [_told(one) for one in existing.state.of(kind)] for kind in RESOURCE_TYPES if kind.is_listed}
    return {kind: names for kind, names in found.items() if names}


def state_text(existing: Existing) -> str:
    """One line a kind: how many there are, and which."""
    names = state_names(existing)
    width = max(map(len, names), default=0)
    lines = [f"{kind:<{width}}  {len(which):>2}  {', '.join(which)}" for kind, which in names.items()]
    return "\n".join(lines) or "nothing is there yet"


def state_html(existing: Existing) -> str:
    """Show them as a table, a row a kind, which leads to its place in Twilio's Console."""
    console = {kind.name: f"{CONSOLE}/{kind.in_console}" for kind in RESOURCE_TYPES if kind.in_console}
    return render("existing", kinds=state_names(existing), console={} if existing.is_rehearsal else console)


def _told(resource: Resource) -> str:
    remark = resource.kind.remark(resource)
    return f"{resource.key} ({remark})" if remark else resource.key
