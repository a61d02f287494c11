"""A page of call records is read as columns or record by record, and both find the same."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dialtone_nb.calls.attempts.quality import Quality, describe_row
from dialtone_nb.calls.attempts.schema import pandas_of
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.twilio_source.call_records import FIELDS, CallPage, read_page, records_of
from dialtone_nb.calls.twilio_source.frame import frame_calls
from dialtone_nb.report.call_report import tabulate_cost, tabulate_findings
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
    """Whatever is missing, null or unusual in them."""
    page, quality = read_page(body(*listed)), Quality()
    assert isinstance(page.records, pl.DataFrame)
    assert_frame_equal(records_of([page], quality), records_of([CallPage(listed)], quality))
    assert quality.findings() == ()


@pytest.mark.parametrize("odd", [None, 7, "text", [], {}, {"sid": "CA9"}, {"sid": 9, "status": "busy"}])
def test_a_page_with_an_odd_record_is_read_record_by_record(odd: Any) -> None:
    """The other records are kept, and the unusual one is counted."""
    page, quality = read_page(body(call("CA1"), odd, leg("CA2"))), Quality()
    assert records_of([page], quality)["sid"].to_list() == ["CA1", "CA2"]
    assert [(one.what, one.count, one.example) for one in quality.findings()] == [
        ("call records that are none", 1, describe_row(odd))
    ]


def test_numbers_where_twilio_writes_texts_are_read_as_such() -> None:
    """A price or duration that is a number is accepted."""
    (row,) = records_of([read_page(body(call("CA1", price=-0.25, duration=7)))], Quality()).to_dicts()
    assert (row["amount"], row["seconds"]) == (-0.25, 7)


def test_the_next_page_is_named() -> None:
    """Also by an empty page."""
    assert read_page(body(call("CA1"), next_page_uri="/more")).following == "/more"
    assert read_page(body()).following is None
    assert records_of([read_page(body())], Quality()).is_empty()


@pytest.mark.parametrize(
    "content", [body(call("CA1"))[:-1], body(call("CA1"))[:300], b"", b"[]", b"7", b'{"alerts": []}']
)
def test_what_is_no_whole_page_is_an_error(content: bytes) -> None:
    """A truncated page would make a wrong report."""
    with pytest.raises(ValueError):
        read_page(content)


def told(*records: Any, alerts: Sequence[Any] = ()) -> tuple[pd.DataFrame, list[tuple[str, int, str]]]:
    """The attempts of these records and the findings: what, how often, an example."""
    quality = Quality()
    attempts = frame_calls(records_of([CallPage(records)], quality), alerts, quality=quality)
    return pandas_of(attempts), [(one.what, one.count, one.example) for one in quality.findings()]


def test_a_page_that_repeats_is_counted_once() -> None:
    """Every record of the page comes twice, and every attempt is there once."""
    page = [call("CA1"), leg("CA2"), call("CA3"), leg("CA4", "CA3")]
    frame, findings = told(*page, *page)
    assert frame["call_sid"].tolist() == ["CA1", "CA3"]
    assert findings == [("call records that came twice", 4, "CA1")]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_version_that_is_over_is_later_where_neither_tells_when_it_was_updated(turn: int) -> None:
    """Two downloads from the Console overlap, and the call was under way at the first; its price came later."""
    under_way = leg("CA2", status="in-progress", price=None, date_updated=None)
    over = leg("CA2", status="completed", date_updated=None)
    frame, _ = told(call("CA1"), *[under_way, over][::turn])
    assert frame["outcome"].tolist() == ["answered"]
    assert frame["price"].notna().all()


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_versions_the_later_is_used_whichever_came_first(turn: int) -> None:
    """A call that is ringing on one page and completed on the next is completed."""
    ringing = leg("CA2", status="ringing", price=None, date_updated="Mon, 02 Mar 2026 09:00:01 +0000")
    over = leg("CA2", status="busy", date_updated="Mon, 02 Mar 2026 09:00:31 +0000")
    frame, findings = told(call("CA1"), *[ringing, over][::turn])
    assert frame["outcome"].tolist() == ["busy"]
    assert findings == [("call records that came in two versions", 1, "CA2")]


@pytest.mark.parametrize(
    "foreign", ["text", 7, None, [], {}, {"sid": "CA9"}, {"sid": 9, "status": "completed"}, {"name": "somebody"}]
)
def test_a_foreign_record_is_left_out_and_named(foreign: Any) -> None:
    """The calls beside it are reported."""
    frame, findings = told(call("CA1"), foreign, leg("CA2"))
    assert frame["outcome"].tolist() == ["answered"]
    assert findings == [("call records that are none", 1, describe_row(foreign))]


@pytest.mark.parametrize("time", [None, "", "soon", "2026-13-02T09:00:00Z", 1234])
def test_a_call_without_a_time_is_left_out_and_named(time: Any) -> None:
    """It can't be assigned to a day; the example is what stands in place of its time."""
    frame, findings = told(call("CA1"), leg("CA2"), call("CA3", start_time=time, date_created=time))
    assert frame["call_sid"].tolist() == ["CA1"]
    assert findings == [("calls without a readable time", 1, str(time or "CA3"))]


