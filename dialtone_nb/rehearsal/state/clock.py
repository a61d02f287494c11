"""Simulated time and its two written forms. The store keeps it; calls and waits advance it, API requests do not."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

# A Monday morning. Seconds since 1970, as everywhere in the rehearsal.
BEGINNING = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC).timestamp()
# datetime ends with the year 9999, so simulated time stops well before.
LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


def iso8601(at: float) -> str:
    """A time as the v1 APIs write it: 2026-03-02T09:00:00Z."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=1 << 14)  # a page of a thousand calls writes four thousand dates, many of them the same
def rfc2822(at: float | None) -> str | None:
    """A time as the 2010-04-01 API writes it: Mon, 02 Mar 2026 09:00:00 +0000; None stays None."""
    return None if at is None else format_datetime(datetime.fromtimestamp(int(at), UTC))


def parse_time(text: str) -> float:
    """Seconds since 1970 from ISO 8601, a date (its midnight, UTC) or RFC 2822; raises ValueError for other text."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            raise ValueError("must be a date, or a time of ISO 8601 or RFC 2822") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def is_date(text: str) -> bool:
    """Whether a text is a date without a time."""
    try:
        datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
