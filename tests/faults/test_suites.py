"""The table of promises and their tests."""

from __future__ import annotations

from tests.faults.suites import SUITES, Held, read_report, table_of_suites
from tests.infrastructure.desk import ROOT

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="good"/>
<testcase classname="tests.a" name="bad"><failure message="it is so"/></testcase>
<testcase classname="tests.a" name="broken"><error message="it was not even tried"/></testcase>
</testsuite></testsuites>"""


def test_a_report_is_counted_and_what_failed_is_named() -> None:
    """Failed tests and tests with errors in set-up are both failures."""
    tests = read_report(REPORT)
    assert [one.name for one in tests if one.is_failed] == ["tests.a.bad", "tests.a.broken"]
    held = Held("promised", len(tests), ("tests.a.bad", "tests.a.broken"))
    assert table_of_suites([held]).endswith("| promised | 3 | 2 |")


def test_every_suite_is_there() -> None:
    """Each path of the table has tests."""
    assert all((ROOT / "tests" / path).exists() for paths in SUITES.values() for path in paths)
