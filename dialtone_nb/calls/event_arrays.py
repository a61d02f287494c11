"""A piece of a log of events as arrays of numbers, in the order of time, and what stands near what in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dialtone_nb.calls.events import ABSENCE_CODES, BESIDE_US, Kind

Whole = npt.NDArray[np.int64]
Truth = npt.NDArray[np.bool_]

NONE: Final = -1
FAR: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class EventArrays:
    """The events' columns as arrays of numbers, in the order of time."""

    at: Whole
    kind: Whole
    phone: Whole
    key: Whole  # what pairs a call with its outcome: the call SID, else the phone and direction
    seen: Truth  # an error that stood beside a call of an earlier piece
    is_placed: Truth
    is_outcome: Truth
    is_end: Truth
    is_error: Truth
    is_absence: Truth

    @classmethod
    def of(cls, table: pa.Table, kinds: list[Kind]) -> EventArrays:
        """The columns of a table."""
        kind, phone = (table[name].to_numpy().astype("int64") for name in ("kind", "phone"))
        is_role = {
            role: np.array([one.role == role for one in kinds], dtype=bool)[kind]
            for role in ("placed", "outcome", "refused", "error")
        }
        is_absence = np.array([one.role == "error" and one.value in ABSENCE_CODES for one in kinds], dtype=bool)[kind]
        return cls(
            at=table["at"].to_numpy().astype("datetime64[us]").astype("int64"),
            kind=kind,
            phone=phone,
            key=_pairing_keys(table["call_sid"], phone, np.array([one.direction == "incoming" for one in kinds])[kind]),
            seen=table["seen"].to_numpy().astype(bool),
            is_placed=is_role["placed"],
            is_outcome=is_role["outcome"],
            is_end=is_role["outcome"] | is_role["refused"],
            is_error=is_role["error"],
            is_absence=is_absence,
        )


def _pairing_keys(call_sids: pa.ChunkedArray, phone: Whole, is_incoming: Truth) -> Whole:
    by_phone = 2 * phone + is_incoming
    if call_sids.null_count == len(call_sids):
        return by_phone
    by_sid = pc.fill_null(call_sids.combine_chunks().dictionary_encode().indices, NONE).to_numpy().astype("int64")
    # Those without a SID are told apart from all that have one by standing below zero.
    return np.where(by_sid == NONE, NONE - by_phone, by_sid)


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
