"""Files of events are read as columns or row by row, and both find the same."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.event_source import rows as module
from dialtone_nb.calls.event_source.rows import ROWS, IrregularError, regular_rows, rows_of
from dialtone_nb.calls.file_source.json_rows import read_rows

texts = st.sampled_from(["lobby", "", "a},{b", '"}, {"', "é\n", "405", "}", "\\"]) | st.text(max_size=8)
inner = texts | st.integers()
rows = st.fixed_dictionaries(
    {"timestamp": st.just("2026-03-02T09:00:00Z"), "event": texts},
    optional={
        "endpoint": texts | st.none(),
        "call_sid": texts,
        "duration_s": st.none() | st.integers(0, 9999),
        # What is not asked for: other events carry whatever they like.
        "more": inner
        | st.lists(inner, max_size=3)
        | st.dictionaries(
            texts, inner | st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2), max_size=2
        ),
    },
)
JSON: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "array": json.dumps,
    "array without spaces": lambda rows: json.dumps(rows, separators=(",", ":"), ensure_ascii=False),
    "array over many lines": lambda rows: json.dumps(rows, indent=1),
    "lines": lambda rows: "\n".join(map(json.dumps, rows)),
    "lines with empty ones": lambda rows: "\n\n".join(map(json.dumps, rows)) + "\r\n",
}


def odd_rows(name: str, content: bytes, quality: Quality) -> pl.DataFrame:
    """The events of a file, read row by row."""
    return rows_of(name, read_rows(name, content.strip(), quality).rows, quality)


def read_regularly(*contents: str) -> pl.DataFrame:
    """The rows, read as columns; raises IrregularError if that is not possible."""
    return pl.concat([ROWS.to_frame(), *regular_rows(content.encode() for content in contents)])


@given(st.lists(rows, min_size=1, max_size=8), st.sampled_from(list(JSON)), st.sampled_from([5, 100, 4_000_000]))
@example([{"timestamp": "2026-03-02", "event": "a},{b"}], "array", 5)
@settings(max_examples=300, deadline=None)
def test_rows_that_are_not_looked_at_are_those_that_are(written: list[dict[str, Any]], how: str, size: int) -> None:
    """However they are written and whatever is in them, or the reader reports that they are irregular."""
    content = JSON[how](written)
    looked_at = odd_rows("x.json", content.encode(), Quality())
    assert looked_at["event"].to_list() == [row["event"] for row in written]
    with pytest.MonkeyPatch.context() as patch, suppress(IrregularError):
        patch.setattr(module, "READ_BYTES", size)
        assert_frame_equal(read_regularly(content), looked_at)


PLAIN = {"timestamp": "2026-03-02T09:00:00Z", "channel": "lobby", "event": "outgoing-call", "duration_s": 7}


@pytest.mark.parametrize("how", JSON)
def test_events_as_they_come_need_no_look(how: str) -> None:
    """Regular events are read as columns, from one file and from several, in parts of any size."""
    contents = [JSON[how]([{**PLAIN, "channel": f"{n}"} for n in range(30)]), JSON[how]([PLAIN])]
    if how == "array over many lines":
        with pytest.raises(IrregularError):
            read_regularly(*contents)
        return
    read = read_regularly(*contents)
    assert read["channel"].to_list() == [*map(str, range(30)), "lobby"]
    assert read["duration_s"].to_list() == [7] * 31
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "READ_BYTES", 100)
        assert_frame_equal(read_regularly(*contents), read)


@pytest.mark.parametrize(
    "content",
    [
        "",
        '[{"timestamp": "2026-03-02", "event": "busy"}',
        '[{"timestamp": "2026-03-02", "event": "busy"},',
        '[{"timestamp": "2026-03-02", "event": "busy"}, 7]',
        '[{"timestamp": "2026-03-02", "event": 7}]',
        '[{"timestamp": "2026-03-02", "event": true}]',
        '[{"timestamp": 1767225600, "event": "busy"}]',
        '[{"timestamp": "2026-03-02", "event": null}]',
        '[{"event": "busy"}]',
        '[{"timestamp": "2026-03-02", "event": "busy", "duration_s": "7"}]',
        '{"timestamp": "2026-03-02", "event": "busy"}\nno JSON',
    ],
)
def test_what_is_odd_is_seen(content: str) -> None:
    """A truncated file, a row that is no event, a value of another type: rows are read one by one."""
    with pytest.raises(IrregularError):
        read_regularly(json.dumps([PLAIN]), content)


def found(content: str) -> Sequence[tuple[str, int]]:
    """The findings about a file."""
    quality = Quality()
    odd_rows("x.json", content.encode(), quality)
    return [(finding.what, finding.count) for finding in quality.findings()]


def test_a_duration_that_is_no_whole_number_is_left_out_and_counted() -> None:
    """The event is kept without it."""
    events = [{**PLAIN, "duration_s": seconds} for seconds in (7, "7", 1.5, True, None)]
    assert odd_rows("x.json", json.dumps(events).encode(), Quality())["duration_s"].to_list() == [7, *[None] * 4]
    assert found(json.dumps(events)) == [("durations that are no whole seconds", 3)]
