"""Hypothesis strategies for attempts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import polars as pl
from hypothesis import strategies as st

from dialtone_nb.calls.attempts.outcomes import OUTCOMES
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import DIRECTIONS, attempts_of, make_attempts, pandas_of
from dialtone_nb.calls.event_source.log import Piece
from dialtone_nb.calls.event_source.rows import rows_of

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


def with_sids(attempts: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """These attempts, each with a call SID of its own."""
    rows = [{"call_sid": f"CA{number:032x}", "other_party": None, **row} for number, row in enumerate(attempts)]
    names = rows[0] if rows else {}
    return make_attempts({name: [row[name] for row in rows] for name in names})


def frame_of(attempts: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """These attempts as a frame, each with a call SID of its own."""
    return pandas_of(with_sids(attempts))


def counted(tally: Callable[..., pl.DataFrame], frame: pd.DataFrame, *more: Any) -> pd.DataFrame:
    """The tally of a frame's attempts, as a report makes it."""
    return pandas_of(tally(attempts_of(frame), *more))


def merged(
    merge: Callable[[list[pl.DataFrame]], pl.DataFrame],
    tally: Callable[..., pl.DataFrame],
    parts: Iterable[pd.DataFrame],
    *more: Any,
) -> pd.DataFrame:
    """The same tally, merged from parts."""
    return pandas_of(merge([tally(attempts_of(part), *more) for part in parts]))


def total(sizes: Sequence[int]) -> int:
    """Sizes of parts, merged."""
    return sum(sizes)


frames = st.lists(attempt, max_size=40).map(frame_of)


def piece_of(*rows: Any, name: str = "events") -> Piece:
    """The rows of a file of events, as the reader gives them."""
    quality = Quality()
    return Piece.of(rows_of(name, rows, quality), quality)
