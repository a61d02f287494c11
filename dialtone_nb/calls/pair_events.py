"""Columns of events -> attempts, by the rules of `events`: calls are paired with how they ended and the errors beside.

This goes piece by piece, in the order of time. What may still matter to later events is handed on to the next piece.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dialtone_nb.calls.event_arrays import NONE, EventArrays, Truth, Whole, find_nearest
from dialtone_nb.calls.event_columns import NAMELESS, EventLog
from dialtone_nb.calls.events import BESIDE_US, LONGEST_CALL_US, Kind
from dialtone_nb.calls.frame import COLUMNS, make_frame
from dialtone_nb.calls.outcomes import OUTCOME_OF_CODE, outcome_of
from dialtone_nb.calls.quality import Quality

END_OF_LOG: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Paired:
    """Attempts that nothing later can change, and the events that later ones may still need."""

    attempts: pd.DataFrame
    rest: pa.Table


def pair_events(events: pa.Table, log: EventLog, quality: Quality, until: int = END_OF_LOG) -> Paired:
    """The attempts that ended up to `until`, in microseconds since 1970; by default all of them.

    All events up to five seconds after `until` must be there.
    """
    table = _without_doubles(events, quality)
    columns = EventArrays.of(table, log.kind_list)
    begun = _pair(columns)
    ends = np.flatnonzero(columns.is_end & (columns.at <= until))
    placed = np.flatnonzero(columns.is_placed)
    answered = np.isin(placed, begun[begun != NONE])
    opened = (
        placed[~answered & (columns.at[placed] <= until - LONGEST_CALL_US)] if until < END_OF_LOG else placed[~answered]
    )
    quality.note(
        "outcomes without their call event", "kept: they begin when they end", _count_alone(columns, begun, ends)
    )
    quality.note("placed calls without an outcome", "kept: how they ended is unknown", len(opened))
    attempts = _frame(table, columns, log, ends, opened, begun)
    is_rest = _rest(columns, begun, opened, until)
    seen = columns.seen | _near_a_call(columns)
    alone = columns.is_error & ~is_rest & ~seen
    quality.note("error events with no call of the phone within 5 seconds", "not used", int(alone.sum()))
    rest = table.set_column(table.column_names.index("seen"), "seen", pa.array(seen)).filter(pa.array(is_rest))
    return Paired(attempts, rest)


def _without_doubles(events: pa.Table, quality: Quality) -> pa.Table:
    """The events in the order of time, each once: a file can be there twice, and a page be read twice."""
    at = events["at"].to_numpy().astype("datetime64[us]").astype("int64")
    order = np.argsort(at, kind="stable")
    table = events.take(pa.array(order)) if np.any(order[1:] < order[:-1]) else events
    at = at[order]
    same = at[1:] == at[:-1]
    close = np.flatnonzero(np.append(same, False) | np.append(False, same))
    # Only those of one moment, to the microsecond, can be the same.
    again = table.select(["at", "phone", "kind", "call_sid"]).take(pa.array(close)).to_pandas().duplicated().to_numpy()
    quality.note("events that are there twice", "counted once", int(again.sum()))
    if not again.any():
        return table
    is_kept = np.ones(len(at), dtype=bool)
    is_kept[close[again]] = False
    return table.filter(pa.array(is_kept))


def _pair(columns: EventArrays) -> Whole:
    """For each event that ends a call the row of the event that began it, first come, first served; else NONE.

    The calls of one key that wait for their end are a queue. How long it is, is known without walking through it: it
    grows by one with each call and shrinks by one with each end, but never below zero. Those who leave it leave in the
    order in which they came.
    """
    begun = np.full(len(columns.at), NONE, dtype="int64")
    rows = np.flatnonzero(columns.is_placed | columns.is_end)
    if not len(rows):
        return begun
    rows = rows[np.argsort(columns.key[rows], kind="stable")]
    key, is_placed = columns.key[rows], columns.is_placed[rows]
    group = np.concatenate([[0], np.cumsum(key[1:] != key[:-1])])
    begins = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    level = _since(np.cumsum(np.where(is_placed, 1, -1)), begins, group)
    # The lowest level so far within the key: no key's can reach into the next one's, so far apart they are set.
    apart = group * 2 * (len(rows) + 1)
    lowest = np.minimum(0, np.minimum.accumulate(level - apart) + apart)
    was_lowest = np.concatenate([[0], lowest[:-1]])
    was_lowest[begins] = 0
    is_paired = ~is_placed & (lowest == was_lowest)
    placed, ended = rows[is_placed], rows[is_paired]
    # The n-th that leaves a key's queue is the n-th that came to it.
    nth = _since(np.cumsum(is_paired), begins, group)[is_paired] - 1
    first_placed: Whole = (np.cumsum(is_placed) - is_placed)[begins]
    begun[ended] = placed[first_placed[group[is_paired]] + nth]
    is_stale = columns.at[ended] - columns.at[begun[ended]] > LONGEST_CALL_US
    bounds = np.append(begins, len(rows))
    for stale in np.unique(group[is_paired][is_stale]).tolist():
        _pair_one_by_one(columns, rows[bounds[stale] : bounds[stale + 1]], begun)
    return begun


def _since(total: Whole, begins: Whole, group: Whole) -> Whole:
    """A running total that starts anew with each group."""
    before = np.concatenate([[0], total])[begins]
    anew: Whole = total - before[group]
    return anew


def _pair_one_by_one(columns: EventArrays, rows: Whole, begun: Whole) -> None:
    """The same for one key, where some calls waited for longer than any call can last, and are given up."""
    waiting: deque[int] = deque()
    for row in rows.tolist():
        if columns.is_placed[row]:
            waiting.append(row)
            continue
        while waiting and columns.at[row] - columns.at[waiting[0]] > LONGEST_CALL_US:
            waiting.popleft()
        begun[row] = waiting.popleft() if waiting else NONE


def _count_alone(columns: EventArrays, begun: Whole, ends: Whole) -> int:
    return int((columns.is_outcome[ends] & (begun[ends] == NONE)).sum())


def _rest(columns: EventArrays, begun: Whole, opened: Whole, until: int) -> Truth:
    """Which events the next piece needs: what has not ended, calls that wait, and errors near the border."""
    if until == END_OF_LOG:
        return np.zeros(len(columns.at), dtype=bool)
    is_later = columns.at > until
    ended = begun[columns.is_end & ~is_later]
    is_over = np.zeros(len(columns.at), dtype=bool)
    is_over[ended[ended != NONE]] = True
    is_over[opened] = True
    waits = columns.is_placed & ~is_over
    near_the_border = columns.is_error & (columns.at > until - BESIDE_US)
    return (columns.is_end & is_later) | waits | near_the_border


def _near_a_call(columns: EventArrays) -> Truth:
    """Which errors have a call of their phone within five seconds."""
    near = np.zeros(len(columns.at), dtype=bool)
    errors = np.flatnonzero(columns.is_error)
    near[errors] = find_nearest(columns, errors, np.flatnonzero(columns.is_placed | columns.is_end)) != NONE
    return near


def _frame(
    table: pa.Table, columns: EventArrays, log: EventLog, ends: Whole, opened: Whole, begun: Whole
) -> pd.DataFrame:
    """The attempts that these events end, and those that nothing ended."""
    rows = np.concatenate([ends, opened])
    kinds = log.kind_list
    own = table.take(pa.array(rows))
    codes = own["code"].combine_chunks().dictionary_encode()
    outcomes = _outcomes(columns.kind[rows], kinds, codes)
    is_unexplained = np.isin(outcomes, ["failed", "no_answer"]) & own["code"].is_null().to_numpy()
    beside = _codes_beside(columns, kinds, rows, is_unexplained)
    decided = np.array([OUTCOME_OF_CODE.get(code or "", "") for code in beside.dictionary.to_pylist()] + [""])
    lost = decided[pc.fill_null(beside.indices, len(beside.dictionary)).to_numpy()]
    began = np.where(begun[rows] == NONE, rows, begun[rows])
    phones = pa.array([None if name == NAMELESS else str(name) for name in log.phones], pa.string())
    ways = pa.array([kind.direction for kind in kinds], pa.string())
    made = {
        "call_sid": own["call_sid"],
        "started_at": table["at"].take(pa.array(began)),
        "environment": own["environment"],
        "client": phones.take(pa.array(columns.phone[rows])),
        "direction": ways.take(pa.array(columns.kind[rows])),
        "other_party": own["other_party"],
        "outcome": pa.array(np.where(lost != "", lost, outcomes).tolist(), pa.string()),
        "reason": pc.coalesce(own["reason"], own["code"], beside.cast(pa.string())),
        "duration_s": own["duration_s"],
        "price": pa.nulls(len(rows), pa.float64()),
        "currency": pa.nulls(len(rows), pa.string()),
    }
    frame = pa.table(made).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return make_frame(frame[list(COLUMNS)].to_dict("series"))


def _outcomes(kind: Whole, kinds: list[Kind], codes: pa.DictionaryArray) -> npt.NDArray[np.str_]:
    """How each of these events says that its call ended; there are few combinations of a kind and an error code."""
    known = [*codes.dictionary.to_pylist(), ""]
    code = pc.fill_null(codes.indices, len(known) - 1).to_numpy().astype("int64")
    combinations, which = np.unique(kind * len(known) + code, return_inverse=True)
    named = [_outcome(kinds[one // len(known)], known[one % len(known)]) for one in combinations.tolist()]
    return np.array(named or [""])[which]


def _outcome(kind: Kind, code: str) -> str:
    if kind.role == "outcome":
        return outcome_of(kind.value, code)
    return "refused" if kind.role == "refused" else "unknown"


def _codes_beside(columns: EventArrays, kinds: list[Kind], rows: Whole, is_wanted: Truth) -> Any:
    """The error code beside each of the wanted rows; one that means an absent phone comes before nearer others."""
    beside = np.full(len(rows), NONE, dtype="int64")
    wanted = rows[is_wanted]
    absence = find_nearest(columns, wanted, np.flatnonzero(columns.is_absence))
    other = find_nearest(columns, wanted, np.flatnonzero(columns.is_error))
    beside[is_wanted] = np.where(absence == NONE, other, absence)
    kind = np.where(beside == NONE, NONE, columns.kind[beside])
    names = pa.array([one.value for one in kinds], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(kind, mask=kind == NONE), names)
