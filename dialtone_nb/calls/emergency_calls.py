"""Emergency calls among all others: who made one, what came of it, where the phone is, and how it is called back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dialtone_nb.calls.attempts.outcomes import code_of
from dialtone_nb.values.emergency import KNOWN, TEST_LINE

if TYPE_CHECKING:
    from dialtone_nb.parameters.clients import Client

# The dial plan's words where somebody dialled what is an emergency number, or looks like one, and was not put through.
REASONS: Final = ("near-emergency", "no-emergency-number", "no-emergency-address")
# Columns that tell an emergency call.
COLUMNS: Final = ("started_at", "environment", "client", "direction", "other_party", "outcome", "reason")


@dataclass(frozen=True, slots=True)
class EmergencyCall:
    """One emergency call, with the address that Twilio gives the dispatcher, and the number that calls back."""

    at: datetime
    phone: str
    number: str
    outcome: str
    reason: str
    address: str
    call_back: str

    @property
    def is_test(self) -> bool:
        """Whether it was the test line that was called, which reads the address back."""
        return self.number == TEST_LINE

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        outcome = self.outcome.replace("_", " ")
        return f"{outcome}: {code_of(self.reason).meaning}" if self.reason else outcome


def select_emergency_calls(attempts: pl.DataFrame) -> pl.DataFrame:
    """The outgoing attempts to an emergency number of any country, or to its test line, put through or not."""
    is_number = pl.col("other_party").is_in(sorted({*KNOWN, TEST_LINE}))
    is_reason = pl.col("reason").cast(pl.String).is_in(REASONS)
    return attempts.filter(pl.col("direction") == "outgoing", (is_number | is_reason).fill_null(False))


def tell_emergency_calls(attempts: pl.DataFrame, clients: Mapping[str, Client]) -> tuple[EmergencyCall, ...]:
    """The emergency calls among attempts, newest first; `clients` has our phones by name, as declared now."""
    rows = select_emergency_calls(attempts.select(COLUMNS)).sort("started_at", descending=True, maintain_order=True)
    return tuple(_told(row, clients) for row in rows.iter_rows(named=True))


def _told(row: Mapping[str, Any], clients: Mapping[str, Client]) -> EmergencyCall:
    phone = row["client"] or ""
    client = clients.get(phone)
    return EmergencyCall(
        row["started_at"],
        phone,
        row["other_party"] or "",
        row["outcome"],
        row["reason"] or "",
        address_words(client) if client else "not declared in clients.yaml",
        _call_back(client, clients.values()) if client else "",
    )


def address_words(client: Client) -> str:
    """Where the phone is, as the dispatcher is told, in a line."""
    if (address := client.emergency_address) is None:
        return "no emergency address"
    street = ", ".join(filter(None, (address.street, address.street_secondary)))
    return f"{address.customer_name}, {street}, {address.city}, {address.region} {address.postal_code}"


def _call_back(client: Client, clients: Iterable[Client]) -> str:
    """The number that the dispatcher sees, and whether anybody hears a call to it."""
    is_answered = any(one.caller_id == client.caller_id and one.owns_number for one in clients)
    return client.caller_id if is_answered else f"{client.caller_id}, which rings nobody"
