"""Counts, keys and moments as a reader sees them."""

from __future__ import annotations

from typing import Final

import pandas as pd

from dialtone_nb.calls.measures.rates import Rate

KEY_WORDS: Final = {
    "day": "day",
    "hour": "hour",
    "week": "week of",
    "client": "phone",
    "direction": "direction",
    "environment": "environment",
}


def count_words(number: int, noun: str) -> str:
    """A count with its noun: "1 call", "2 calls"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def key_words(by: str, key: object) -> str:
    """A row's name: a day with its weekday, an hour, a phone; what is not known says so."""
    if isinstance(key, pd.Timestamp):
        return f"{key:%Y-%m-%d %a}"
    if by == "hour":
        return f"{key:02d}:00"
    return str(key) or f"unknown {KEY_WORDS[by]}"


def rate_words(rate: Rate) -> str | None:
    """A rate with its interval in per cent, marked where it is of few; None where there is nothing to divide by."""
    if rate.value is None:
        return None
    low, high = rate.interval
    return f"{rate.value:.1%} ({100 * low:.1f} – {100 * high:.1f}){', few' if rate.is_few else ''}"


def moment_words(at: object) -> str | None:
    """A time to the second; None where there is none."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if isinstance(at, pd.Timestamp) else None


def span_words(span: object) -> str | None:
    """How long something lasted, in days and hours, or hours and minutes; None where it is not known."""
    if not isinstance(span, pd.Timedelta):
        return None
    minutes = int(span.total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"
