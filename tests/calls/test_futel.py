"""Futel's public call log: every total of the report equals a plain count over the same files."""

import bisect
import collections
import datetime
import functools
import json
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dialtone_nb.calls.load import CallData, load_calls
from dialtone_nb.calls.metrics import count_outcomes

FOLDER = Path(
    os.environ.get("DIALTONE_FUTEL_EVENTS", Path(__file__).resolve().parents[3] / "shared" / "data" / "futel-usage")
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
def rows_of(year: int) -> list[dict[str, Any]]:
    """A year's rows about outcomes and errors, by the standard library alone."""
    return [row for row in _every_row(year) if "dialstatus" in row["event"] or "error" in row["event"]]


def _every_row(year: int) -> Iterator[dict[str, Any]]:
    with tarfile.open(FOLDER / f"{year}.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file:
                yield from json.load(file)


def seconds(stamp: str) -> float:
    """A time of the log as seconds since 1970."""
    moment = datetime.datetime.fromisoformat(stamp)
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


@pytest.mark.parametrize(("year", "attempts"), [(2023, 513), (2024, 14_679), (2025, 59_226)])
def test_outgoing_attempts_equal_a_plain_count_of_lower_case_statuses(year: int, attempts: int) -> None:
    """A year's outgoing and incoming attempts are its lower-case statuses, no more and no fewer."""
    status = re.compile(r"(outgoing|incoming)-dialstatus-[a-z-]+(-.*)?$")
    plain = collections.Counter(found[1] for row in rows_of(year) if (found := status.match(row["event"])))
    data = data_of(year)
    assert data.frame["direction"].value_counts().to_dict() == dict(plain)
    assert plain["outgoing"] == attempts


def test_the_outcomes_of_2025_equal_a_plain_count_with_errors_within_five_seconds() -> None:
    """Completed, busy and canceled are counted as they stand; failed and unanswered split by the errors beside them."""
    errors: dict[str, list[tuple[float, str]]] = collections.defaultdict(list)
    ends: list[tuple[float, str, str]] = []
    for row in rows_of(2025):
        name, phone = row["event"], row["endpoint"]
        if name.startswith("error-"):
            errors[phone].append((seconds(row["timestamp"]), name.removeprefix("error-")))
        elif re.fullmatch("outgoing-dialstatus-[a-z-]+", name):
            ends.append((seconds(row["timestamp"]), phone, name.removeprefix("outgoing-dialstatus-")))
    for some in errors.values():
        some.sort()
    plain: collections.Counter[str] = collections.Counter()
    absent: collections.Counter[str] = collections.Counter()
    for at, phone, status in ends:
        near = errors[phone][
            bisect.bisect_left(errors[phone], (at - 5, "")) : bisect.bisect_right(errors[phone], (at + 5, "~"))
        ]
        codes = [code for _, code in sorted(near, key=lambda error: abs(error[0] - at))]
        lost = [code for code in codes if code in ("32009", "32011")]
        if status not in ("failed", "no-answer") or not codes:
            plain[{"completed": "answered", "no-answer": "no_answer"}.get(status, status)] += 1
        elif lost:
            absent[status] += 1
            plain["unregistered" if lost[0] == "32009" else "unreachable"] += 1
        else:
            plain["blocked" if codes[0] in ("13225", "13227") else status.replace("-", "_")] += 1

    assert absent == {"failed": 6_687, "no-answer": 4_679}
    assert (plain["answered"], plain["busy"], plain["canceled"]) == (28_958, 1_601, 14)
    counts = count_outcomes(data_of(2025).tally()).iloc[0]
    assert {outcome: int(count) for outcome, count in counts.items() if count} == dict(plain)


def test_2025_has_no_incoming_rate() -> None:
    """No Twilio call came in in 2025; Asterisk's failures alone make no rate."""
    data = data_of(2025)
    assert set(data.frame["direction"]) == {"outgoing"}
    kept_apart = {finding.what: finding.count for finding in data.findings}
    assert kept_apart["statuses in Asterisk's words"] == 218 + 112 + 30 + 662 + 15