def test_a_time_without_a_zone_is_utc() -> None:
    """As all of Twilio's times are."""
    frame, findings = told(call("CA1", start_time="Mon, 02 Mar 2026 09:00:00 -0000"), leg("CA2"))
    assert frame["started_at"].tolist() == [pd.Timestamp("2026-03-02T09:00:00Z")]
    assert findings == []


def test_a_clock_that_ran_backwards_is_named_and_the_call_is_kept() -> None:
    """Its outcome follows its status; a negative duration is ignored."""
    backwards = leg("CA2", end_time="Mon, 02 Mar 2026 08:59:00 +0000", duration="-60")
    frame, findings = told(call("CA1"), backwards)
    assert frame["outcome"].tolist() == ["answered"]
    assert frame["duration_s"].isna().all()
    assert findings == [
        ("calls that ended before they began", 1, "CA2"),
        ("calls with a duration that no call has", 1, "CA2"),
    ]


def test_a_price_that_is_no_number_is_named_and_in_no_cost() -> None:
    """The attempt is kept."""
    frame, findings = told(call("CA1"), leg("CA2", price="free"))
    assert frame["price"].isna().all()
    assert findings == [("calls whose price is not a number", 1, "CA2")]


def test_a_price_to_come_is_in_the_data_quality_and_in_no_cost() -> None:
    """The price is null until Twilio sets it; here for one answered call of two, and not for a busy one."""
    frame, _ = told(
        call("CA1"),
        leg("CA2", price=None),
        call("CA3"),
        leg("CA4", "CA3"),
        call("CA5"),
        leg("CA6", "CA5", status="busy", price=None),
    )
    data = CallData.of(frame, "a test")
    assert tabulate_findings(data).rows == (
        ("answered attempts without a settled price", 1, "counted, but in no cost", ""),
    )
    assert [row[1:3] for row in tabulate_cost(data.tally()).rows] == [(1, "0.02 USD")]


def test_foreign_alerts_are_left_out_and_named() -> None:
    """Other alerts still give their calls a reason."""
    warning = {"resource_sid": "CA2", "error_code": "32009", "date_created": "2026-03-02T09:00:01Z"}
    records = call("CA1"), leg("CA2", status="no-answer")
    frame, findings = told(*records, alerts=["text", {"resource_sid": 3}, warning])
    assert frame["outcome"].tolist() == ["unregistered"]
    assert findings == [("alerts that are none", 2, "a text")]


def test_nothing_odd_is_nothing_found() -> None:
    """Regular calls give no findings."""
    assert told(call("CA1"), leg("CA2"), leg("CA3", "CA1", duration="0", price="0.00"))[1] == []
