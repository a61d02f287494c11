"""Events -> attempts, by the rules in `rules`: calls are paired with their outcomes and with errors near these.

Events are paired piece by piece, in the order of time. Those that later events may still need go into the next piece.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dialtone_nb.calls.attempts.outcomes import OUTCOME_OF_CODE, outcome_of
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import REPEATED, SCHEMA, reason_of_sip
from dialtone_nb.calls.event_source.rules import ABSENCE_CODES, BESIDE_US, LONGEST_CALL_US, EventKind
from dialtone_nb.calls.event_source.steps import fold_steps, reasons_of_marks

Whole = npt.NDArray[np.int64]
Truth = npt.NDArray[np.bool_]

NONE: Final = -1
FAR: Final = np.iinfo(np.int64).max
END_OF_LOG: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class EventArrays:
    """The events' columns as numpy arrays, in the order of time; one element for each event."""

    at: Whole  # microseconds since 1970
    phone: Whole  # the phone's category, or NONE
    key: Whole  # pairs a call with its outcome: by call SID, else by phone and direction
    seen: Truth  # an error within five seconds of a call of an earlier piece
    is_placed: Truth
    is_fallback: Truth  # placed, by the fallback URL, and only an outcome may follow
    is_outcome: Truth
    is_end: Truth
    is_mark: Truth
    is_error: Truth
    is_absence: Truth

    @classmethod
    def of(cls, events: pl.DataFrame) -> EventArrays:
        """The arrays of events that are sorted by time."""
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
            is_fallback=is_kind(lambda kind: kind.role == "placed" and kind.value == "fallback"),
            is_outcome=is_outcome,
            is_end=is_outcome | is_kind(lambda kind: kind.role in ("refused", "told")),
            is_mark=is_kind(lambda kind: kind.role in ("rang-on", "fallback")),
            is_error=is_kind(lambda kind: kind.role == "error"),
            is_absence=is_kind(lambda kind: kind.role == "error" and kind.value in ABSENCE_CODES),
        )


def _numbered(texts: pl.Series) -> list[tuple[int, str]]:
    """The texts of a categorical column, with their physical numbers."""
    found = texts.unique()
    return list(zip(found.to_physical(), found.cast(pl.String), strict=True))


def _pairing_keys(events: pl.DataFrame, phone: Whole, is_incoming: Truth) -> Whole:
    # Keys by phone are negative, so that they never equal a key by call SID.
    by_phone = NONE - (2 * (phone - NONE) + is_incoming)
    if not events["call_sid"].count():
        return by_phone
    first = pl.col("row").first().over("call_sid").cast(pl.Int64)
    by_sid = events.with_row_index("row").select(first).to_series().to_numpy()
    return np.where(events["call_sid"].is_null().to_numpy(), by_phone, by_sid)


def order_by(keys: Whole) -> Whole:
    """Row numbers in a stable order of their keys; keys may span some millions at most.

    Sorting key and row as one number is ten times as fast as a stable sort of the keys.
    """
    rows = len(keys)
    least = int(keys.min()) if rows else 0
    order: Whole = np.sort((keys - least) * rows + np.arange(rows)) % max(rows, 1)
    return order


def find_nearest(columns: EventArrays, rows: Whole, others: Whole) -> Whole:
    """For each row, the nearest of `others` with the same phone within five seconds, the earlier of two; else NONE."""
    if not len(rows) or not len(others):
        return np.full(len(rows), NONE, dtype="int64")
    at, phone, beyond = columns.at, columns.phone, len(columns.at)
    # Rows are in the order of time, so a number made of phone and row sorts by phone and time.
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


@dataclass(frozen=True, slots=True)
class Paired:
    """Attempts that later events can't change, and the events that later ones may still need."""

    attempts: pl.DataFrame
    rest: pl.DataFrame


