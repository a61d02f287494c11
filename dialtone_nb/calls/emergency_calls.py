"""Emergency calls among the attempts: their phones, outcomes, emergency addresses and call-back numbers."""

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

# The dial plan's reasons for refusing a call to an emergency number, or to one that looks like it.
REASONS: Final = ("near-emergency", "no-emergency-number", "no-emergency-address")
# The columns needed to find and describe emergency calls.
COLUMNS: Final = ("started_at", "environment", "client", "direction", "other_party", "outcome", "reason")


@dataclass(frozen=True, slots=True)
class EmergencyCall:
    """One emergency call, with the address that Twilio gives the dispatcher, and the number for calling back."""

    at: datetime
    phone: str
    number: str
    outcome: str
    reason: str
    address: str
    call_back: str

    @property
    def is_test(self) -> bool:
        """Whether the call was to the test line, which reads the address back."""
        return self.number == TEST_LINE

    @property
    def ended(self) -> str:
        """The outcome and reason in words."""
        outcome = self.outcome.replace("_", " ")
        return f"{outcome}: {code_of(self.reason).meaning}" if self.reason else outcome


def select_emergency_calls(attempts: pl.DataFrame) -> pl.DataFrame:
    """The outgoing attempts to the test line or any country's emergency number, including refused ones."""
    is_number = pl.col("other_party").is_in(sorted({*KNOWN, TEST_LINE}))
    is_reason = pl.col("reason").cast(pl.String).is_in(REASONS)
    return attempts.filter(pl.col("direction") == "outgoing", (is_number | is_reason).fill_null(False))


def tell_emergency_calls(attempts: pl.DataFrame, clients: Mapping[str, Client]) -> tuple[EmergencyCall, ...]:
    """The emergency calls among attempts, newest first; `clients` are our phones by name, as declared now."""
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
    """The phone's emergency address in one line, as the dispatcher gets it."""
    if (address := client.emergency_address) is None:
        return "no emergency address"
    street = ", ".join(filter(None, (address.street, address.street_secondary)))
    return f"{address.customer_name}, {street}, {address.city}, {address.region} {address.postal_code}"


def _call_back(client: Client, clients: Iterable[Client]) -> str:
    """The caller ID that the dispatcher sees, and whether a call to it rings any phone."""
    is_answered = any(one.caller_id == client.caller_id and one.owns_number for one in clients)
    return client.caller_id if is_answered else f"{client.caller_id}, which rings nobody"
