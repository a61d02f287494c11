"""A report's tables and attempts as files: complete, masked as in the report, and safe in a spreadsheet."""

import csv
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dialtone_nb.calls.load import CallData
from dialtone_nb.errors import InputError
from dialtone_nb.report import call_report as report
from dialtone_nb.report.report_table import ReportTable
from tests.calls.strategies import frame_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def data_of(*attempts: dict[str, Any]) -> CallData:
    """These attempts as a source whose other parties are masked."""
    told: dict[str, Any] = {
        "client": "lobby",
        "direction": "outgoing",
        "outcome": "answered",
        "other_party": "+15035550199",
    }
    told |= dict.fromkeys(("reason", "duration_s", "price", "currency"))
    rows = [{"started_at": NOON + timedelta(minutes=n), **told, **one} for n, one in enumerate(attempts)]
    data = CallData.of(frame_of(rows), "a test")
    return CallData(data.attempts.select(show_numbers=False), "a test")


def rows_of(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file as a spreadsheet reads them."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def test_attempts_and_tables_are_written_for_the_owner_alone(tmp_path: Path) -> None:
    """Every attempt with its call SID in both formats, and every table, readable by the owner only."""
    data = data_of({"duration_s": 65, "price": 0.013, "currency": "USD"}, {"outcome": "failed", "reason": "SIP 603"})
    used = report.look_at_usage(data)
    tables = report.tables_of(data, (), report.look_for_life(data), (), (), used)
    listed = report.export_calls(data, tables, tmp_path / "export")
    files = sorted((tmp_path / "export").iterdir())
    assert {file.name for file in files} == {str(row[0]) for row in listed.rows}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    rows = rows_of(tmp_path / "export" / "attempts.csv")
    assert [row["call_sid"] for row in rows] == data.frame["call_sid"].tolist()
    assert [(row["duration_s"], row["price"], row["reason"]) for row in rows] == [
        ("65", "0.013", ""),
        ("", "", "SIP 603"),
    ]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "export" / "attempts.parquet"), data.frame)
    assert [row["outcome"] for row in rows_of(tmp_path / "export" / "outcomes.csv")] == ["answered", "failed"]


def test_other_parties_are_masked_as_in_the_report(tmp_path: Path) -> None:
    """Files have unmasked numbers only on request."""
    data = data_of({}, {"direction": "incoming"})
    report.export_calls(
        data, report.tables_of(data, (), report.look_for_life(data), (), (), report.look_at_usage(data)), tmp_path
    )
    assert not [file.name for file in tmp_path.iterdir() if b"5550199" in file.read_bytes()]
    assert rows_of(tmp_path / "attempts.csv")[0]["other_party"] == "'+1503555••••"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_that_is_a_formula_stays_a_text(tmp_path: Path, name: str) -> None:
    """Names come from a log, so a spreadsheet must not execute them."""
    data = data_of({"client": name})
    report.export_calls(data, {"odd": ReportTable.of(("phone",), [(name,)])}, tmp_path)
    assert rows_of(tmp_path / "attempts.csv")[0]["client"] == f"'{name}"
    assert rows_of(tmp_path / "odd.csv")[0]["phone"] == f"'{name}"


def test_a_folder_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    """There is a file at its path."""
    (tmp_path / "export").write_text("")
    with pytest.raises(InputError, match="parameter export"):
        report.export_calls(data_of({}), {}, tmp_path / "export")


def test_a_report_can_be_narrowed_down() -> None:
    """By phone, direction, outcome, reason or number in any format; attempts left out are counted."""
    data = data_of({}, {"client": "van"}, {"outcome": "failed", "reason": "13224"}, {"other_party": "+12125550100"})
    sids = data.frame["call_sid"].tolist()
    for asked, kept in (
        ({"client": "van"}, [1]),
        ({"outcome": "failed"}, [2]),
        ({"reason": "13224"}, [2]),
        ({"number": "(212) 555-0100"}, [3]),
        ({"number": "+12125550100", "client": "lobby"}, [3]),
        ({"direction": "incoming"}, []),
    ):
        narrowed = data.narrow(**asked)
        assert narrowed.frame["call_sid"].tolist() == [sids[n] for n in kept]
        assert int(narrowed.tally()["attempts"].sum()) == len(kept)
        assert [(one.count, one.treatment) for one in narrowed.findings] == [(4 - len(kept), "left out, as asked")]
    assert data.narrow() is data


@pytest.mark.parametrize(("name", "value"), [("direction", "inbound"), ("outcome", "lost")])
def test_what_no_attempt_can_have_is_one_line(name: str, value: str) -> None:
    """The error lists the possible values."""
    with pytest.raises(InputError, match=f"parameter {name}: is '{value}'; use one of "):
        data_of({}).narrow(**{name: value})


def test_a_call_leads_to_the_console_where_it_is_real() -> None:
    """A rehearsal's call has its SID without a link."""
    data = data_of({})
    (sid,) = data.frame["call_sid"]
    assert (
        f'href="https://console.twilio.com/us1/monitor/logs/calls/{sid}"'
        in report.tabulate_attempts(data, is_real=True)._repr_html_()
    )
    told = report.tabulate_attempts(data)._repr_html_()
    assert sid in told
    assert "href" not in told
