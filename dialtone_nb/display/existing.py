"""How what exists looks: a table of kinds, with what there is of each."""

from __future__ import annotations

from dialtone_nb.display.rendering import render
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import readable
from dialtone_nb.infrastructure.resources.model import Item, Kind

# A module's versions follow from the build: they would only fill the page.
_LEFT_OUT = {Kind.FUNCTION, Kind.FUNCTION_VERSION, Kind.BUILD}


def state_names(existing: Existing) -> dict[Kind, list[str]]:
    """What there is of each kind that a reader would count."""
    found = {kind: [_told(item) for item in existing.state.of(kind)] for kind in Kind if kind not in _LEFT_OUT}
    return {kind: names for kind, names in found.items() if names}


def state_text(existing: Existing) -> str:
    """A line a kind: how many there are, and which."""
    names = state_names(existing)
    width = max(map(len, names), default=0)
    lines = [f"{kind:<{width}}  {len(which):>2}  {', '.join(which)}" for kind, which in names.items()]
    return "\n".join(lines) or "nothing is there yet"


def state_html(existing: Existing) -> str:
    """Show them as a table, a row a kind."""
    return render("existing", kinds=state_names(existing))


def _told(item: Item) -> str:
    if item.kind is Kind.SERVED_TABLE:
        return f"{item.key} (table {readable(item.fields['code'])})"
    if item.kind is Kind.DEPLOYMENT:
        return f"{item.key} (code {readable(item.fields['code'])})"
    if item.kind is Kind.ENVIRONMENT:
        return f"{item.key} ({item.given['domain_name']})"
    if item.kind is Kind.PHONE_NUMBER and item.fields.get("emergency_address_sid"):
        return f"{item.key} (emergency address {item.given['emergency_address_status']})"
    return item.key
