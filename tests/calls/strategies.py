"""Generated attempts."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from hypothesis import strategies as st

from dialtone_nb.calls.frame import DIRECTIONS, make_frame
from dialtone_nb.calls.outcomes import OUTCOMES

FIRST = datetime(2025, 10, 1, tzinfo=UTC)

attempt = st.fixed_dictionaries(
    {
        # Half a year with both changes of daylight saving in it.
        "started_at": st.integers(0, 182 * 24 * 3600).map(lambda second: FIRST + timedelta(seconds=second)),
        "environment": st.sampled_from(["stage", "prod", None]),
        "client": st.sampled_from(["lobby", "clinic", "van", None]),
        "direction": st.sampled_from(DIRECTIONS),
        "outcome": st.sampled_from(OUTCOMES),
        "reason": st.sampled_from(["32009", "13224", None]),
        "duration_s": st.none() | st.integers(0, 14_400),
        "price": st.none() | st.integers(0, 100_000).map(lambda micros: micros / 1_000_000),
        "currency": st.sampled_from(["USD", None]),
    }
)


def frame_of(attempts: list[dict[str, object]]) -> pd.DataFrame:
    """These attempts as a frame, each with a call SID of its own."""
    rows = [{"call_sid": f"CA{number:032x}", "other_party": None, **row} for number, row in enumerate(attempts)]
    names = rows[0] if rows else {}
    return make_frame({name: [row[name] for row in rows] for name in names})


frames = st.lists(attempt, max_size=40).map(frame_of)
