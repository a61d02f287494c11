"""A hundred calls of three phones over a hundred days, of every kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)


def hundred_calls() -> list[dict[str, Any]]:
    """The attempts, oldest first."""
    return [
        {
            "started_at": START + timedelta(days=number, hours=number % 24),
            "environment": ["prod", "stage"][number % 2],
            "client": ["lobby", "clinic", "van"][number % 3],
            "direction": ["outgoing", "incoming"][number % 4 == 0],
            "outcome": ["answered", "no_answer", "failed", "unregistered", "answered", "refused"][number % 6],
            "reason": ["13224", "32009"][number % 2],
            "duration_s": 30,
            "price": 0.01,
            "currency": "USD",
        }
        for number in range(100)
    ]
