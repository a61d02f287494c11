"""Twilio's identifiers: two letters that tell the kind, and 32 hexadecimal digits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

PREFIXES: Final = {
    "account": "AC",
    "api_key": "SK",
    "log": "NO",
    "call": "CA",
    "alert": "NO",
    "request": "RQ",
    "build": "ZB",
}

# The call SID of requests that verify signs itself: no call of Twilio's has it, so their events can be told apart.
NO_CALL: Final = "CA" + "0" * 32
# What the names of their events begin with, so that nobody who reads them takes them for calls.
PROBE: Final = "probe-"
# How an account's and an API key's SID go on at the rehearsal: a facade looks like a house from the street and has
# nothing behind it. No account of Twilio's is likely to begin so.
FACADE: Final = "facade"

SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


def is_sid(text: str, kind: str = "") -> bool:
    """Whether this is a SID, of the given kind where one is given."""
    return SID.fullmatch(text) is not None and (not kind or text.startswith(PREFIXES[kind]))


def is_probe(event: Mapping[str, object]) -> bool:
    """Whether an event of our functions or our server is of verify's own request, and of no call."""
    return event.get("call_sid") == NO_CALL or str(event.get("event", "")).startswith(PROBE)


def short_sid(sid: str) -> str:
    """The first eight characters and an ellipsis: enough to recognise a SID in a table."""
    return f"{sid[:8]}…" if SID.fullmatch(sid) else sid
