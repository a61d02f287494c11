"""How far attempts came: the stages from placing a call to an answer, each a part of the one before."""

from __future__ import annotations

from typing import Final

import pandas as pd

from dialtone_nb.calls.attempts.outcomes import DELIVERED, JUDGED, OUTCOMES
from dialtone_nb.calls.measures.rates import count_outcomes

STAGES: Final = {
    "attempts": OUTCOMES,
    "tried": JUDGED,
    "delivered": DELIVERED,
    "answered": ("answered",),
}
STAGE_WORDS: Final = {
    "attempts": "calls that somebody placed",
    "tried": "the judged attempts: not refused by our own dial plan, and with a known end",
    "delivered": "reached a person's end: answered, rang out, met a busy line, or given up by the caller",
    "answered": "the far side picked up",
}


def funnel_of(tally: pd.DataFrame, direction: str) -> dict[str, int]:
    """Attempts of a direction by stage, in the order of the stages."""
    own = tally[tally["direction"] == direction]
    if own.empty:
        return dict.fromkeys(STAGES, 0)
    counts = count_outcomes(own).iloc[0]
    return {stage: int(counts[list(outcomes)].sum()) for stage, outcomes in STAGES.items()}
