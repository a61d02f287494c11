"""The bench itself: every figure in the registry can be measured, and its table says what was met."""

import json
import sys
from pathlib import Path

import pytest

from tests.benchmarks.child import ChildError, run_program
from tests.benchmarks.comparison import AtMost, Better, Beyond, Comparison, Within
from tests.benchmarks.programs.report_by_us import report
from tests.benchmarks.registry import FIGURES, measure_of
from tests.benchmarks.table import cells_of, markdown_table, text_table
from tests.calls.file_source.call_files import TWENTY, bulk_export


def test_every_figure_has_its_module_and_every_module_its_line() -> None:
    """A module without its line in the registry, or a line without its module, fails."""
    modules = {path.stem for path in (Path(__file__).parent / "figures").glob("[a-z]*.py")}
    assert modules == set(FIGURES)
    assert all(callable(measure_of(name)) for name in FIGURES)


@pytest.mark.parametrize(
    ("line", "ratio", "verdict"),
    [
        (Comparison("a", "s", 2, "peer", 8, Better(4)), "4x", "met"),
        (Comparison("a", "s", 2, "peer", 8, Better(5)), "4x", "MISSED"),
        (Comparison("a", "calls/s", 900, "peer", 90, Better(10), more_is_better=True), "10x", "met"),
        (Comparison("a", "s", 2.6, "peer", 2, Within(1.3)), "0.769x", "met"),
        (Comparison("a", "s", 2.7, "peer", 2, Within(1.3)), "0.741x", "MISSED"),
        (Comparison("a", "s", 2.9, "peer", 2, Beyond(1)), "0.69x", "met"),
        (Comparison("a", "s", 3.1, "peer", 2, Beyond(1)), "0.645x", "MISSED"),
        (Comparison("a", "ms", 29, aim=AtMost(30)), "", "met"),
        (Comparison("a", "s", 2, "peer that gave up", None, Better(3)), "", "MISSED"),
        (Comparison("a", "s", 2), "", ""),
    ],
)
def test_a_line_tells_how_many_times_as_good_we_are_and_whether_that_is_enough(
    line: Comparison, ratio: str, verdict: str
) -> None:
    """Less is better for seconds, more for calls a second; a line without an aim has no verdict."""
    cells = cells_of(line)
    assert (cells[4], cells[6]) == (ratio, verdict)


def test_the_table_is_for_a_terminal_and_for_a_page() -> None:
    """The same cells in both; nothing breaks a row of the page."""
    lines = [Comparison("a|b", "s", 1234.5, "peer", 2.345, Better(4)), Comparison("c", "MB", 3)]
    assert text_table(lines).splitlines()[1].split() == [
        "a|b",
        "1,234",
        "s",
        "2.35",
        "s",
        "peer",
        "0.0019x",
        "≥",
        "4x",
        "MISSED",
    ]
    assert markdown_table(lines).splitlines()[2].startswith("| a\\|b | 1,234 s | 2.35 s |")


def test_a_program_is_measured_with_its_children_and_one_that_fails_is_told() -> None:
    """A child's memory counts; the error of a failed program has its last line of output."""
    grow = "import time; grown = (b'a' * (80 << 20)).upper(); time.sleep(0.4)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"
    run = run_program([sys.executable, "-c", start + "; print('{\"total\": 3}')"])
    assert run.peak_mb > 80
    assert run.said == {"total": 3}
    with pytest.raises(ChildError, match="ended with 3: no luck"):
        run_program([sys.executable, "-c", "print('no luck'); raise SystemExit(3)"])


def test_the_report_that_is_measured_is_the_notebooks_own(tmp_path: Path) -> None:
    """Its program runs every cell of call_report as the notebook is today, and counts what a log has."""
    (tmp_path / "log.json").write_bytes(bulk_export(TWENTY))
    assert json.loads(report(str(tmp_path))) == {
        "answered": 5,
        "busy": 5,
        "failed": 5,
        "no_answer": 5,
    }
