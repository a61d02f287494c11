"""Parsing each distinct row once finds the same as parsing all rows, or leaves the files to another reader."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.event_source import repeated_rows as module
from dialtone_nb.calls.event_source.log import Piece
from dialtone_nb.calls.event_source.repeated_rows import RepeatedRows
from dialtone_nb.calls.event_source.rows import IrregularError, regular_rows, rows_of
from dialtone_nb.calls.file_source.json_rows import read_rows

EVENTS = ("outgoing-call", "outgoing-dialstatus-busy", "error-32009", "registered", "incoming-dialstatus-completed-van")
texts = st.sampled_from(["lobby", "van", "", "é", "a}, {b", '"}, {"', "\\", "}"]) | st.text(max_size=4)
rows = st.fixed_dictionaries(
    {
        "timestamp": st.sampled_from(["2026-03-02T09:00:00Z", "2026-03-02T09:00:00.123Z", "2026-03-03T00:00:00"]),
        "event": st.sampled_from(EVENTS) | texts,
    },
    optional={
        "channel": texts | st.none(),
        "call_sid": texts | st.integers(),
        "duration_s": st.none() | st.integers(0, 9) | st.just("9"),
        "more": texts | st.lists(texts) | st.dictionaries(texts, texts),
    },
)
BUSY = {"timestamp": "2026-03-02T09:00:00Z", "channel": "lobby", "event": "outgoing-dialstatus-busy"}


def piece_of(*contents: bytes) -> Piece:
    """The result of the fast reader, which raises IrregularError if it leaves the files to others."""
    return RepeatedRows().read(contents, Quality())


def same(one: Piece, other: Piece) -> bool:
    """Whether two pieces are equal; which index stands for which repeated text does not matter."""
    texts = pl.col(pl.Categorical).cast(pl.String)
    assert_frame_equal(one.events.with_columns(texts), other.events.with_columns(texts))
    return (one.names, one.days, one.quality.findings()) == (other.names, other.days, other.quality.findings())


@given(st.lists(st.lists(rows, min_size=1, max_size=6), min_size=1, max_size=3), st.booleans())
@example([[BUSY, {**BUSY, "event": "a}, {b"}]], True)
@settings(max_examples=400, deadline=None)
def test_counting_finds_what_looking_at_each_row_finds(files: list[list[dict[str, Any]]], ascii_only: bool) -> None:
    """Or the reader reports that each row must be parsed."""
    contents = [json.dumps(one, ensure_ascii=ascii_only).encode() for one in files]
    try:
        counted = piece_of(*contents)
    except IrregularError:
        return
    quality = Quality()
    looked_at = pl.concat(rows_of("x", read_rows("x", one, quality).rows, quality) for one in contents)
    assert same(counted, Piece.of(looked_at, quality))


def test_events_as_they_come_are_counted() -> None:
    """A day's few distinct rows, times with and without fractions, in two files of any length."""
    day = [
        {"timestamp": f"2026-03-02T{n % 24:02d}:00:00{'.5' if n % 3 else ''}Z", "channel": f"p{n % 7}", "event": name}
        for n, name in enumerate(EVENTS * 40)
    ]
    contents = [json.dumps(part).encode() for part in (day[:150], day[150:])]
    parsed = pl.concat(regular_rows(contents))
    assert same(piece_of(*contents), Piece.of(parsed, Quality()))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'[{"timestamp": "AT", "event": "busy"}',
        b'[{"timestamp": "AT", "event": "busy"},]',
        b'[{"timestamp": "AT", "event": "busy"} {"timestamp": "AT", "event": "busy"}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "AT"}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "AT", "event": busy}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "AT", "event": 7}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "AT", "event": "a", "event": "b"}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "AT", "timestamp": "AT", "event": "b"}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "2026\\u002d03-02T09:00:00Z", "event": "busy"}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "1772442000.000000", "event": "busy"}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "AT\n", "event": "busy"}]',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "AT", "event": "\xff"}]',
        b'[{"timestamp": "AT", "event": "busy", "duration_s": true}]',
        b'[{"timestamp": "AT", "event": "busy", "duration_s": 99999999999999999999}]',
        b'[{"timestamp": "AT", "event": "busy", "channel": 405}]',
        b'[{"timestamp": "AT]"}]',
        b'{"timestamp": "AT", "event": "busy"}\n{"timestamp": "AT", "event": "busy"}',
        b'[{"timestamp": "AT", "event": "busy"}, {"timestamp": "2026-03-02", "event": "busy"}]',
        b'[{"timestamp": "AT", "event": "busy", "more": {"a": 1}, "other": 1234562026-03-02T09:00", "event": "busy"}]',
        b'[{"timestamp": "2026-03-02T\\"09:00:00Z", "event": "busy"}]',
    ],
)
def test_what_is_odd_is_left_to_others(content: bytes) -> None:
    """A truncated file, invalid JSON, a key twice, an escape in a time, a value of another type."""
    with pytest.raises(IrregularError):
        piece_of(json.dumps([BUSY] * 9).encode(), content.replace(b"AT", b"2026-03-02T09:00:00Z"))


@pytest.mark.parametrize("number", range(0, 200, 7))
def test_a_file_that_is_damaged_anywhere_is_read_as_it_would_be_row_by_row(number: int) -> None:
    """Any character may be replaced."""
    good = json.dumps([BUSY, {**BUSY, "event": "error-32009"}]).encode()
    for letter in b'"}\\,x \n\xc3':
        damaged = bytearray(good)
        damaged[number % len(good)] = letter
        try:
            counted = piece_of(bytes(damaged))
        except IrregularError:
            continue
        quality = Quality()
        looked_at = rows_of("x", read_rows("x", bytes(damaged), quality).rows, quality)
        assert same(counted, Piece.of(looked_at, quality))


def test_rows_that_do_not_repeat_are_soon_left_to_others_and_what_is_remembered_has_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows with call SIDs are all different: the reader gives up, and its memory does not grow with the log."""
    monkeypatch.setattr(module, "FEW", 100)
    monkeypatch.setattr(module, "MOST_KNOWN", 50)
    different = [json.dumps([{**BUSY, "call_sid": f"CA{file}{n}"} for n in range(60)]).encode() for file in range(3)]
    repeated = [json.dumps([{**BUSY, "channel": f"p{file}{n % 40}"} for n in range(400)]).encode() for file in range(9)]
    reader = RepeatedRows()
    for content in repeated:
        reader.read([content], Quality())
        assert reader._known.count <= 50 + 40
    reader = RepeatedRows()
    reader.read(different[:1], Quality())
    with pytest.raises(IrregularError):
        reader.read(different[1:2], Quality())
    with pytest.raises(IrregularError):
        reader.read(repeated[:1], Quality())
