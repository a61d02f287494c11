"""The account's status: calls of a suspended or closed account do not go through."""

from __future__ import annotations

from typing import Final

from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.state.store import Tables

ACTIVE: Final = "active"
STATUSES: Final = (ACTIVE, "suspended", "closed")
_KIND: Final = "account_status"


def account_status(tables: Tables) -> str:
    """The account's status."""
    kept = tables.find(_KIND, "", "")
    return str(kept.body["status"]) if kept else ACTIVE


def set_account_status(tables: Tables, status: object) -> None:
    """Suspend the account, close it, or make it active again."""
    if status not in STATUSES:
        raise Refusal(20001, f'An account is set with {{"status": one of {", ".join(STATUSES)}}}')
    if kept := tables.find(_KIND, "", ""):
        tables.remove(kept.sid)
    if status != ACTIVE:
        tables.add("AS", _KIND, "", "", {"status": status})
