"""A piece of a log of events as arrays of numbers, in the order of time, and what stands near what in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dialtone_nb.calls.event_source.rules import ABSENCE_CODES, BESIDE_US, EventKind

Whole = npt.NDArray[np.int64]
Truth = npt.NDArray[np.bool_]

NONE: Final = -1
FAR: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class EventArrays:
    """The events' columns as arrays of numbers, in the order of time."""

    at: Whole
    phone: Whole  # NONE where no name is told
    key: Whole  # what pairs a call with its outcome: the call SID, else the phone and direction
    seen: Truth  # an error that stood beside a call of an earlier piece
    is_placed: Truth
    is_outcome: Truth
    is_end: Truth
    is_error: Truth
    is_absence: Truth

    @classmethod
    def of(cls, events: pl.DataFrame) -> EventArrays:
        """The columns of events in the order of time."""
        number = events["kind"].to_physical().to_numpy()
        kinds = {code: EventKind.parse(text) for code, text in _numbered(events["kind"])}

        def is_kind(wanted: Callable[[EventKind], bool]) -> Truth:
            is_wanted = np.zeros(max(kinds, default=0) + 1, dtype=bool)
            is_wanted[[code for code, kind in kinds.items() if wanted(kind)]] = True
            found: Truth = is_wanted[number]
            return found

        phone = events["phone"].to_physical().cast(pl.Int64).fill_null(NONE).to_numpy()
        is_outcome = is_kind(lambda kind: kind.role == "outcome")
        return cls(
            at=events["at"].to_physical().to_numpy(),
            phone=phone,
            key=_pairing_keys(events, phone, is_kind(lambda kind: kind.direction == "incoming")),
            seen=events["seen"].to_numpy(),
            is_placed=is_kind(lambda kind: kind.role == "placed"),
            is_outcome=is_outcome,
            is_end=is_outcome | is_kind(lambda kind: kind.role == "refused"),
            is_error=is_kind(lambda kind: kind.role == "error"),
            is_absence=is_kind(lambda kind: kind.role == "error" and kind.value in ABSENCE_CODES),
        )


def _numbered(texts: pl.Series) -> list[tuple[int, str]]:
    """The texts of a column and the numbers by which it keeps them."""
    found = texts.unique()
    return list(zip(found.to_physical(), found.cast(pl.String), strict=True))


def _pairing_keys(events: pl.DataFrame, phone: Whole, is_incoming: Truth) -> Whole:
    # Those without a SID are told apart from all that have one by standing below zero.
    by_phone = NONE - (2 * (phone - NONE) + is_incoming)
    if not events["call_sid"].count():
        return by_phone
    first = pl.col("row").first().over("call_sid").cast(pl.Int64)
    by_sid = events.with_row_index("row").select(first).to_series().to_numpy()
    return np.where(events["call_sid"].is_null().to_numpy(), by_phone, by_sid)


def order_by(keys: Whole) -> Whole:
    """The rows in the order of their keys, which are at most some millions, and those of one key as they stand.

    Key and row as one number are sorted ten times as fast as keys are that have to keep the order of rows.
    """
    rows = len(keys)
    least = int(keys.min()) if rows else 0
    order: Whole = np.sort((keys - least) * rows + np.arange(rows)) % max(rows, 1)
    return order


def find_nearest(columns: EventArrays, rows: Whole, others: Whole) -> Whole:
    """For each row the nearest of the others of its phone within five seconds, the earlier of two; NONE without any."""
    if not len(rows) or not len(others):
        return np.full(len(rows), NONE, dtype="int64")
    at, phone, beyond = columns.at, columns.phone, len(columns.at)
    # Rows are in the order of time, so phone and row together are in the order of phone and time.
    place = phone[others] * beyond + others
    order = np.argsort(place, kind="stable")
    place, others = place[order], others[order]
    up_to = np.searchsorted(at, at[rows], side="right") - 1
    since = np.searchsorted(at, at[rows], side="left")
    before = np.searchsorted(place, phone[rows] * beyond + up_to, side="right") - 1
    after = np.searchsorted(place, phone[rows] * beyond + since, side="left")
    distances = [_distance(columns, rows, others, candidate) for candidate in (before, after)]
    nearest = np.where(distances[0] <= distances[1], before, after)
    return np.where(np.minimum(*distances) <= BESIDE_US, others[np.clip(nearest, 0, len(others) - 1)], NONE)


def _distance(columns: EventArrays, rows: Whole, others: Whole, candidate: Whole) -> Whole:
    found = others[np.clip(candidate, 0, len(others) - 1)]
    is_none = (candidate < 0) | (candidate >= len(others)) | (columns.phone[found] != columns.phone[rows])
    return np.where(is_none, FAR, np.abs(columns.at[found] - columns.at[rows]))
