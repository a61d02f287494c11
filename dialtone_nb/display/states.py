"""How what exists looks: a table of kinds, with what there is of each."""

from __future__ import annotations

from dialtone_nb.existing import Existing
from dialtone_nb.report.tables import Table
from dialtone_nb.resources.model import Item, Kind

# A module's versions follow from the build: they would only fill the page.
_LEFT_OUT = {Kind.FUNCTION, Kind.FUNCTION_VERSION, Kind.BUILD}


def state_table(existing: Existing) -> Table:
    """One row a kind: how many there are, and which."""
    rows = []
    for kind in Kind:
        items = existing.state.of(kind)
        if items and kind not in _LEFT_OUT:
            rows.append((str(kind), len(items), ", ".join(map(_told, items))))
    return Table.of(("what", "how many", "which"), rows)


def state_text(existing: Existing) -> str:
    """The table as text."""
    table = state_table(existing)
    return str(table) if table.rows else "nothing is there yet"


def state_html(existing: Existing) -> str:
    """The table as HTML."""
    table = state_table(existing)
    return table._repr_html_() if table.rows else "<p>Nothing is there yet.</p>"


def _told(item: Item) -> str:
    if item.kind is Kind.DEPLOYMENT:
        return f"{item.key} (code {item.fields['code']})"
    if item.kind is Kind.ENVIRONMENT:
        return f"{item.key} ({item.given['domain_name']})"
    if item.kind is Kind.PHONE_NUMBER and item.fields.get("emergency_address_sid"):
        return f"{item.key} (emergency address {item.given['emergency_address_status']})"
    return item.key