def pair_events(events: pl.DataFrame, quality: Quality, until: int = END_OF_LOG) -> Paired:
    """Pair events into the attempts that ended up to `until` (microseconds since 1970), by default into all.

    `events` must have all events up to five seconds after `until`.
    """
    events = fold_steps(_without_doubles(events.sort("at", maintain_order=True), quality))
    columns = EventArrays.of(events)
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
    untold = int((~columns.is_fallback[opened]).sum())
    quality.note("placed calls without an outcome", "kept: how they ended is unknown", untold)
    attempts = _attempts(events, columns, np.concatenate([ends, opened]), begun)
    is_rest = _rest(columns, begun, opened, until)
    seen = columns.seen | _near_a_call(columns)
    alone = columns.is_error & ~is_rest & ~seen
    quality.note("error events with no call of the phone within 5 seconds", "not used", int(alone.sum()))
    return Paired(attempts, events.with_columns(seen=seen).filter(is_rest))


def _without_doubles(events: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """The events without duplicates: a file may have been given twice, and a page may have been read twice."""
    at = pl.col("at")
    # Only events of the same microsecond can be duplicates.
    is_close = (at == at.shift()) | (at == at.shift(-1))
    told = pl.struct("at", "phone", "kind", "call_sid")
    is_again = events.select(is_close.fill_null(False).alias("close")).to_series()
    again = events.filter(is_again).select(~told.is_first_distinct()).to_series()
    doubles = int(again.sum())
    quality.note("events that are there twice", "counted once", doubles)
    if not doubles:
        return events
    return events.filter(~is_again.scatter(is_again.arg_true(), again))


def _pair(columns: EventArrays) -> Whole:
    """For each event that ends a call, the row of the event that began it, first in, first out; NONE for all others.

    Without call SIDs, it is not known which of a phone's simultaneous calls has ended. First in, first out still gives
    each call one end, so attempts and outcomes are counted right; only the times of simultaneous calls may be swapped.
    With call SIDs, which are the keys then, nothing can be swapped.

    The calls of one key that wait for their end form a queue. Its length can be computed without a loop: it grows by
    one with each call and shrinks by one with each end, but never below zero.
    """
    begun = np.full(len(columns.at), NONE, dtype="int64")
    rows = np.flatnonzero(columns.is_placed | columns.is_end)
    if not len(rows):
        return begun
    rows = rows[order_by(columns.key[rows])]
    key, is_placed = columns.key[rows], columns.is_placed[rows]
    group = np.concatenate([[0], np.cumsum(key[1:] != key[:-1])])
    begins = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    level = _since(np.cumsum(np.where(is_placed, 1, -1)), begins, group)
    # The lowest level so far within each key. The offset `apart` keeps one key's minimum from affecting the next key's.
    apart = group * 2 * (len(rows) + 1)
    lowest = np.minimum(0, np.minimum.accumulate(level - apart) + apart)
    was_lowest = np.concatenate([[0], lowest[:-1]])
    was_lowest[begins] = 0
    is_paired = ~is_placed & (lowest == was_lowest)
    placed, ended = rows[is_placed], rows[is_paired]
    # First in, first out: the n-th end of a key belongs to the n-th call of that key.
    nth = _since(np.cumsum(is_paired), begins, group)[is_paired] - 1
    first_placed: Whole = (np.cumsum(is_placed) - is_placed)[begins]
    begun[ended] = placed[first_placed[group[is_paired]] + nth]
    is_stale = columns.at[ended] - columns.at[begun[ended]] > LONGEST_CALL_US
    bounds = np.append(begins, len(rows))
    for stale in np.unique(group[is_paired][is_stale]).tolist():
        _pair_one_by_one(columns, rows[bounds[stale] : bounds[stale + 1]], begun)
    return begun


def _since(total: Whole, begins: Whole, group: Whole) -> Whole:
    """A running total restarted at the beginning of each group."""
    before = np.concatenate([[0], total])[begins]
    anew: Whole = total - before[group]
    return anew


def _pair_one_by_one(columns: EventArrays, rows: Whole, begun: Whole) -> None:
    """Pair the events of one key with a loop, dropping calls that have waited longer than any call can last."""
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
    """The events that the next piece needs: ends after `until`, waiting calls, and errors and marks near `until`."""
    if until == END_OF_LOG:
        return np.zeros(len(columns.at), dtype=bool)
    is_later = columns.at > until
    ended = begun[columns.is_end & ~is_later]
    is_over = np.zeros(len(columns.at), dtype=bool)
    is_over[ended[ended != NONE]] = True
    is_over[opened] = True
    waits = columns.is_placed & ~is_over
    near_the_border = columns.is_error & (columns.at > until - BESIDE_US)
    # A mark belongs to a call that ends at most a day later; a fallback's mark may be just before its call.
    may_be_marked = columns.is_mark & (columns.at > until - LONGEST_CALL_US - BESIDE_US)
    return (columns.is_end & is_later) | waits | near_the_border | may_be_marked


def _near_a_call(columns: EventArrays) -> Truth:
    """The errors with a call of their phone within five seconds."""
    near = np.zeros(len(columns.at), dtype=bool)
    errors = np.flatnonzero(columns.is_error)
    near[errors] = find_nearest(columns, errors, np.flatnonzero(columns.is_placed | columns.is_end)) != NONE
    return near


def _attempts(events: pl.DataFrame, columns: EventArrays, rows: Whole, begun: Whole) -> pl.DataFrame:
    """One attempt for each row: an event that ended a call, or a call without an end."""
    own = _judged(events[rows])
    began = np.where(begun[rows] == NONE, rows, begun[rows])
    is_unexplained = own["outcome"].is_in(["failed", "no_answer"]) & own["code"].is_null()
    beside = _codes_beside(events, columns, rows, is_unexplained.to_numpy())
    marks = reasons_of_marks(events, began, rows)
    lost = beside.cast(pl.String).replace_strict(OUTCOME_OF_CODE, default=None, return_dtype=pl.String)
    unexplained_by_sip = pl.when(pl.col("outcome") == "failed").then(reason_of_sip("sip_response")).cast(REPEATED)
    return own.select(
        call_sid="call_sid",
        started_at=events["at"][began],
        environment="environment",
        client="phone",
        direction="direction",
        other_party=pl.coalesce("other_party", events["other_party"][began]),
        outcome=pl.coalesce(lost, "outcome"),
        reason=pl.coalesce("reason", "code", beside, unexplained_by_sip, marks),
        sip_response="sip_response",
        duration_s="duration_s",
        price=pl.lit(None),
        currency=pl.lit(None),
    ).cast(SCHEMA)


def _judged(events: pl.DataFrame) -> pl.DataFrame:
    """The events with direction and outcome, which are worked out once for each combination of kind and code."""
    met = events.select("kind", "code").unique()
    kinds = [EventKind.parse(text) for text in met["kind"].cast(pl.String)]
    codes = met["code"].cast(pl.String).fill_null("")
    said = met.with_columns(
        direction=pl.Series([kind.direction for kind in kinds], dtype=SCHEMA["direction"]),
        outcome=pl.Series([_outcome(kind, code) for kind, code in zip(kinds, codes, strict=True)], dtype=pl.String),
    )
    return events.join(said, on=["kind", "code"], how="left", nulls_equal=True, maintain_order="left")


def _outcome(kind: EventKind, code: str) -> str:
    if kind.role == "outcome":
        return outcome_of(kind.value, code)
    if kind.role in ("refused", "told"):
        return kind.role
    return "fallback" if kind.value == "fallback" else "unknown"


def _codes_beside(events: pl.DataFrame, columns: EventArrays, rows: Whole, is_wanted: Truth) -> pl.Series:
    """The error code near each of the wanted rows; codes for an absent phone take precedence over nearer ones."""
    beside = np.full(len(rows), NONE, dtype="int64")
    wanted = rows[is_wanted]
    absence = find_nearest(columns, wanted, np.flatnonzero(columns.is_absence))
    other = find_nearest(columns, wanted, np.flatnonzero(columns.is_error))
    beside[is_wanted] = np.where(absence == NONE, other, absence)
    kinds = events["kind"].gather(pl.Series(beside).set(pl.Series(beside == NONE), None))
    codes = {text: EventKind.parse(text).value for text in kinds.unique().drop_nulls().cast(pl.String)}
    return kinds.cast(pl.String).replace_strict(codes, return_dtype=REPEATED)
