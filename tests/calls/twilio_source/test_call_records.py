"""A page of call records is read without looking at a record, or record by record: both find the same."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dialtone_nb.calls.attempts.quality import Quality, describe_row
from dialtone_nb.calls.twilio_source.call_records import FIELDS, CallPage, read_page, records_of
from tests.calls.twilio_source.test_frame import call, leg

values = st.none() | st.sampled_from(
    ["", "Mon, 02 Mar 2026 09:00:00 +0000", "Mon, 02 Mar 2026 11:00:00 +0200", "soon", "31", "-0.0130", "é\n"]
)
records = st.fixed_dictionaries(
    {"sid": st.integers(0, 9).map(lambda n: f"CA{n}"), "status": st.sampled_from(["completed", "busy"])},
    optional={
        **{name: values for name in FIELDS if name not in ("sid", "status")},
        # What comes with every record and is never looked at.
        "subresource_uris": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
        "annotation": st.none() | st.integers(),
    },
)


def body(*records: Any, **more: Any) -> bytes:
    """A page as Twilio sends it."""
    return json.dumps({"calls": records, "page_size": 1000, "next_page_uri": None, **more}).encode()


@given(st.lists(records, max_size=6))
@settings(max_examples=150, deadline=None)
def test_records_that_are_not_looked_at_are_those_that_are(listed: list[dict[str, Any]]) -> None:
    """Whatever is missing, null or odd in them."""
    page, quality = read_page(body(*listed)), Quality()
    assert isinstance(page.records, pl.DataFrame)
    assert_frame_equal(records_of([page], quality), records_of([CallPage(listed)], quality))
    assert quality.findings() == ()


@pytest.mark.parametrize("odd", [None, 7, "text", [], {}, {"sid": "CA9"}, {"sid": 9, "status": "busy"}])
def test_a_page_with_an_odd_record_is_read_record_by_record(odd: Any) -> None:
    """The others are there, and the odd one is counted."""
    page, quality = read_page(body(call("CA1"), odd, leg("CA2"))), Quality()
    assert records_of([page], quality)["sid"].to_list() == ["CA1", "CA2"]
    assert [(one.what, one.count, one.example) for one in quality.findings()] == [
        ("call records that are none", 1, describe_row(odd))
    ]


def test_numbers_where_twilio_writes_texts_are_read_as_such() -> None:
    """A price and a duration that are no texts."""
    (row,) = records_of([read_page(body(call("CA1", price=-0.25, duration=7)))], Quality()).to_dicts()
    assert (row["amount"], row["seconds"]) == (-0.25, 7)


def test_the_next_page_is_named() -> None:
    """An empty page is one, too."""
    assert read_page(body(call("CA1"), next_page_uri="/more")).following == "/more"
    assert read_page(body()).following is None
    assert records_of([read_page(body())], Quality()).is_empty()


@pytest.mark.parametrize(
    "content", [body(call("CA1"))[:-1], body(call("CA1"))[:300], b"", b"[]", b"7", b'{"alerts": []}']
)
def test_what_is_no_whole_page_is_an_error(content: bytes) -> None:
    """Half of the calls would be a wrong report."""
    with pytest.raises(ValueError):
        read_page(content)
