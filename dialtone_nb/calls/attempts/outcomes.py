"""How a call can end: the closed set of outcomes, what each says, and which of them count as what."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class AttemptOutcome(StrEnum):
    """How an attempt ended, best first; this is the order of every legend, table and stacked bar."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    CANCELED = "canceled"
    UNREGISTERED = "unregistered"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    BLOCKED = "blocked"
    REFUSED = "refused"
    IN_PROGRESS = "in_progress"
    UNKNOWN = "unknown"


OUTCOMES: Final = tuple(str(outcome) for outcome in AttemptOutcome)

# The network did its part: it rang, or could not ring, at a person's end.
DELIVERED: Final = ("answered", "no_answer", "busy", "canceled")
# The network did not do its part.
LOST: Final = ("unregistered", "unreachable", "failed", "blocked")
# What can be judged. A call that our own dial plan refused never tried; an open or unknown one has not been decided.
JUDGED: Final = DELIVERED + LOST

MEANINGS: Final = {
    "answered": "the far side picked up",
    "no_answer": "it rang and nobody picked up",
    "busy": "the far side was busy",
    "canceled": "the caller hung up before an answer",
    "unregistered": "the dialled phone was not registered: switched off, or with a wrong password",
    "unreachable": "the dialled phone was registered, but did not answer the network: its router or connection",
    "failed": "the network or a carrier could not complete it",
    "blocked": "Twilio refused the destination",
    "refused": "our own dial plan refused it, as meant",
    "in_progress": "not over yet",
    "unknown": "nothing says how it ended",
}

# Twilio's status of a dialled leg, or DialCallStatus, where no error code says more.
OUTCOME_OF_STATUS: Final = {
    "completed": "answered",
    "answered": "answered",
    "busy": "busy",
    "no-answer": "no_answer",
    "canceled": "canceled",
    "failed": "failed",
    "queued": "in_progress",
    "initiated": "in_progress",
    "ringing": "in_progress",
    "in-progress": "in_progress",
}


def outcome_of(status: str, code: str = "") -> str:
    """The outcome of a dialled leg with this status and error code; "unknown" for a status that is not Twilio's."""
    outcome = OUTCOME_OF_STATUS.get(status, "unknown")
    return OUTCOME_OF_CODE.get(code, outcome) if outcome in ("failed", "no_answer") else outcome


# A failed or unanswered call with one of these beside it was never rung at a person's end.
OUTCOME_OF_CODE: Final = {
    "32009": "unregistered",
    "32011": "unreachable",
    "13225": "blocked",
    "13227": "blocked",
    "21215": "blocked",
    "21216": "blocked",
    "32203": "blocked",
    "32205": "blocked",
    "32216": "blocked",
}
