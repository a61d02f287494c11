"""Tests grouped by the promise that they check, run and counted in one table beside the sweeps."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.tables import as_table
from tests.infrastructure.desk import ROOT

SUITES: Mapping[str, tuple[str, ...]] = {
    "two operators, two notebooks, two syncs at once; claims": (
        "faults/test_two_at_once.py",
        "infrastructure/test_claim.py",
        "infrastructure/test_break_claim.py",
        "calls/archive/test_sync.py",
    ),
    "what is repeated and what is not; time-outs, waits, requests in flight": (
        "account/test_transport.py",
        "account/test_backing_off.py",
        "infrastructure/test_unknown_outcomes.py",
    ),
    "secrets in nothing that is left, private files private": (
        "runbooks/test_every_runbook.py",
        "cli/test_find_secrets.py",
        "phones/test_private_files.py",
    ),
    "forged, changed, oversized and malformed webhooks, at functions and at our own server": (
        "infrastructure/test_forged_webhooks.py",
        "server/test_requests.py",
        "server/test_app.py",
        "server/test_faults.py",
    ),
    "a phone's limits, and calls out of its habit": ("server/test_limits.py", "verify/test_phone_activity.py"),
    "wrong inputs: parameters, command line, notebooks, archives, HTTP": ("bad_inputs",),
}


@dataclass(frozen=True)
class Held:
    """A promise, the number of tests that check it, and those that failed."""

    promise: str
    tests: int
    failed: tuple[str, ...]


def run_suites() -> list[Held]:
    """The result of every suite."""
    return [run_suite(promise, paths) for promise, paths in SUITES.items()]


def run_suite(promise: str, paths: tuple[str, ...]) -> Held:
    """The result of these tests."""
    tests = run_tests(paths)
    return Held(promise, len(tests), tuple(one.name for one in tests if one.is_failed))


@dataclass(frozen=True)
class Ran:
    """A test that was run, by its name with module and parameters."""

    name: str
    is_failed: bool


def run_tests(paths: Sequence[str]) -> list[Ran]:
    """Run these tests, named as in pytest below `tests/`, the way `make test` does, and return the results."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", f"--junitxml={report}"]
        subprocess.run(
            [*command, *(f"tests/{path}" for path in paths)], cwd=ROOT, stdout=subprocess.DEVNULL, check=False
        )
        return read_report(report.read_text(encoding="utf-8"))


def read_report(junit: str) -> list[Ran]:
    """The result of each test in pytest's report."""
    return [
        Ran(f"{one.get('classname')}.{one.get('name')}", bool(one.findall("failure") or one.findall("error")))
        for one in ET.fromstring(junit).iter("testcase")
    ]


def table_of_suites(held: list[Held]) -> str:
    """A row a promise: the number of tests that check it, and how many failed."""
    return as_table(["held by tests", "tests", "failed"], [[one.promise, one.tests, len(one.failed)] for one in held])
