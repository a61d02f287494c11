"""Futel's public call log: every total of the report equals a plain count over the same files."""

import collections
import functools
import os
import re
from pathlib import Path
from typing import Any

import pytest

from dialtone_nb.calls.load import CallData, load_calls
from tests.calls.event_source.plain_count import count_plainly, rows_of

FOLDER = Path(
    os.environ.get("DIALTONE_FUTEL_EVENTS", Path(__file__).resolve().parents[4] / "shared" / "data" / "futel-usage")
)
pytestmark = [
    pytest.mark.futel,
    pytest.mark.skipif(
        not FOLDER.is_dir(),
        reason=f"Futel's public events are not at {FOLDER} (DIALTONE_FUTEL_EVENTS names the folder)",
    ),
]


@functools.cache
def data_of(year: int) -> CallData:
    """A year's attempts."""
    return load_calls(FOLDER / f"{year}.tar.xz")


@functools.cache
def rows_of_year(year: int) -> list[dict[str, Any]]:
    """A year's rows that are outcomes or errors, read with the standard library alone."""
    rows = rows_of(FOLDER / f"{year}.tar.xz")
    return [row for row in rows if "dialstatus" in row["event"] or "error" in row["event"]]


@pytest.mark.parametrize(("year", "attempts"), [(2023, 513), (2024, 14_679), (2025, 59_226)])
def test_outgoing_attempts_equal_a_plain_count_of_lower_case_statuses(year: int, attempts: int) -> None:
    """A year's outgoing and incoming attempts are its lower-case statuses, no more and no fewer."""
    status = re.compile(r"(outgoing|incoming)-dialstatus-[a-z-]+(-.*)?$")
    plain = collections.Counter(found[1] for row in rows_of_year(year) if (found := status.match(row["event"])))
    data = data_of(year)
    assert data.frame["direction"].value_counts().to_dict() == dict(plain)
    assert plain["outgoing"] == attempts


def test_the_outcomes_of_2025_equal_a_plain_count_with_errors_within_five_seconds() -> None:
    """Completed, busy and canceled are counted as logged; failed and unanswered calls split by errors near them."""
    plain = count_plainly(rows_of_year(2025))
    assert (plain["outgoing", "answered"], plain["outgoing", "busy"], plain["outgoing", "canceled"]) == (
        28_958,
        1_601,
        14,
    )
    assert plain["outgoing", "unregistered"] + plain["outgoing", "unreachable"] == 6_687 + 4_679
    tally = data_of(2025).tally()
    assert tally.groupby(["direction", "outcome"])["attempts"].sum().to_dict() == dict(plain)


def test_2025_has_no_incoming_rate() -> None:
    """2025 has no incoming Twilio call, and failures in Asterisk alone make no rate."""
    data = data_of(2025)
    assert set(data.frame["direction"]) == {"outgoing"}
    kept_apart = {finding.what: finding.count for finding in data.findings}
    assert kept_apart["statuses in Asterisk's words"] == 218 + 112 + 30 + 662 + 15
